"""The embedded bus: publishes into rows of the store and renews what its consumers hold.

Takes and gives what the port says. One thread renews the leases of this process as long as it lives, so what a killed
process held comes back when its lease runs out. It serves one machine: no credentials, no AMQP for other systems.
"""

import threading
import time
from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import Connection

from onevoice.bus.embedded import queue_rows
from onevoice.bus.embedded.consumer import EmbeddedConsumer
from onevoice.bus.embedded.queue_rows import LEASE_SECONDS
from onevoice.bus.embedded.signal import QueueSignal
from onevoice.bus.envelope import envelope_json, work_messages
from onevoice.bus.port import Consumer
from onevoice.bus.topology import Topology, routing_key
from onevoice.errors import ConfigurationError, TransientError
from onevoice.messages import Envelope, Event, Work
from onevoice.store import Store

_RENEW_SECONDS = LEASE_SECONDS / 4
_MEASURE_SECONDS = 0.5
_log = structlog.get_logger(__name__)


class EmbeddedBus:
    """Implements `Bus` on a SQLite store."""

    def __init__(self, store: Store, topology: Topology) -> None:
        """Use the queue table of an open store.

        Raises:
            ConfigurationError: the store is not SQLite.
        """
        if store.dialect != "sqlite":
            raise ConfigurationError("bus.url: the embedded queue needs a SQLite store; write amqp://… or sqlite:///…")
        self._store = store
        self._topology = topology
        self._signal = QueueSignal()
        self._consumers: list[EmbeddedConsumer] = []
        self._lock = threading.Lock()
        self._measured: dict[str, float] = {}
        self._ended = threading.Event()
        self._keeper: threading.Thread | None = None

    def publish_records(self, envelopes: Sequence[Envelope]) -> None:
        """See `Bus.publish_records`."""
        self._publish(
            [
                (
                    self._topology.queue_for(system=one.system, stream=one.stream, urgent=one.urgent),
                    routing_key(one.system, one.stream),
                    envelope_json(one),
                )
                for one in envelopes
            ]
        )

    def publish_work(self, work: Sequence[Work]) -> None:
        """See `Bus.publish_work`."""
        self._publish(
            [
                (self._topology.work_queue_for(system, lane), routing_key(system, lane), body)
                for system, lane, body in work_messages(work)
            ]
        )

    def publish_events(self, events: Sequence[Event]) -> None:
        """See `Bus.publish_events`."""

    def consume(self, queue: str, *, prefetch: int) -> Consumer:
        """See `Bus.consume`."""
        consumer = EmbeddedConsumer(
            self._store,
            self._topology.checked(queue),
            prefetch=prefetch,
            delivery_limit=self._topology.delivery_limit,
            signal=self._signal,
            closed=self._drop,
        )
        with self._lock:
            self._consumers.append(consumer)
            if self._keeper is None and not self._ended.is_set():
                self._keeper = threading.Thread(target=self._keep, name="onevoice-bus-leases", daemon=True)
                self._keeper.start()
        return consumer

    def depth(self, queue: str) -> int:
        """See `Bus.depth`."""
        return queue_rows.count_free(self._store, self._topology.checked(queue), at_most=-1)

    def ping(self) -> None:
        """See `Bus.ping`."""
        self._store.ping()

    def close(self) -> None:
        """See `Bus.close`."""
        self._ended.set()
        with self._lock:
            consumers = list(self._consumers)
        for consumer in consumers:
            consumer.close()
        if self._keeper is not None:
            self._keeper.join()

    def _publish(self, messages: list[tuple[str, str, bytes]]) -> None:
        if not messages:
            return
        queues = {queue for queue, _, _ in messages}
        with self._store.transaction() as connection:
            self._refuse_when_full(connection, queues)
            queue_rows.add(connection, messages)
        self._signal.raise_for(queues)

    def _refuse_when_full(self, connection: Connection, queues: Iterable[str]) -> None:
        # Measuring reads every row of the queue. It is a fuse, not a meter: what comes in within the half second
        # after a measurement may go over the limit, as it may with a broker.
        now = time.monotonic()
        for queue in queues:
            if now - self._measured.get(queue, -_MEASURE_SECONDS) < _MEASURE_SECONDS:
                continue
            if queue_rows.bytes_in(connection, queue) >= self._topology.max_bytes:
                raise TransientError(
                    f"bus: queue {queue} is full; wait until its consumer has caught up", retry_after=5
                )
            self._measured[queue] = now

    def _drop(self, consumer: EmbeddedConsumer) -> None:
        with self._lock:
            self._consumers.remove(consumer)

    def _keep(self) -> None:
        while not self._ended.wait(_RENEW_SECONDS):
            with self._lock:
                consumers = list(self._consumers)
            for consumer in consumers:
                try:
                    consumer.renew()
                except TransientError:
                    _log.warning("leases not renewed; what is out may be handed out a second time")
