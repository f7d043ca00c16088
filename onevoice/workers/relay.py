"""Relay: turn due obligations into messages on the bus, and events that wait into messages to whoever listens.

A message about an obligation says only who is owed something.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from onevoice.bus import Bus
from onevoice.messages import Lane
from onevoice.obligations import take_due
from onevoice.store import Store
from onevoice.workers.outbox import forget, waiting

BATCH = 1000
EVENT_ROWS = 20
VISIBLE_FOR = timedelta(seconds=30)
"""After this long without an end, an obligation is announced again: its message or its worker was lost."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Announces what is due and what happened."""

    store: Store
    bus: Bus

    def relay(self, lanes: Collection[Lane] = tuple(Lane)) -> int:
        """Announce one batch of the lanes; returns how many.

        Raises:
            TransientError: the store or the bus is away; what was taken becomes due again by itself.
        """
        with self.store.transaction() as connection:
            works = take_due(
                connection,
                now=datetime.now(UTC),
                limit=BATCH,
                visible_for=VISIBLE_FOR,
                lanes=lanes,
            )
        if works:
            self.bus.publish_work(works)
        return len(works)

    def relay_events(self) -> int:
        """Publish the oldest events that wait, in order; returns how many.

        Raises:
            TransientError: the store or the bus is away; what was not taken out is published again, under the same ids.
        """
        with self.store.transaction() as connection:
            numbers, events = waiting(connection, limit=EVENT_ROWS)
        if events:
            self.bus.publish_events(events)
            with self.store.transaction() as connection:
                forget(connection, numbers)
        return len(events)
