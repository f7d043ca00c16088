"""A short race on each run of the tests; `make races` is the long one."""

from __future__ import annotations

from pathlib import Path

from onevoice.store import open_store
from onevoice.store.migrate import upgrade
from tests.races.race import Race


def run(url: str, folder: Path, *, trials: int, recheck: bool) -> tuple[int, int, int]:
    upgrade(url)
    store = open_store(url, pool_size=60)
    found = Race(store=store, folder=folder, trials=trials, capped=1, recheck=recheck).run(pairs=3)
    store.close()
    return found.wrong_contacts, found.wrongly_withheld, found.delivered


def test_no_contact_is_wrong_and_none_is_withheld(pg_url: str, tmp_path: Path) -> None:
    wrong, withheld, delivered = run(pg_url, tmp_path, trials=80, recheck=True)
    assert (wrong, withheld) == (0, 0)
    assert 0 < delivered < 80


def test_without_the_check_at_the_last_moment_wrong_contacts_are_made(pg_url: str, tmp_path: Path) -> None:
    wrong, _, _ = run(pg_url, tmp_path, trials=40, recheck=False)
    assert wrong > 0
