"""Moments in the history that the sample company starts with.

`Calendar(chance)` hands out times up to `AS_OF`. One rule: no two moments are equal, so every "changed since" order is
total. Text form: ISO 8601, UTC, six digits, `Z`.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

AS_OF = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
OLDEST = datetime(2020, 1, 2, 8, 0, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """`2026-06-30T18:00:00.000000Z` for a moment in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Calendar:
    """Hands out moments of the past, each only once."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._used: set[datetime] = set()

    def moment(self, since: datetime = OLDEST, until: datetime = AS_OF) -> datetime:
        """A moment of microsecond precision in [since, until)."""
        span = max(int((until - since) / timedelta(microseconds=1)), 1)
        while True:
            moment = since + timedelta(microseconds=self._chance.randrange(span))
            if moment not in self._used:
                self._used.add(moment)
                return moment

    def lifetime(self) -> tuple[str, str]:
        """When a record was created (whole second) and last changed."""
        created = self.moment(until=AS_OF - timedelta(days=1)).replace(microsecond=0)
        return stamp(created), stamp(self.moment(since=created + timedelta(seconds=1)))
