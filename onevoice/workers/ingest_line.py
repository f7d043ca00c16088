"""The ingest loop: while one batch is being committed, the next is taken, checked and mapped.

Every batch begins with what was handed out before, one by one, since a worker may have ended over it; then comes what
is urgent, then the rest. The one rule: what is prepared ahead is acknowledged only after its commit; whatever stands in
the way gives it back to the queue.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from types import TracebackType
from typing import Self

import structlog

from onevoice.bus import RECORDS_QUEUE, URGENT_QUEUE, Consumer, Delivery
from onevoice.errors import RecordError, TransientError
from onevoice.store import INGEST, Lease
from onevoice.workers.fault import place_of
from onevoice.workers.hub import Hub
from onevoice.workers.ingest.prepare import Incoming, Rejected

BATCH = 1000
LEASE_SECONDS = 10.0
"""A worker that is frozen keeps others from ingesting for so long."""
IDLE_SECONDS = 0.05
PAUSE_SECONDS = 1.0

log = structlog.get_logger("onevoice")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """What was taken of one lane."""

    consumer: Consumer
    deliveries: Sequence[Delivery]
    urgent: bool

    def suspects(self) -> "list[_Lane]":
        """Return what was handed out before, each alone."""
        return [replace(self, deliveries=[d]) for d in self.deliveries if d.redelivered > 0]

    def fresh(self) -> "_Lane":
        """Return what comes for the first time."""
        return replace(self, deliveries=[d for d in self.deliveries if d.redelivered == 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What was taken of both lanes, and what checking and mapping made of it; `failed` when that met a defect.

    Attributes:
        suspects: handed out before; neither checked nor mapped yet.
    """

    suspects: tuple[_Lane, ...]
    lanes: tuple[_Lane, ...]
    prepared: Sequence[Incoming | Rejected]
    failed: Exception | None = None

    def requeue(self) -> None:
        """Give everything back."""
        for lane in (*self.suspects, *self.lanes):
            lane.consumer.requeue(lane.deliveries)


@dataclass(slots=True)
class IngestLine:
    """Takes both lanes of the bus into the master, under the ingest lease."""

    hub: Hub
    stop: Event
    _consumers: tuple[Consumer, Consumer] | None = field(init=False, default=None)
    _ahead: ThreadPoolExecutor = field(init=False)
    _next: "Future[_Batch | None] | None" = field(init=False, default=None)

    def __enter__(self) -> Self:
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="prepare")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        self._ahead.shutdown()

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            TransientError: store or bus are away; what was taken went back to the queue.
        """
        while not self.stop.is_set():
            lease = Lease.take(self.hub.store, INGEST, self.hub.worker, seconds=LEASE_SECONDS)
            if lease is None:
                self._leave()  # somebody else ingests: what waits here would wait in vain
                self.stop.wait(PAUSE_SECONDS)
            else:
                self._run_while_held(lease)

    def _run_while_held(self, lease: Lease) -> None:
        renew_at = time.monotonic() + LEASE_SECONDS / 3
        while not self.stop.is_set():
            batch = self._take_next()
            if batch is not None:
                self._commit(batch, lease)
                renew_at = time.monotonic() + LEASE_SECONDS / 3
            elif time.monotonic() > renew_at:
                return  # idle: take the lease anew, so that it does not run out
        self._give_back()
        lease.release(self.hub.store)

    def _take_next(self) -> _Batch | None:
        """Return the batch that was prepared meanwhile, and begin with the one after it."""
        both = self._subscribe()
        current = self._next or self._ahead.submit(self._prepare, *both)
        self._next = None
        batch = current.result()
        if batch is not None and not self.stop.is_set():
            self._next = self._ahead.submit(self._prepare, *both)
        return batch

    def _prepare(self, of_urgent: Consumer, of_records: Consumer) -> _Batch | None:
        urgent = of_urgent.take(BATCH, 0.0)
        records = of_records.take(BATCH, 0.0 if urgent else IDLE_SECONDS)
        if not urgent and not records:
            return None
        both = (
            _Lane(consumer=of_urgent, deliveries=urgent, urgent=True),
            _Lane(consumer=of_records, deliveries=records, urgent=False),
        )
        suspects = tuple(one for lane in both for one in lane.suspects())
        taken = tuple(fresh for lane in both if (fresh := lane.fresh()).deliveries)
        try:
            prepared = [p for lane in taken for p in self.hub.ingest.prepare(lane.deliveries, urgent=lane.urgent)]
        except Exception as error:  # noqa: BLE001 - the record that breaks it is found and set aside when its turn comes
            return _Batch(suspects=suspects, lanes=taken, prepared=(), failed=error)
        return _Batch(suspects=suspects, lanes=taken, prepared=prepared)

    def _commit(self, batch: _Batch, lease: Lease) -> None:
        for index, suspect in enumerate(batch.suspects):
            if self.stop.is_set():  # one by one they may take long
                replace(batch, suspects=batch.suspects[index:]).requeue()
                return
            try:
                self._try(suspect, lease)
            except TransientError:
                replace(batch, suspects=batch.suspects[index:]).requeue()
                raise
        if batch.lanes:
            self._commit_fresh(batch, lease)

    def _try(self, suspect: _Lane, lease: Lease) -> None:
        """Take one message that was handed out before, and acknowledge it before the next is touched."""
        try:
            if not self.hub.ingest.take_alone(suspect.deliveries[0], lease=lease, urgent=suspect.urgent):
                log.error("record_set_aside", error="WorkerEnded", at="")
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - one record that the code cannot bear must not stop its neighbours
            self._take_apart(suspect, suspect.deliveries, lease, error)
        else:
            suspect.consumer.ack(suspect.deliveries)

    def _commit_fresh(self, batch: _Batch, lease: Lease) -> None:
        try:
            if batch.failed is not None:
                raise batch.failed
            self.hub.ingest.take_prepared(batch.prepared, lease=lease)
        except TransientError:
            replace(batch, suspects=()).requeue()
            raise
        except Exception as error:  # noqa: BLE001 - one record that the code cannot bear must not stop its neighbours
            for lane in batch.lanes:
                self._take_apart(lane, lane.deliveries, lease, error)
        else:
            for lane in batch.lanes:
                lane.consumer.ack(lane.deliveries)

    def _take_apart(self, lane: _Lane, deliveries: Sequence[Delivery], lease: Lease, error: Exception) -> None:
        """Halve the batch until the record that breaks it stands alone, then set it aside."""
        if len(deliveries) == 1:
            log.error("record_set_aside", error=type(error).__name__, at=place_of(error))
            known = isinstance(error, RecordError)  # its text is ours and holds no values
            reason = str(error) if known else f"defect in the hub: {type(error).__name__}"
            self.hub.ingest.set_aside(deliveries[0], lease=lease, reason=reason)
            lane.consumer.ack(deliveries)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            try:
                self.hub.ingest.take(half, lease=lease, urgent=lane.urgent)
            except TransientError:
                lane.consumer.requeue(half)
                raise
            except Exception as cause:  # noqa: BLE001 - as above
                self._take_apart(lane, half, lease, cause)
            else:
                lane.consumer.ack(half)

    def _subscribe(self) -> tuple[Consumer, Consumer]:
        """Return the consumers of both lanes; only who holds the lease has any, else half of all would wait here."""
        if self._consumers is None:
            urgent = self.hub.bus.consume(URGENT_QUEUE, prefetch=2 * BATCH)
            self._consumers = urgent, self.hub.bus.consume(RECORDS_QUEUE, prefetch=3 * BATCH)
        return self._consumers

    def _leave(self) -> None:
        self._give_back()
        consumers, self._consumers = self._consumers, None
        for consumer in consumers or ():
            consumer.close()

    def _give_back(self) -> None:
        """Return to its queue what was prepared ahead and will not be committed here."""
        ahead, self._next = self._next, None
        batch = ahead.result() if ahead is not None else None
        if batch is not None:
            batch.requeue()
