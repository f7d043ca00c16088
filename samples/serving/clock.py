"""A clock that never gives the same time twice.

`Clock(last).tick()` gives UTC as ISO text with six digits and `Z`, always later than every tick before, also when the
machine's own clock stands still or is set back.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)


def stamp(moment: datetime) -> str:
    """`2026-06-30T18:00:00.000000Z` for an aware moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Clock:
    """Strictly increasing timestamps; safe to use from several threads."""

    def __init__(self, last: str | None = None) -> None:
        self._last = datetime.fromisoformat(last) if last else datetime.min.replace(tzinfo=UTC)
        self._lock = threading.Lock()

    def tick(self) -> str:
        """The present time, or one microsecond after the last tick if that is later."""
        with self._lock:
            self._last = max(datetime.now(UTC), self._last + MICROSECOND)
            return stamp(self._last)
