"""Systems: connectors are built once, given up when a system does not let us in, and closed when nobody uses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from onevoice.config import load_config
from onevoice.errors import OperatorError
from onevoice.workers import systems as module
from onevoice.workers.systems import Systems, settings_of
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
    with pytest.raises(OperatorError), systems.contact("crm"):
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
    with systems.contact("crm"):
        refused(systems)
        assert not record.closed
    assert record.closed


def test_the_end_closes_what_was_given_up_as_well(systems: Systems) -> None:
    first: Any = systems.connector("crm", "read")
    with systems.contact("crm"):
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
