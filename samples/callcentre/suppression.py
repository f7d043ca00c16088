"""The suppression list: taken from a folder, loaded as a whole, confirmed in another folder.

`inbox/suppression.csv` (UTF-8, header channel,point,purpose,reason,since) is the full list. When it is good it replaces
the list before it, and `outbox/suppression-loaded.csv` with its sidecar `suppression-loaded.json` say what is in force
now. When it is malformed it goes to `rejected/` with the reason beside it, and the old list stays.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from samples.callcentre.store import LIST_COLUMNS, CallCentreStore
from samples.serving.journal import Journal

NAME = "suppression.csv"
CLAIMED = ".loading-suppression.csv"
POLL = 0.1
LARGEST = 64 * 1024 * 1024
POINTS = {
    "phone": re.compile(r"\+[1-9]\d{6,14}"),
    "sms": re.compile(r"\+[1-9]\d{6,14}"),
    "email": re.compile(r"\S+@\S+"),
}
ANY_POINT = re.compile(r".*\S.*")


class MalformedError(Exception):
    """A list that is not taken. The message names line and column, never a value."""


def parse(content: bytes) -> list[tuple[str, ...]]:
    """The rows of a list. Raises MalformedError."""
    if len(content) > LARGEST:
        raise MalformedError(f"larger than {LARGEST} bytes")
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except UnicodeDecodeError:
        raise MalformedError("not UTF-8") from None
    except csv.Error:
        raise MalformedError("not CSV") from None
    if not lines or tuple(lines[0]) != LIST_COLUMNS:
        raise MalformedError(f"line 1: the header must be {','.join(LIST_COLUMNS)}")
    return [_row(number, cells) for number, cells in enumerate(lines[1:], 2)]


def write_list(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write a list so that a reader sees the old file or the new one, never half of it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([LIST_COLUMNS, *rows])
    _replace(path, text.getvalue())


class SuppressionFolder:
    """Watches the inbox in a thread of its own."""

    def __init__(self, directory: Path, store: CallCentreStore, journal: Journal) -> None:
        self._inbox, self._outbox, self._rejected = (directory / name for name in ("inbox", "outbox", "rejected"))
        for folder in (self._inbox, self._outbox, self._rejected):
            folder.mkdir(parents=True, exist_ok=True)
        self._store = store
        self._journal = journal
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="suppression")

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End after the list under way."""
        self._stop.set()
        self._thread.join(30)

    def look(self) -> bool:
        """Take the list that is there, if any; True when there was one."""
        claimed = self._inbox / CLAIMED
        if not claimed.exists():
            # renamed first: a newer list that arrives meanwhile is a file of its own and has its turn
            try:
                (self._inbox / NAME).rename(claimed)
            except FileNotFoundError:
                return False
        content = claimed.read_bytes()
        try:
            rows = parse(content)
        except MalformedError as reason:
            self._reject(claimed, str(reason))
        else:
            self._load(content, rows)
            claimed.unlink()
        return True

    def _run(self) -> None:
        while not self._stop.wait(POLL):
            try:
                self.look()
            except OSError as error:
                # a full disk or a lost folder: the claimed list stays where it is and is tried again
                self._journal.note("suppression not loaded", None, {"error": type(error).__name__})

    def _load(self, content: bytes, rows: list[tuple[str, ...]]) -> None:
        self._store.replace_list(rows)
        loaded = self._store.suppression_list()
        write_list(self._outbox / "suppression-loaded.csv", loaded)
        receipt = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "rows": len(loaded),
            "loaded_at": self._store.clock.tick(),
        }
        # last, because it says that all before it is done
        _replace(self._outbox / "suppression-loaded.json", json.dumps(receipt))
        self._journal.note("suppression loaded", None, receipt)

    def _reject(self, claimed: Path, reason: str) -> None:
        name = f"{self._store.clock.tick().replace(':', '')}-{NAME}"
        (self._rejected / f"{name}.reason.txt").write_text(reason + "\n", encoding="utf-8")
        claimed.rename(self._rejected / name)
        self._journal.note("suppression rejected", name, {"reason": reason})


def _row(number: int, cells: list[str]) -> tuple[str, ...]:
    if len(cells) != len(LIST_COLUMNS):
        raise MalformedError(f"line {number}: {len(cells)} columns instead of {len(LIST_COLUMNS)}")
    for column, cell in zip(LIST_COLUMNS, cells, strict=True):
        if not cell.strip():
            raise MalformedError(f"line {number}: {column} is empty")
    channel, point, _, _, since = cells
    if not POINTS.get(channel, ANY_POINT).fullmatch(point):
        raise MalformedError(f"line {number}: point does not fit the channel")
    try:
        aware = datetime.fromisoformat(since).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise MalformedError(f"line {number}: since is not a date and time with time zone")
    return tuple(cells)


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
