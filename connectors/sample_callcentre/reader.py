"""Reads the call centre's receipt: the list that is in force there now, whichever list was sent last.

The receipt is two files, the sidecar being written last. A receipt that is under way is no proof.
"""

from pathlib import Path

from onevoice.sdk import OperatorError, RecordError
from onevoice.sdk.files import csv_rows, json_object, read_whole

COLUMNS = ("channel", "point", "purpose", "reason", "since")
RECEIPT = "suppression-loaded.csv"
SIDECAR = "suppression-loaded.json"

Triples = frozenset[tuple[str, str, str]]


class ReceiptReader:
    """Reads from one outbox."""

    def __init__(self, outbox: Path, where: str) -> None:
        self._outbox = outbox
        self._where = where

    def read(self) -> Triples | None:
        """Return (channel, point, purpose) of each entry in force; None when there is no complete receipt.

        Raises:
            OperatorError: the receipt is damaged, or may not be read.
            TransientError: the disk fails.
        """
        sidecar = read_whole(self._outbox / SIDECAR, where=self._where)
        content = read_whole(self._outbox / RECEIPT, where=self._where)
        if sidecar is None or content is None:
            return None
        try:
            rows = csv_rows(content, COLUMNS, where=self._where)
            expected = json_object(sidecar, where=self._where).get("rows")
        except RecordError as damage:
            raise OperatorError(f"{damage}; the receipt is damaged, have the call centre load the list again") from None
        if expected != len(rows):
            return None
        return frozenset((row["channel"], row["point"], row["purpose"]) for row in rows)
