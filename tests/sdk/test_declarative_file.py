"""A file connector that is nothing but a manifest: files that come into a folder, and one that holds all records."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import ConfigurationError, OperatorError, TransientError
from onevoice.messages import Change, ListEntry, WriteOutcome
from onevoice.sdk import Discoverer, RecordWriter, Settings
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import load_manifest

MARK = "marked.person@example.com"
MANIFEST = """
id: office
title: Office
owner: sales
kind: file
settings:
  type: object
  additionalProperties: false
  required: [folder]
  properties:
    folder: {type: string, description: the folder}
streams:
  news:
    mode: poll
    page_size: 2
    overlap_seconds: 0
    file: {pattern: "news-*.ndjson", format: ndjson, key: id}
  people:
    mode: poll
    writable: true
    file: {pattern: people.csv, format: csv, key: id, version: changed, complete: true, writable: [mail]}
capabilities: {max_batch: 10, suppression: none}
"""
PEOPLE = "id,mail,changed\r\n1,a@example.com,2025-05-01T09:00:00Z\r\n2,,2025-05-02T09:00:00Z\r\n"
Put = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def put(folder: Path) -> Put:
    """Put a file there in one step, as another program would."""

    def put_(name: str, content: str) -> Path:
        (folder / ".new").write_text(content, encoding="utf-8", newline="")
        return (folder / ".new").rename(folder / name)

    return put_


class Later:
    """A clock that runs ahead of the file system's, as far as a test says."""

    def __init__(self) -> None:
        self.ahead = timedelta(seconds=10)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def connected(folder: Path, clock: Later, manifest: str = MANIFEST) -> Any:
    home = folder.parent / "office"
    home.mkdir(exist_ok=True)
    (home / "manifest.yaml").write_text(manifest, encoding="utf-8")
    settings = Settings(system="office", values={"folder": str(folder)}, secrets={}, now=clock)
    return build(load_manifest(home, "connectors.office"), settings)


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
def office(folder: Path, clock: Later) -> Any:
    return connected(folder, clock)


def keys(pages: Any) -> list[list[str]]:
    return [[record.key for record in page.records] for page in pages]


def test_each_new_file_is_read_once_in_the_order_of_coming(office: Any, put: Put) -> None:
    put("news-b.ndjson", '{"id": 1}\n{"id": 2}\n{"id": 3}\n')
    put("other.ndjson", '{"id": 9}\n')
    pages = list(office.read("news", None))
    assert keys(pages) == [["1", "2"], ["3"]]
    assert pages[0].cursor == {}, "a read killed within a file begins the file again"
    put("news-a.ndjson", '{"id": 4}\n')
    later = list(office.read("news", pages[-1].cursor))
    assert keys(later) == [["4"]]
    assert list(office.read("news", later[-1].cursor)) == []


def test_a_record_without_a_version_has_the_files_time(office: Any, put: Put) -> None:
    path = put("news-a.ndjson", '{"id": 1, "n": "old"}\n{"id": 1, "n": "new"}\n')
    [record] = [record for page in office.read("news", None) for record in page.records]
    assert record.data == {"id": 1, "n": "new", "_version": record.version}
    touched = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    assert record.version == touched.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_file_renamed_into_place_late_is_news_however_old_it_is(office: Any, put: Put, folder: Path) -> None:
    (folder / "late").write_text('{"id": 1}\n')
    os.utime(folder / "late", (1, 1))
    put("news-a.ndjson", '{"id": 2}\n')
    [page] = office.read("news", None)
    (folder / "late").rename(folder / "news-b.ndjson")
    assert keys(office.read("news", page.cursor)) == [["1"]]


def test_what_is_still_written_waits(office: Any, put: Put, clock: Later, folder: Path) -> None:
    put("news-a.ndjson", '{"id": 1}\n')
    (folder / "news-b.ndjson.part").write_text('{"id": 2}\n')
    clock.ahead = timedelta(0)
    assert list(office.read("news", None)) == [], "touched a moment ago"
    clock.ahead = timedelta(seconds=10)
    put("news-a.ndjson", '{"id": 1}\n{"id": 2, "mail": "' + MARK)
    with pytest.raises(TransientError, match=r"file news-a.ndjson: the file ends in the middle") as caught:
        list(office.read("news", None))
    assert MARK not in str(caught.value)
    put("news-a.ndjson", '{"id": 1}\n{"id": 2}\n')
    assert keys(office.read("news", None)) == [["1", "2"]]


def test_a_marker_says_that_a_file_is_whole(folder: Path, clock: Later, put: Put) -> None:
    office = connected(folder, clock, MANIFEST.replace("key: id}", "key: id, marker: .done}"))
    put("news-a.ndjson", '{"id": 1}\n')
    assert list(office.read("news", None)) == []
    put("news-a.ndjson.done", "")
    assert keys(office.read("news", None)) == [["1"]]


def test_an_odd_line_is_set_aside_by_itself(office: Any, put: Put) -> None:
    put("news-a.ndjson", '{"id": 1}\nnot json\n{"id": 3}\n')
    records = [record for page in office.read("news", None) for record in page.records]
    assert [(record.key, record.data) for record in records][1] == ("", {"_line": 2, "_text": "not json"})
    assert [record.key for record in records] == ["1", "", "3"]


def test_a_damaged_file_stops_the_system_by_name(office: Any, put: Put, folder: Path) -> None:
    put("people.csv", "id,changed\n1,2025-05-01T09:00:00Z\n".replace("changed", MARK))
    with pytest.raises(OperatorError, match=r"file people.csv: the file lacks the column changed") as caught:
        office.check()
    assert MARK not in str(caught.value)
    put("people.csv", PEOPLE)
    office.check()
    (folder / "people.csv").unlink()
    (folder / "people.csv").symlink_to(folder.parent / "secret.csv")
    (folder.parent / "secret.csv").write_text(PEOPLE)
    with pytest.raises(OperatorError, match="leads out of the folder"):
        office.check()


def test_a_complete_file_says_what_is_gone_and_others_do_not(office: Any, put: Put) -> None:
    put("people.csv", PEOPLE)
    put("news-a.ndjson", '{"id": 1}\n')
    [one, gone] = office.readback("people", ["1", "7"])
    assert (one.key, one.deleted, gone.key, gone.deleted) == ("1", False, "7", True)
    assert [record.key for record in office.readback("news", ["1", "7"])] == ["1"]


def test_without_any_file_nothing_is_said_to_be_gone(office: Any) -> None:
    assert office.readback("people", ["1"]) == []


def test_it_writes_into_the_complete_file(office: Any, put: Put, folder: Path) -> None:
    put("people.csv", PEOPLE)
    [page] = office.read("people", None)
    first, second = page.records
    changes = [
        Change(key="1", fields={"mail": "new@example.com"}, expected_version=first.version),
        Change(key="2", fields={"mail": "b@example.com"}, expected_version="2025-01-01T00:00:00.000000Z"),
        Change(key="7", fields={"mail": "c@example.com"}),
        Change(key="2", fields={"changed": "x"}, expected_version=second.version),
    ]
    results = office.write("people", changes)
    assert [result.outcome for result in results] == [
        WriteOutcome.APPLIED,
        WriteOutcome.CONFLICT,
        WriteOutcome.MISSING,
        WriteOutcome.REFUSED,
    ]
    [found] = office.readback("people", ["1"])
    assert found.data["mail"] == "new@example.com"
    assert found.version == results[0].version > first.version
    assert (folder / "people.csv").read_bytes().decode().splitlines()[2] == "2,,2025-05-02T09:00:00Z"
    again = office.write("people", changes[:1])
    assert [result.outcome for result in again] == [WriteOutcome.CONFLICT]


def test_writers_at_once_lose_nothing(folder: Path, clock: Later, put: Put) -> None:
    put("people.csv", "id,mail,changed\r\n" + "".join(f"{n},,2025-05-01T09:00:00Z\r\n" for n in range(20)))
    lanes = [connected(folder, clock), connected(folder, clock)]

    def write(n: int) -> Any:
        return lanes[n % 2].write("people", [Change(key=str(n), fields={"mail": f"m{n}@example.com"})])

    with ThreadPoolExecutor(4) as pool:
        assert all(result[0].outcome is WriteOutcome.APPLIED for result in pool.map(write, range(20)))
    mails = [record.data["mail"] for record in lanes[0].readback("people", [str(n) for n in range(20)])]
    assert mails == [f"m{n}@example.com" for n in range(20)]


def test_a_file_with_an_odd_line_is_not_written_over(office: Any, put: Put, folder: Path) -> None:
    put("people.csv", PEOPLE + "3\r\n")
    with pytest.raises(OperatorError, match="cannot be read"):
        office.write("people", [Change(key="1", fields={"mail": None})])
    assert (folder / "people.csv").read_bytes().decode() == PEOPLE + "3\r\n"


def test_it_drafts_a_schema(office: Any, put: Put) -> None:
    assert isinstance(office, Discoverer)
    assert isinstance(office, RecordWriter)
    put("people.csv", PEOPLE)
    schema = office.discover("people")
    assert schema["required"] == ["id", "changed"]
    assert schema["properties"]["mail"] == {"type": ["string", "null"], "x-personal": True}


def test_a_folder_of_records_takes_suppression_lists_as_well(folder: Path, clock: Later, put: Put) -> None:
    office = connected(folder, clock, MANIFEST + "lists: {stop: {channels: [phone]}}\n")
    put("people.csv", PEOPLE)
    with pytest.raises(OperatorError, match="inbox"):
        office.check()
    for name in ("inbox", "outbox"):
        (folder / name).mkdir()
    office.check()
    stop = ListEntry(channel="phone", point="+441614960123", purpose="marketing", reason="opt_out", since=clock())
    office.write_list("stop", [stop])
    assert office.readback_list("stop") is None, "handed over is not loaded"
    (folder / "inbox" / "stop.csv").rename(folder / "outbox" / "stop-loaded.csv")
    (folder / "outbox" / "stop-loaded.json").write_text('{"rows": 1}')
    assert office.readback_list("stop") == {("phone", "+441614960123", "marketing")}
    assert keys(office.read("people", None)) == [["1", "2"]]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("format: ndjson", "format: fixed", "widths"),
        ("format: csv", "format: xml, element: person", "xml"),
        ("complete: true, ", "", "complete"),
        ("key: id}", "key: id, encoding: klingon}", "streams.news.file.encoding: 'klingon' is no encoding"),
    ],
)
def test_a_wrong_manifest_is_named(folder: Path, clock: Later, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        connected(folder, clock, MANIFEST.replace(old, new))
