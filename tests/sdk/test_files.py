"""Files appear whole or not at all, and are read within limits."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from onevoice.errors import OperatorError, RecordError
from onevoice.sdk.files import check_folder, csv_bytes, csv_rows, json_object, read_whole, write_whole

WHERE = "system callcentre, stream suppression"
MARK = "+447400999999"


def test_a_file_is_replaced_in_one_step_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "list.csv"
    write_whole(target, b"old", where=WHERE)
    with target.open("rb") as reader:
        digest = write_whole(target, b"new content", where=WHERE)
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new content"
    assert digest == hashlib.sha256(b"new content").hexdigest()
    assert [entry.name for entry in tmp_path.iterdir()] == ["list.csv"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "list.csv"
    write_whole(target, b"old", where=WHERE)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match=r"errno 28"):
        write_whole(target, b"new", where=WHERE)
    assert target.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["list.csv"]


def test_a_missing_folder_asks_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="inbox"):
        write_whole(tmp_path / "inbox" / "list.csv", b"", where=WHERE)
    with pytest.raises(OperatorError, match="inbox"):
        check_folder(tmp_path / "inbox", where=WHERE, writable=True)


def test_reading_knows_absent_from_too_large(tmp_path: Path) -> None:
    assert read_whole(tmp_path / "none.csv", where=WHERE) is None
    (tmp_path / "large.csv").write_bytes(b"x" * 11)
    assert read_whole(tmp_path / "large.csv", where=WHERE, max_bytes=11) == b"x" * 11
    with pytest.raises(OperatorError, match="larger than 10 bytes"):
        read_whole(tmp_path / "large.csv", where=WHERE, max_bytes=10)


def test_csv_goes_there_and_back_with_what_people_put_into_it() -> None:
    rows = [[MARK, 'said "never"\nagain, please'], ["ärger@example.com", ""]]
    content = csv_bytes(["point", "note"], rows)
    assert [list(row.values()) for row in csv_rows(content, ["point", "note"], where=WHERE)] == rows
    assert csv_rows(b"\xef\xbb\xbfpoint,extra\r\na,b\r\n", ["point"], where=WHERE) == [{"point": "a"}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"number\r\n+447400999999\r\n", "lacks the column point"),
        (b"", "lacks the column point"),
        (b"point,note\r\n+447400999999", "line 2"),
        (b"point,note\r\n\xe4,+447400999999\r\n", "not UTF-8"),
        (b'point,note\r\n"+447400999999', "not CSV"),
    ],
)
def test_a_damaged_csv_file_is_named_and_not_quoted(content: bytes, reason: str) -> None:
    with pytest.raises(RecordError, match=reason) as caught:
        csv_rows(content, ["point", "note"], where=WHERE)
    assert MARK not in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b""])
def test_a_damaged_json_file_is_named(content: bytes) -> None:
    with pytest.raises(RecordError, match="JSON"):
        json_object(content, where=WHERE)
