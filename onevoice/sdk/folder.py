"""A folder that another program puts files into: which of them are whole and new, in the order of their coming.

A file counts from the moment at which it stood still for a while, under a name that is no temporary one. Its place in
the order is the time at which the folder's own file system last touched it (`st_ctime`), which renaming a finished file
into place moves too, while its time of writing may be hours old.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from onevoice.errors import OperatorError
from onevoice.sdk.files import check_folder, classified_disk
from onevoice.sdk.keyset import Keyset
from onevoice.versions import version_text

_TEMPORARY = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A whole file.

    Attributes:
        place: its place in the order: time and name.
    """

    place: Keyset
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The files of one pattern in one folder.

    Attributes:
        pattern: of names, as in a shell: `customers-*.csv`.
        settled_seconds: how long a file must not have been touched.
        marker: ending of an empty file beside it that says it is whole, e.g. `.done`; empty: none is asked for.
    """

    path: Path
    pattern: str
    where: str
    settled_seconds: float = 2.0
    marker: str = ""

    def check(self, *, writable: bool = False) -> None:
        """Prove that the folder can be used.

        Raises:
            OperatorError: it cannot.
        """
        check_folder(self.path, where=self.where, writable=writable)

    def whole(self, now: datetime) -> list[Found]:
        """Return the files that are whole, in the order of their coming.

        Raises:
            OperatorError: the folder is not there, or a link leads out of it.
            TransientError: the disk fails.
        """
        self.check()
        with classified_disk(self.where, self.path):
            return sorted(found for found in self._all() if self._is_whole(found, now))

    def _all(self) -> Iterator[Found]:
        for path in self.path.glob(self.pattern):
            if path.name.startswith(".") or path.name.endswith(_TEMPORARY) or self._is_marker(path):
                continue
            if path.resolve().parent != self.path.resolve():
                raise OperatorError(f"{self.where}: {path.name} leads out of the folder; take the link away")
            if path.is_file():
                touched = datetime.fromtimestamp(path.stat().st_ctime, UTC)
                yield Found(Keyset(version_text(touched), path.name), path)

    def _is_marker(self, path: Path) -> bool:
        return bool(self.marker) and path.name.endswith(self.marker)

    def _is_whole(self, found: Found, now: datetime) -> bool:
        if self.marker and not found.path.with_name(found.path.name + self.marker).exists():
            return False
        return (now - found.place.moment()).total_seconds() >= self.settled_seconds
