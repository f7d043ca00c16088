"""A suppression list handed over as a file, in one step, and the receipt that says which list is in force.

The list is `inbox/<name>.csv`, complete each time. The receipt is two files that the other side writes:
`outbox/<name>-loaded.csv`, the list in force there, whichever was sent last, and `outbox/<name>-loaded.json` with the
number of its rows, written last. Two rules: a receipt that is under way is no proof; an entry that the other side could
not take is left out, so that it does not keep the others from being obeyed, and stays unproven and owed.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from onevoice.errors import OperatorError, RecordError
from onevoice.messages import ListEntry
from onevoice.sdk.files import check_folder, csv_bytes, csv_rows, json_object, read_whole, write_whole
from onevoice.versions import version_text

COLUMNS = ("channel", "point", "purpose", "reason", "since")
Triples = frozenset[tuple[str, str, str]]

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_POINTS: Mapping[str, re.Pattern[str]] = {"phone": _NUMBER, "sms": _NUMBER, "email": re.compile(r"\S+@\S+")}
_ANYTHING = re.compile(r".*\S.*")


class ListFile:
    """One list of one system.

    Args:
        folder: has `inbox` and `outbox`, named as the other side sees them.
        where: the list's place, for messages.
    """

    def __init__(self, folder: Path, name: str, where: str) -> None:
        self._inbox, self._outbox = folder / "inbox", folder / "outbox"
        self._name = name
        self._where = where

    def check(self) -> None:
        """Prove that lists can be handed over and receipts be read.

        Raises:
            OperatorError: a folder is missing or may not be used.
        """
        check_folder(self._inbox, where=self._where, writable=True)
        check_folder(self._outbox, where=self._where, writable=False)

    def write(self, entries: Sequence[ListEntry]) -> None:
        """Put the complete list into the inbox, over one that was not taken yet.

        Raises:
            OperatorError, TransientError: see `write_whole`.
        """
        rows = sorted(_row(entry) for entry in entries if _can_be_taken(entry))
        write_whole(self._inbox / f"{self._name}.csv", csv_bytes(COLUMNS, rows), where=self._where)

    def read(self) -> Triples | None:
        """Return (channel, point, purpose) of each entry in force; None when there is no complete receipt.

        Raises:
            OperatorError: the receipt is damaged, or may not be read.
            TransientError: the disk fails.
        """
        sidecar = read_whole(self._outbox / f"{self._name}-loaded.json", where=self._where)
        content = read_whole(self._outbox / f"{self._name}-loaded.csv", where=self._where)
        if sidecar is None or content is None:
            return None
        try:
            rows = csv_rows(content, COLUMNS, where=self._where)
            expected = json_object(sidecar, where=self._where).get("rows")
        except RecordError as damage:
            raise OperatorError(f"{damage}; the receipt is damaged, have the list loaded again") from None
        if expected != len(rows):
            return None
        return frozenset((row["channel"], row["point"], row["purpose"]) for row in rows)


def _row(entry: ListEntry) -> tuple[str, ...]:
    return entry.channel, entry.point, entry.purpose, entry.reason, version_text(entry.since)


def _can_be_taken(entry: ListEntry) -> bool:
    fits = _POINTS.get(entry.channel, _ANYTHING).fullmatch(entry.point) is not None
    return fits and bool(entry.purpose.strip()) and bool(entry.reason.strip())
