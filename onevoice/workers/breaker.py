"""The circuit breaker of one system and direction: after failures in a row it is left alone, each time twice as long.

Pure. The one rule: after a pause a single contact is enough to tell; if it fails too, the next pause begins at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

TRIES = 3
MOST_SECONDS = 60.0
"""A system that is back is found within this, and opt-outs that wait for it reach it then."""


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row.

    Args:
        first_seconds: the first pause.
    """

    first_seconds: float
    _failures: int = 0
    _until: datetime | None = None

    def paused_for(self, now: datetime) -> float:
        """Return the seconds for which no contact is to be made; 0.0: make it."""
        return max(0.0, (self._until - now).total_seconds()) if self._until is not None else 0.0

    def failed(self, now: datetime, *, retry_after: float | None = None) -> datetime | None:
        """Note a failure; returns until when no contact is to be made, None where the next may follow at once.

        Args:
            retry_after: seconds that the system asked to wait.
        """
        if self.paused_for(now):  # it was under way when the pause began, and says nothing new
            return self._until
        self._failures += 1
        wait = retry_after or 0.0
        if self._failures >= TRIES:
            wait = max(wait, min(self.first_seconds * 2.0 ** min(self._failures - TRIES, 10), MOST_SECONDS))
        self._until = now + timedelta(seconds=wait) if wait else None
        return self._until

    def succeeded(self) -> None:
        """Note a contact that went well."""
        self._failures, self._until = 0, None
