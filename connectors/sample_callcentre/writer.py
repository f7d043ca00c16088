"""Hands the suppression list over as one file, in one step.

The call centre takes a list whole or not at all. The one rule: an entry that it could not take is left out, so that it
does not keep the others from being obeyed; it stays unproven, and so stays owed and visible.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.sample_callcentre.reader import COLUMNS
from onevoice.sdk import ListEntry, version_text
from onevoice.sdk.files import csv_bytes, write_whole

FILE = "suppression.csv"
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_POINTS: Mapping[str, re.Pattern[str]] = {"phone": _NUMBER, "sms": _NUMBER, "email": re.compile(r"\S+@\S+")}
_ANYTHING = re.compile(r".*\S.*")


class SuppressionWriter:
    """Writes into one inbox."""

    def __init__(self, inbox: Path, where: str) -> None:
        self._inbox = inbox
        self._where = where

    def write(self, entries: Sequence[ListEntry]) -> None:
        """Put the complete list into the inbox, over one that was not taken yet.

        Raises:
            OperatorError, TransientError: see `write_whole`.
        """
        rows = sorted(_row(entry) for entry in entries if _can_be_taken(entry))
        write_whole(self._inbox / FILE, csv_bytes(COLUMNS, rows), where=self._where)


def _row(entry: ListEntry) -> tuple[str, ...]:
    return entry.channel, entry.point, entry.purpose, entry.reason, version_text(entry.since)


def _can_be_taken(entry: ListEntry) -> bool:
    fits = _POINTS.get(entry.channel, _ANYTHING).fullmatch(entry.point) is not None
    return fits and bool(entry.purpose.strip()) and bool(entry.reason.strip())
