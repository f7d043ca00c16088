"""The call centre connector against the sample call centre's folders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import ConfigurationError, OperatorError
from onevoice.sdk import ListEntry, ListWriter, RecordWriter
from samples.callcentre.store import CallCentreStore
from samples.callcentre.suppression import SuppressionFolder
from samples.serving.journal import Journal

SINCE = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def entry(channel: str, point: str, purpose: str = "marketing", reason: str = "opt_out") -> ListEntry:
    return ListEntry(channel=channel, point=point, purpose=purpose, reason=reason, since=SINCE)


PHONE = entry("phone", "+442079460000")
MAIL = entry("email", 'o"brien, jr@example.com'.replace(" ", ""))


class Centre:
    """The part of the call centre that takes lists."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = CallCentreStore(folder)
        self.journal = Journal(folder / "journal.jsonl")
        self.lists = SuppressionFolder(folder, self.store, self.journal)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    running = Centre(tmp_path)
    yield running
    running.store.close()
    running.journal.close()


@pytest.fixture
def connector(centre: Centre, connect: Any) -> Any:
    return connect("sample_callcentre", "callcentre", {"folder": str(centre.folder)})


def test_it_takes_lists_and_is_not_asked_for_records(connector: Any) -> None:
    assert isinstance(connector, ListWriter)
    assert not isinstance(connector, RecordWriter)
    connector.check()


def test_a_list_is_proven_once_the_call_centre_has_loaded_it(centre: Centre, connector: Any) -> None:
    assert connector.readback_list("suppression") is None
    connector.write_list("suppression", [PHONE, MAIL])
    assert connector.readback_list("suppression") is None
    assert centre.lists.look()
    assert connector.readback_list("suppression") == {
        ("phone", "+442079460000", "marketing"),
        ("email", 'o"brien,jr@example.com', "marketing"),
    }
    assert [row[4] for row in centre.store.suppression_list()] == ["2025-06-01T12:00:00.000000Z"] * 2


def test_what_is_in_force_is_told_until_the_next_list_is_loaded(centre: Centre, connector: Any) -> None:
    connector.write_list("suppression", [PHONE])
    centre.lists.look()
    connector.write_list("suppression", [MAIL])
    connector.write_list("suppression", [])
    assert connector.readback_list("suppression") == {("phone", "+442079460000", "marketing")}
    centre.lists.look()
    assert connector.readback_list("suppression") == frozenset()


def test_an_entry_that_cannot_be_taken_does_not_keep_the_others_out(centre: Centre, connector: Any) -> None:
    connector.write_list("suppression", [entry("phone", "020 7946"), entry("email", "nobody"), PHONE])
    centre.lists.look()
    assert connector.readback_list("suppression") == {("phone", "+442079460000", "marketing")}


def test_a_receipt_that_is_under_way_is_no_proof(centre: Centre, connector: Any) -> None:
    connector.write_list("suppression", [PHONE])
    centre.lists.look()
    (centre.folder / "outbox" / "suppression-loaded.json").write_text('{"rows": 2}')
    assert connector.readback_list("suppression") is None


def test_a_damaged_receipt_is_named_and_not_quoted(centre: Centre, connector: Any) -> None:
    connector.write_list("suppression", [PHONE])
    centre.lists.look()
    (centre.folder / "outbox" / "suppression-loaded.csv").write_text("channel,point\nphone,+442079460000\n")
    with pytest.raises(OperatorError, match="lacks the column purpose") as caught:
        connector.readback_list("suppression")
    assert "+4420" not in str(caught.value)


def test_a_missing_folder_or_list_is_named(tmp_path: Path, connect: Any) -> None:
    connector = connect("sample_callcentre", "callcentre", {"folder": str(tmp_path / "nowhere")})
    with pytest.raises(OperatorError, match="inbox"):
        connector.check()
    with pytest.raises(OperatorError, match="inbox"):
        connector.write_list("suppression", [])
    with pytest.raises(ConfigurationError, match="'newsletter'"):
        connector.write_list("newsletter", [])
