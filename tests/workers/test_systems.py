"""Systems: connectors are built once, given up when a system does not let us in, and closed when nobody uses them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from onevoice.config import load_config
from onevoice.errors import OperatorError, PausedError, TransientError
from onevoice.workers import systems as module
from onevoice.workers.breaker import MOST_SECONDS, TRIES
from onevoice.workers.outbox import waiting
from onevoice.workers.systems import READ, WRITE, Systems, settings_of
from tests.workers.walk import Walk


class Kept:
    """A connector that says whether it was closed, and may fail at it."""

    def __init__(self) -> None:
        self.closed = False
        self.stubborn = False

    def check(self) -> None:
        """Nothing to prove."""

    def close(self) -> None:
        self.closed = True
        if self.stubborn:
            raise ValueError("does not close")


@pytest.fixture
def systems(new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch) -> Systems:
    walk = new_walk()
    monkeypatch.setattr(module, "build", lambda _manifest, _settings: Kept())
    return Systems(walk.config, walk.store, walk.catalog)


def refused(systems: Systems) -> None:
    with pytest.raises(OperatorError), systems.contact("crm", WRITE):
        raise OperatorError("system crm: does not let us in")


def test_connectors_of_a_parked_system_are_closed_and_built_anew(systems: Systems) -> None:
    read, record, other = (systems.connector(*one) for one in (("crm", "read"), ("crm", "record"), ("shop", "read")))
    given_up: list[Any] = [read, record]
    given_up[0].stubborn = True
    refused(systems)
    assert [one.closed for one in given_up] == [True, True]
    assert systems.parked() == {"crm"}
    assert systems.connector("crm", "read") is not read
    assert systems.connector("shop", "read") is other
    assert not other.closed  # type: ignore[attr-defined]


def test_a_connector_that_another_thread_speaks_through_is_closed_when_that_has_ended(systems: Systems) -> None:
    record: Any = systems.connector("crm", "record")
    with systems.contact("crm", WRITE):
        refused(systems)
        assert not record.closed
    assert record.closed


def fail(systems: Systems, way: str, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(TransientError), systems.contact("crm", way):
            raise TransientError("system crm: no answer")


def test_one_that_fails_again_and_again_is_left_alone_that_way_only_and_each_time_for_longer(systems: Systems) -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    systems.clock = lambda: now
    fail(systems, WRITE, TRIES)
    pauses = []
    for _ in range(3):
        with pytest.raises(PausedError) as refused, systems.contact("crm", WRITE):
            raise AssertionError("no contact was to be made")
        assert refused.value.retry_after is not None
        pauses.append(refused.value.retry_after)
        with systems.contact("crm", READ), systems.contact("shop", WRITE):
            """The others are spoken to."""
        now += timedelta(seconds=pauses[-1])
        fail(systems, WRITE)
    assert pauses == [pauses[0], 2 * pauses[0], 4 * pauses[0]]
    now += timedelta(seconds=MOST_SECONDS)
    with systems.contact("crm", WRITE):
        """It is back."""
    fail(systems, WRITE, TRIES - 1)
    assert not systems.is_paused("crm", WRITE)


def test_who_is_parked_is_told_of_once(systems: Systems) -> None:
    with capture_logs() as said:
        refused(systems)
        refused(systems)
        systems.resume("crm")
        refused(systems)
    assert [one["event"] for one in said] == ["system_parked"] * 2
    with systems.store.transaction() as connection:
        _, told = waiting(connection, limit=10)
    assert [(one.type, one.subject) for one in told] == [("system.parked", "crm")] * 2


def test_the_end_closes_what_was_given_up_as_well(systems: Systems) -> None:
    first: Any = systems.connector("crm", "read")
    with systems.contact("crm", WRITE):
        refused(systems)
        second: Any = systems.connector("crm", "read")
        systems.close()
        assert first.closed
        assert second.closed


def test_a_secret_that_the_system_changed_is_kept_and_read_anew(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0ld")
    (tmp_path / "onevoice.toml").write_text(
        '[systems.shop]\nconnector = "sample_shop"\nsecrets = {token = {file = "token"}, other = {env = "HOME"}}\n'
    )
    settings = settings_of(load_config(tmp_path / "onevoice.toml"), "shop")
    settings.keep("token", "n3w")
    assert settings.secrets["token"] == "n3w"
    assert "n3w" not in repr(settings)
    with capture_logs() as said:
        settings.keep("other", "n3w")
    assert said[0]["event"] == "secret_not_kept"
    assert "n3w" not in str(said)
