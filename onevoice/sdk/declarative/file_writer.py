"""Writes records into a file that holds all of them: read, changed, and put in its place in one step.

One writer of the hub at a time, by a lock beside the file. A file that another program replaced meanwhile stays as it
is, and the write is redone on it; between the last look and the replacing lies a moment in which that is not noticed.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.messages import Change, Json, WriteOutcome, WriteResult
from onevoice.sdk.declarative.version import written_version
from onevoice.sdk.files import classified_disk, write_whole
from onevoice.sdk.folder import Found
from onevoice.sdk.formats import LINE
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Settings

_LOCK = ".onevoice.lock"


class Files(Protocol):
    """What reads and renders the file."""

    def whole(self, stream: str) -> list[Found]:
        """Return the files to read."""

    def rows(self, stream: str, found: Found) -> list[Json]:
        """Return a file's rows."""

    def version(self, stream: str, row: Json) -> str:
        """Return a row's version."""

    def dumped(self, stream: str, rows: Sequence[Json], where: str) -> bytes:
        """Return a file with these rows."""


class FileWriter:
    """Writes the files of each stream."""

    def __init__(self, files: Files, settings: Settings, manifest: Manifest) -> None:
        self._files = files
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes in one new file.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError: there is no file yet, it was replaced meanwhile, or the disk fails; nothing was written.
            OperatorError: the file is damaged, or may not be written.
        """
        declared = self._manifest.writable(stream).declared
        where = place(self._settings.system, stream)
        with _alone(Path(str(self._settings.values["folder"])), where):
            files = self._files.whole(stream)
            if not files:
                raise TransientError(f"{where}: there is no file to change; it is tried again once there is one")
            found = files[-1]
            rows = self._files.rows(stream, found)
            if any(LINE in row for row in rows):
                raise OperatorError(f"{where}: {found.path.name} has a line that cannot be read; mend it first")
            by_key = {str(row.get(declared["key"])): at for at, row in enumerate(rows)}
            now = self._settings.now()
            results = [self._apply(stream, change, rows, by_key, now) for change in changes]
            if any(result.outcome is WriteOutcome.APPLIED for result in results):
                self._replace(stream, found, rows, where)
        return results

    def _apply(
        self, stream: str, change: Change, rows: list[Json], by_key: dict[str, int], now: datetime
    ) -> WriteResult:
        declared = self._manifest.stream(stream).declared
        at = by_key.get(change.key)
        if at is None:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such row")
        standing = self._files.version(stream, rows[at])
        if not standing:
            return WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason="the row has no version")
        if change.expected_version not in (None, standing):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        unknown = sorted(change.fields.keys() - set(declared.get("writable", ())))
        if unknown:
            reason = f"{unknown[0]} is not a writable field"
            return WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason=reason)
        before = rows[at][declared["version"]]
        version = written_version(before, declared.get("version_as", "iso"), now)
        row = {**rows[at], **change.fields, declared["version"]: version}
        try:
            self._files.dumped(stream, [row], place(self._settings.system, stream, change.key))
        except RefusedError as refused:
            return WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason=str(refused))
        rows[at] = row
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=self._files.version(stream, row))

    def _replace(self, stream: str, found: Found, rows: Sequence[Json], where: str) -> None:
        content = self._files.dumped(stream, rows, where)
        if self._files.whole(stream)[-1:] != [found]:
            raise TransientError(f"{where}: {found.path.name} was replaced meanwhile; redone on what it says now")
        write_whole(found.path, content, where=where)


@contextmanager
def _alone(folder: Path, where: str) -> Iterator[None]:
    """Hold the hub's own lock on the folder, across threads and processes."""
    with classified_disk(where, folder):
        lock = (folder / _LOCK).open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
