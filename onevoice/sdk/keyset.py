"""Where a read goes on: the position (time, key) of the last record seen, on the source's own clock.

A cursor is `{"after": [time, key]}`. A read begins the declared overlap *before* it, so that a transaction that
committed after the last poll had passed its time is not skipped; the hub drops what it has seen before. A source that
counts its changes has a number in the place of the time, and an overlap in numbers.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from onevoice.errors import OperatorError
from onevoice.messages import Json
from onevoice.sdk.plain import instant
from onevoice.versions import version_text

_DIGITS = 20


@dataclass(frozen=True, slots=True, order=True)
class Keyset:
    """A position in a stream that is ordered by (time, key).

    Attributes:
        time: UTC ISO 8601 text with microseconds, or a number in 20 digits, both as `version_text` writes them.
        key: the record's key; empty is before every record of that time.
    """

    time: str
    key: str

    @classmethod
    def of(cls, cursor: Json | None) -> "Keyset | None":
        """Return the position that a stored cursor names; None when it names none.

        Raises:
            OperatorError: the stored cursor is not one that this SDK wrote.
        """
        after = (cursor or {}).get("after")
        if after is None:
            return None
        try:
            time, key = after
            counted = isinstance(time, str) and len(time) == _DIGITS and time.isdecimal()
            return cls(time if counted else version_text(instant(time)), str(key))
        except (TypeError, ValueError):
            raise OperatorError(
                'a stored cursor is not of the form {"after": [time, key]}; clear it to read the stream from its start'
            ) from None

    def cursor(self) -> Json:
        """Return the position as a cursor."""
        return {"after": [self.time, self.key]}

    def moment(self) -> datetime:
        """Return the position's time."""
        return instant(self.time)

    def place(self) -> datetime | int:
        """Return the position's time, or its number."""
        return int(self.time) if self.time.isdecimal() else self.moment()

    def back(self, overlap: float) -> "Keyset":
        """Return the position that many seconds, or numbers, earlier; before every record of that moment."""
        if self.time.isdecimal():
            return Keyset(version_text(max(0, int(self.time) - int(overlap))), "")
        return Keyset(version_text(self.moment() - timedelta(seconds=overlap)), "")


def furthest(known: Keyset | None, first: Keyset, *more: Keyset) -> Keyset:
    """Return the latest position, so that re-reading an overlap never moves a cursor back."""
    return max([first, *more, *([known] if known else [])])
