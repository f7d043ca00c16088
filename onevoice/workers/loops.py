"""The loops that make a running hub: ingest, relay, delivery, schedule, heartbeat. Each ends when told to.

A loop survives what passes by itself: it logs the class of error, waits, and goes on where it was.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from onevoice.bus import QUARANTINE_QUEUE, parse_work, work_queue
from onevoice.config import HOUSEKEEPING_SECONDS, LEARN_SECONDS
from onevoice.errors import OnevoiceError, RecordError, TransientError
from onevoice.messages import Lane, Work
from onevoice.obligations.ledger import URGENT_NOTICE
from onevoice.store import listening, upsert
from onevoice.store.tables import worker as worker_table
from onevoice.workers.decisions.learning import LEARNT, learn
from onevoice.workers.fault import place_of
from onevoice.workers.housekeeping import TIDIED, tidy
from onevoice.workers.hub import Hub
from onevoice.workers.ingest_line import IngestLine
from onevoice.workers.memory import settle_memory
from onevoice.workers.quarantine import keep_dead_letters
from onevoice.workers.relay import BATCH
from onevoice.workers.schedule import Schedule

QUARANTINE_BATCH = 500
DELIVERY_MESSAGES = 4
IDLE_SECONDS = 0.05
GATHER_SECONDS = 1.0
"""Record writes are announced this often, so that a system gets them in batches; suppressions never wait for it."""
LOOK_SECONDS = 0.25
"""What becomes due by the clock is found within this; what is asked for now is told at once, where the store can."""
EVENT_SECONDS = 0.2
PAUSE_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
SWEEP_SECONDS = 60.0

log = structlog.get_logger("onevoice")


@dataclass(slots=True)
class Loops:
    """The threads of one process."""

    hub: Hub
    stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, roles: frozenset[str]) -> None:
        """Start the loops of the roles: ingest, relay, delivery, schedule."""
        settle_memory()
        if "ingest" in roles:
            self._run("ingest", self._ingest)
            self._run("quarantine", self._quarantine)
        if "relay" in roles:
            self._run("relay", self._relay)
            self._run("events", self._tell)
            self._run("clock", self._sweep)
        if "delivery" in roles:
            for system, lane in self.hub.catalog.lanes():
                self._run(f"delivery.{system}.{lane}", partial(self._deliver, system, lane))
            if self.hub.catalog.lists:
                self._run("lists", self._compare_lists)
        if "schedule" in roles and self.hub.config.scheduler == "builtin":
            for name in self.hub.config.systems:
                if any(stream.polled for stream in self.hub.catalog.streams_of(name)):
                    self._run(f"schedule.{name}", partial(Schedule(self.hub, name).run, self.stop))
            self._run("learn", self._learn)
            self._run("housekeeping", self._tidy)
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
                    log.error("loop_failed", loop=name, error=type(error).__name__, at=place_of(error))
                self.stop.wait(PAUSE_SECONDS)

        thread = threading.Thread(target=supervised, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    # --- in -----------------------------------------------------------------------------------------------------

    def _ingest(self) -> None:
        with IngestLine(self.hub, self.stop) as line:
            line.run()

    def _quarantine(self) -> None:
        consumer = self.hub.bus.consume(QUARANTINE_QUEUE, prefetch=QUARANTINE_BATCH)
        try:
            while not self.stop.is_set():
                deliveries = consumer.take(QUARANTINE_BATCH, 0.5)
                if deliveries:
                    keep_dead_letters(self.hub.store, deliveries)
                    consumer.ack(deliveries)
        finally:
            consumer.close()

    # --- out ----------------------------------------------------------------------------------------------------

    def _relay(self) -> None:
        records_at = 0.0
        with listening(self.hub.store, URGENT_NOTICE, lambda _: self.stop.wait(IDLE_SECONDS)) as wait:
            while not self.stop.is_set():
                with_records = time.monotonic() >= records_at
                announced = self.hub.relay.relay(tuple(Lane) if with_records else (Lane.SUPPRESSION,))
                if with_records and announced < BATCH:
                    records_at = time.monotonic() + GATHER_SECONDS
                if not announced:
                    wait(LOOK_SECONDS)

    def _tell(self) -> None:
        while not self.stop.is_set():
            if not self.hub.relay.relay_events():
                self.stop.wait(EVENT_SECONDS)

    def _deliver(self, system: str, lane: Lane) -> None:
        consumer = self.hub.bus.consume(work_queue(system, lane), prefetch=DELIVERY_MESSAGES)
        try:
            while not self.stop.is_set():
                deliveries = consumer.take(DELIVERY_MESSAGES, 0.5)
                works: list[Work] = []
                for delivery in deliveries:
                    try:
                        works += parse_work(delivery.body)
                    except RecordError:
                        log.error("work_unreadable", queue=work_queue(system, lane))
                if works:
                    self.hub.delivery.deliver(system, lane, works)
                consumer.ack(deliveries)
        finally:
            consumer.close()

    # --- by the clock -------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        while not self.stop.is_set():
            self.hub.clock.sweep()
            self.stop.wait(SWEEP_SECONDS)

    def _learn(self) -> None:
        while not self.stop.wait(SWEEP_SECONDS):
            if self.hub.clock.due(LEARNT, timedelta(seconds=LEARN_SECONDS)):
                learn(self.hub.store)

    def _tidy(self) -> None:
        while not self.stop.wait(SWEEP_SECONDS):
            if self.hub.clock.due(TIDIED, timedelta(seconds=HOUSEKEEPING_SECONDS)):
                tidy(self.hub.store, self.hub.config.retention, holder=self.hub.worker)

    def _compare_lists(self) -> None:
        """Hold each system's list to ours once in its interval of reconciliation; one that is away is asked again."""
        while not self.stop.wait(SWEEP_SECONDS):
            for system, name in self.hub.catalog.lists:
                every = timedelta(seconds=self.hub.config.systems[system].reconcile_seconds)
                due = self.hub.clock.due(f"list {system} {name}", every)
                if self.stop.is_set() or not due or system in self.hub.systems.parked():
                    continue
                lacks, surplus = self.hub.delivery.lists.compare(system, name)
                if lacks or surplus:
                    log.warning("list_differs", system=system, list=name, lacks=lacks, surplus=surplus)

    def _beat(self, roles: str) -> None:
        while not self.stop.is_set():
            row = {"name": self.hub.worker, "role": roles, "heartbeat_at": datetime.now(UTC)}
            with self.hub.store.transaction() as connection:
                upsert(connection, worker_table, [row], key=["name"], update=["role", "heartbeat_at"])
            self.stop.wait(HEARTBEAT_SECONDS)
