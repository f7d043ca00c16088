"""The loops that make a running hub: ingest, relay, delivery, schedule, heartbeat. Each ends when told to.

A loop survives what passes by itself: it logs the class of error, waits, and goes on where it was.
"""

import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import select

from onevoice.bus import QUARANTINE_QUEUE, RECORDS_QUEUE, URGENT_QUEUE, Consumer, Delivery, parse_work, work_queue
from onevoice.errors import ConfigurationError, OnevoiceError, RecordError, TransientError
from onevoice.messages import Lane
from onevoice.store import Lease, upsert
from onevoice.store.tables import stream_state
from onevoice.store.tables import worker as worker_table
from onevoice.workers.hub import Hub
from onevoice.workers.quarantine import keep_dead_letters

INGEST_BATCH = 500
DELIVERY_BATCH = 200
INGEST_LEASE_SECONDS = 20.0
IDLE_SECONDS = 0.05
PAUSE_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0

log = structlog.get_logger("onevoice")


@dataclass(slots=True)
class Loops:
    """The threads of one process."""

    hub: Hub
    stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, roles: frozenset[str]) -> None:
        """Start the loops of the roles: ingest, relay, delivery, schedule."""
        _settle_memory()
        if "ingest" in roles:
            self._run("ingest", self._ingest)
            self._run("quarantine", self._quarantine)
        if "relay" in roles:
            self._run("relay", self._relay)
        if "delivery" in roles:
            for system, lane in self.hub.catalog.lanes():
                self._run(f"delivery.{system}.{lane}", partial(self._deliver, system, lane))
        if "schedule" in roles and self.hub.config.scheduler == "builtin":
            for name, settings in self.hub.config.systems.items():
                if any(stream.polled for stream in self.hub.catalog.streams_of(name)):
                    self._run(f"schedule.{name}", partial(self._poll, name, settings.poll_seconds))
        self._run("heartbeat", partial(self._beat, ",".join(sorted(roles))))

    def join(self, seconds: float = 30.0) -> bool:
        """Tell all loops to end and wait for them; returns whether all did."""
        self.stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def alive(self) -> bool:
        """Return whether every loop that was started still runs."""
        return all(thread.is_alive() for thread in self._threads)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        def supervised() -> None:
            while not self.stop.is_set():
                try:
                    work()
                except TransientError as error:
                    log.warning("loop_waits", loop=name, reason=str(error))
                except OnevoiceError as error:
                    log.error("loop_stopped_by", loop=name, error=type(error).__name__, reason=str(error))
                except Exception as error:  # noqa: BLE001 - one loop's defect must not end the others; its text may hold values
                    log.error("loop_failed", loop=name, error=type(error).__name__, at=_where(error))
                self.stop.wait(PAUSE_SECONDS)

        thread = threading.Thread(target=supervised, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- in -----------------------------------------------------------------------------------------------------

    def _ingest(self) -> None:
        urgent = self.hub.bus.consume(URGENT_QUEUE, prefetch=INGEST_BATCH)
        records = self.hub.bus.consume(RECORDS_QUEUE, prefetch=2 * INGEST_BATCH)
        try:
            while not self.stop.is_set():
                lease = Lease.take(self.hub.store, "ingest", self.hub.worker, seconds=INGEST_LEASE_SECONDS)
                if lease is None:
                    self.stop.wait(PAUSE_SECONDS)
                    continue
                self._ingest_while_held(lease, urgent, records)
        finally:
            urgent.close()
            records.close()

    def _ingest_while_held(self, lease: Lease, urgent: Consumer, records: Consumer) -> None:
        renew_at = time.monotonic() + INGEST_LEASE_SECONDS / 3
        while not self.stop.is_set():
            # After the urgent ones always some of the others: a steady trickle of opt-outs must not keep them waiting.
            hurried = self._take(urgent, lease, wait=0.0, urgent=True)
            if self._take(records, lease, wait=0.0 if hurried else IDLE_SECONDS) or hurried:
                renew_at = time.monotonic() + INGEST_LEASE_SECONDS / 3
            elif time.monotonic() > renew_at:
                return  # idle: take the lease anew, so that it does not run out
        lease.release(self.hub.store)

    def _take(self, consumer: Consumer, lease: Lease, *, wait: float, urgent: bool = False) -> bool:
        deliveries = consumer.take(INGEST_BATCH, wait)
        if not deliveries:
            return False
        try:
            self.hub.ingest.take(deliveries, lease=lease, urgent=urgent)
        except TransientError:
            consumer.requeue(deliveries)
            raise
        except Exception as error:  # noqa: BLE001 - one record that the code cannot bear must not stop its neighbours
            self._take_apart(consumer, deliveries, lease, urgent, error)
            return True
        consumer.ack(deliveries)
        return True

    def _take_apart(
        self, consumer: Consumer, deliveries: Sequence[Delivery], lease: Lease, urgent: bool, error: Exception
    ) -> None:
        """Halve the batch until the record that breaks it stands alone, then set it aside."""
        if len(deliveries) == 1:
            log.error("record_set_aside", error=type(error).__name__, at=_where(error))
            self.hub.ingest.set_aside(deliveries[0], lease=lease, reason=f"defect in the hub: {type(error).__name__}")
            consumer.ack(deliveries)
            return
        middle = len(deliveries) // 2
        for half in (deliveries[:middle], deliveries[middle:]):
            try:
                self.hub.ingest.take(half, lease=lease, urgent=urgent)
            except TransientError:
                consumer.requeue(half)
                raise
            except Exception as cause:  # noqa: BLE001 - as above
                self._take_apart(consumer, half, lease, urgent, cause)
            else:
                consumer.ack(half)

    def _quarantine(self) -> None:
        consumer = self.hub.bus.consume(QUARANTINE_QUEUE, prefetch=INGEST_BATCH)
        try:
            while not self.stop.is_set():
                deliveries = consumer.take(INGEST_BATCH, 0.5)
                if deliveries:
                    keep_dead_letters(self.hub.store, deliveries)
                    consumer.ack(deliveries)
        finally:
            consumer.close()

    # --- out ----------------------------------------------------------------------------------------------------

    def _relay(self) -> None:
        while not self.stop.is_set():
            if not self.hub.relay.relay():
                self.stop.wait(IDLE_SECONDS)

    def _deliver(self, system: str, lane: Lane) -> None:
        consumer = self.hub.bus.consume(work_queue(system, lane), prefetch=DELIVERY_BATCH)
        try:
            while not self.stop.is_set():
                deliveries = consumer.take(DELIVERY_BATCH, 0.5)
                works = []
                for delivery in deliveries:
                    try:
                        works.append(parse_work(delivery.body))
                    except RecordError:
                        log.error("work_unreadable", queue=work_queue(system, lane))
                if works:
                    self.hub.delivery.deliver(system, lane, works)
                consumer.ack(deliveries)
        finally:
            consumer.close()

    # --- by the clock -------------------------------------------------------------------------------------------

    def _poll(self, system: str, seconds: float) -> None:
        while not self.stop.is_set():
            if system not in self.hub.systems.parked():
                for stream in self.hub.catalog.streams_of(system):
                    if stream.polled and not self.stop.is_set():
                        self._sync(system, stream.name)
            self.stop.wait(seconds)

    def _sync(self, system: str, stream: str) -> None:
        try:
            if self._reconcile_due(system, stream):
                self.hub.sync.reconcile(system, stream)
            self.hub.sync.sync(system, stream)
        except ConfigurationError:
            raise
        except OnevoiceError as error:
            log.warning("sync_failed", system=system, stream=stream, error=type(error).__name__, reason=str(error))

    def _reconcile_due(self, system: str, stream: str) -> bool:
        """A stream is reconciled first one interval after its first complete read, then at every interval."""
        with self.hub.store.transaction() as connection:
            row = connection.execute(
                select(stream_state).where(stream_state.c.system == system, stream_state.c.stream == stream)
            ).one_or_none()
        last = (row.reconciled_at or row.succeeded_at) if row else None
        interval = timedelta(seconds=self.hub.config.systems[system].reconcile_seconds)
        return (
            last is not None
            and row is not None
            and row.succeeded_at is not None
            and last + interval < datetime.now(UTC)
        )

    def _beat(self, roles: str) -> None:
        while not self.stop.is_set():
            row = {"name": self.hub.worker, "role": roles, "heartbeat_at": datetime.now(UTC)}
            with self.hub.store.transaction() as connection:
                upsert(connection, worker_table, [row], key=["name"], update=["role", "heartbeat_at"])
            self.stop.wait(HEARTBEAT_SECONDS)


def _settle_memory() -> None:
    """Keep the garbage collector from looking again and again at what lives as long as the process.

    A batch makes some hundred thousand values and hardly a circle; a tenth of ingest's time went into looking for them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _where(error: BaseException) -> str:
    """Return file and line of the error's origin: enough to find it, without the values in its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""
