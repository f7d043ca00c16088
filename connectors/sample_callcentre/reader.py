"""Reads the call centre's receipt: the list that is in force there now, whichever list was sent last.

The receipt is two files, the sidecar being written last. A receipt that is under way is no proof.
"""

from pathlib import Path

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
            RecordError: the receipt is damaged.
            OperatorError, TransientError: see `read_whole`.
        """
        sidecar = read_whole(self._outbox / SIDECAR, where=self._where)
        content = read_whole(self._outbox / RECEIPT, where=self._where)
        if sidecar is None or content is None:
            return None
        rows = csv_rows(content, COLUMNS, where=self._where)
        if json_object(sidecar, where=self._where).get("rows") != len(rows):
            return None
        return frozenset((row["channel"], row["point"], row["purpose"]) for row in rows)
