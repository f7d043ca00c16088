"""One subscription to an embedded queue.

Takes rows under leases, gives deliveries; never holds more than `prefetch` of them.
"""

import threading
import time
from collections.abc import Callable, Sequence

from onevoice.bus.embedded import queue_rows
from onevoice.bus.embedded.queue_rows import Lease
from onevoice.bus.embedded.signal import QueueSignal
from onevoice.bus.port import Delivery
from onevoice.bus.topology import QUARANTINE_QUEUE
from onevoice.store import Store

POLL_SECONDS = 0.25
"""How soon a message of another process, or one whose lease ran out, is seen."""


class EmbeddedConsumer:
    """Implements `Consumer` on the store."""

    def __init__(
        self,
        store: Store,
        queue: str,
        *,
        prefetch: int,
        delivery_limit: int,
        signal: QueueSignal,
        closed: Callable[["EmbeddedConsumer"], None],
    ) -> None:
        """Subscribe; nothing is handed out before the first `take`."""
        self._store = store
        self._queue = queue
        self._prefetch = prefetch
        self._delivery_limit = delivery_limit
        self._signal = signal
        self._on_closed = closed
        self._lock = threading.Lock()
        self._held: set[Lease] = set()
        self._closed = False

    def take(self, limit: int, wait: float) -> list[Delivery]:
        """See `Consumer.take`."""
        deadline = time.monotonic() + wait
        while True:
            seen = self._signal.count(self._queue)
            with self._lock:
                room = 0 if self._closed else min(limit, self._prefetch - len(self._held))
                deliveries = self._lease(room) if room > 0 else []
                if deliveries or self._closed:
                    return deliveries
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return []
            self._signal.wait(self._queue, seen, min(remaining, POLL_SECONDS))

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.ack`."""
        with self._lock:
            leases = self._let_go(deliveries)
            with self._store.transaction() as connection:
                queue_rows.forget(connection, leases)

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.requeue`."""
        with self._lock:
            leases = self._let_go(deliveries)
            with self._store.transaction() as connection:
                queue_rows.release(connection, leases)
        self._signal.raise_for([self._queue])

    def renew(self) -> None:
        """Keep what is out ours for another lease time."""
        with self._lock:
            if self._held:
                with self._store.transaction() as connection:
                    queue_rows.renew(connection, self._held)

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            held, self._held = self._held, set()
        self._on_closed(self)
        self._signal.raise_for([self._queue])
        if held:
            with self._store.transaction() as connection:
                queue_rows.release(connection, held)
            self._signal.raise_for([self._queue])

    def _let_go(self, deliveries: Sequence[Delivery]) -> list[Lease]:
        # No longer renewed from here on: should the store not answer, the lease runs out and they come again.
        tags = (delivery.tag for delivery in deliveries)
        leases = [tag for tag in tags if isinstance(tag, Lease) and tag in self._held]
        self._held.difference_update(leases)
        return leases

    def _lease(self, limit: int) -> list[Delivery]:
        if not queue_rows.count_free(self._store, self._queue, at_most=1):
            return []
        with self._store.transaction() as connection:
            found = queue_rows.lease(connection, self._queue, limit)
            worn = [row for row in found if row.deliveries > self._delivery_limit and self._queue != QUARANTINE_QUEUE]
            queue_rows.quarantine(connection, worn, "delivery_limit")
        if worn:
            self._signal.raise_for([QUARANTINE_QUEUE])
        deliveries = [
            Delivery(
                body=row.body,
                routing_key=row.headers["routing_key"],
                user_id=None,
                redelivered=row.deliveries,
                dead_letter_reason=row.headers.get("dead_letter_reason"),
                tag=Lease(row.id, row.deliveries + 1),
            )
            for row in found
            if row not in worn
        ]
        self._held.update(delivery.tag for delivery in deliveries if isinstance(delivery.tag, Lease))
        return deliveries
