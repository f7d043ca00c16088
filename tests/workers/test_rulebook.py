"""The versions of the rules in a running hub: compiled once, whoever asks at once; live from one commit on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from onevoice.errors import OperatorError
from onevoice.store import open_store
from onevoice.store.migrate import upgrade
from onevoice.workers.decisions import Rulebook, Rules, rulebook

RULES = Path(__file__).parents[2] / "rules"


def test_version_is_compiled_once_by_many_that_ask_at_once(pg_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(pg_url)
    store = open_store(pg_url)
    Rulebook(RULES).begin(store)
    begin, compiled, found = threading.Barrier(8), [], []
    real = rulebook.rules_of

    def counted(stored: dict[str, str]) -> Rules:
        compiled.append(stored)
        return real(stored)

    monkeypatch.setattr(rulebook, "rules_of", counted)
    cold = Rulebook(RULES)

    def ask() -> None:
        begin.wait(30)
        with store.reading() as connection:
            found.append(cold.now(connection).live)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (len(compiled), len(found)) == (1, 8)
    assert all(one is found[0] for one in found)
    store.close()


def test_nothing_decides_before_anything_was_released(pg_url: str) -> None:
    upgrade(pg_url)
    store = open_store(pg_url)

    with pytest.raises(OperatorError, match="onevoice rules live"), store.reading() as connection:
        Rulebook(RULES).now(connection)
    store.close()
