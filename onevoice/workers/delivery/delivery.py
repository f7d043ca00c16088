"""Delivery: bring one system to what it is owed, and prove it by reading back.

Level-triggered: the message says only who is owed something; what is owed is computed at this moment. Nothing is
sent inside a transaction. A write is conditional on the version it was computed on: only so is it proven that the hub
set what is read back. A prohibition does not wait for a record to hold still and goes without in the end.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from onevoice.consent import Gate
from onevoice.consent.holdings import holdings_of
from onevoice.errors import OnevoiceError, OperatorError, TransientError
from onevoice.messages import Act, Lane, RecordRef, Work, WriteOutcome, WriteResult
from onevoice.obligations import Due, Owed, claim_due, close, fail, hold, owed_to, put_back
from onevoice.sdk import RecordWriter
from onevoice.store import INGEST, Store, keep_out
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.creations import reference_of
from onevoice.workers.delivery.creating import Creating
from onevoice.workers.delivery.failure import LEASE, SOON_SECONDS, put_off, put_off_over
from onevoice.workers.delivery.lists import ListDelivery
from onevoice.workers.delivery.proof import not_its_own, noted_for, prove, unsend, unsend_held_up
from onevoice.workers.delivery.task import Task, Written, as_written, must_wait, ref_of, task_of
from onevoice.workers.delivery.writing import denials_of, insisted, written_by
from onevoice.workers.door import Door, Numbered
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.merge import goldens_of
from onevoice.workers.ingest.oblige import owed
from onevoice.workers.ingest.record import Record, load_records
from onevoice.workers.marks import Marks, hold_marks, load_marks, open_marks, save_marks
from onevoice.workers.systems import WRITE, Systems

OUTLOOK_PAGE = 500
SETTLE_SECONDS = 0.2
"""What a system was written in several calls is noted together, unless they take longer; a prohibition is at once."""


class _OvertakenError(Exception):
    """A read overtook the proof, and ingest took the hub's own "no" for the system's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Delivers works of one system and lane."""

    store: Store
    catalog: Catalog
    systems: Systems
    door: Door
    ingest: Ingest
    retry_seconds: float

    @property
    def gate(self) -> Gate:
        """What may be said to whom, as ingest sees it."""
        return self.ingest.gate

    @property
    def creating(self) -> Creating:
        """Records that a system lacks are made in a way of their own."""
        return Creating(
            store=self.store,
            catalog=self.catalog,
            systems=self.systems,
            door=self.door,
            ingest=self.ingest,
            retry_seconds=self.retry_seconds,
        )

    @property
    def lists(self) -> ListDelivery:
        """Whole lists go their own way."""
        return ListDelivery(
            store=self.store,
            catalog=self.catalog,
            systems=self.systems,
            gate=self.gate,
            retry_seconds=self.retry_seconds,
        )

    def deliver(self, system: str, lane: Lane, works: Sequence[Work]) -> None:
        """Bring the targets up to date. Every outcome ends in the obligations, with its reason.

        Raises:
            TransientError: the store is away; the works become due again by themselves.
        """
        by_part: dict[tuple[str, str], list[Work]] = defaultdict(list)
        to_make: dict[str, list[Work]] = defaultdict(list)
        for work in works:
            if reference_of(work.target) is not None:
                to_make[work.stream].append(work)
                continue
            part = self.catalog.part_of(ref_of(work))
            by_part[work.stream, part.mapping.slot if part else ""].append(work)
        for (stream, _), some in by_part.items():
            if (system, stream) in self.catalog.lists:
                self.lists.deliver(system, stream)
            else:
                self._deliver_records(system, lane, stream, some)
        for stream, some in to_make.items():
            self.creating.deliver(system, stream, some)

    def outlook(self, system: str) -> Iterator[tuple[str, Lane, Collection[str]]]:
        """Yield stream, lane and fields of each record, and list entry, that the system would get now; changes nothing.

        An entry has no fields.
        """
        with self.store.transaction() as connection:
            works = [work for work in owed_to(connection, system) if reference_of(work.target) is None]
        grouped: dict[tuple[str, Lane], list[Work]] = defaultdict(list)
        for work in works:
            grouped[work.stream, work.lane].append(work)
        for (name, lane), some in grouped.items():
            stream = self.catalog.streams.get((system, name))
            for at in range(0, len(some), OUTLOOK_PAGE):
                if stream is None:
                    yield from ((name, lane, ()) for _ in some[at : at + OUTLOOK_PAGE])
                    continue
                refs = {ref_of(work) for work in some[at : at + OUTLOOK_PAGE]}
                with self.store.transaction() as connection:
                    records = load_records(connection, refs)
                    changes = self._owed(connection, stream, lane, records, load_marks(connection, refs))
                yield from ((name, lane, change.fields.keys()) for change in changes.values() if change.fields)

    def _deliver_records(self, system: str, lane: Lane, name: str, works: Sequence[Work]) -> None:
        stream = self.catalog.part_of(ref_of(works[0]))
        writer = self.systems.connector(system, lane)
        if stream is None or not stream.writable or not isinstance(writer, RecordWriter):
            self._fail_all(works, f"system {system}: stream {name} is not writable any more", "refused")
            return
        tasks, most = self._plan(stream, lane, works), self._max_batch(system)
        written, began = Written(), time.monotonic()
        for start in range(0, len(tasks), most):
            self._write(stream, lane, writer, tasks[start : start + most], written)
            if lane is Lane.SUPPRESSION or time.monotonic() - began > SETTLE_SECONDS:
                self._settle(stream, lane, written)
                written, began = Written(), time.monotonic()
        self._settle(stream, lane, written)

    def _max_batch(self, system: str) -> int:
        return self.catalog.manifests[system].capabilities.max_batch

    def _plan(self, stream: Stream, lane: Lane, works: Sequence[Work]) -> list[Task]:
        """Take the works on, compute what is owed now, and note what is about to be sent."""
        now = datetime.now(UTC)
        with self.store.transaction() as connection:
            marks = open_marks(connection, {ref_of(work) for work in works})
            dues = claim_due(connection, works, now=now, lease=LEASE)
            refs = {due.work: ref_of(due.work) for due in dues}
            records = load_records(connection, set(refs.values()))
            if lane is Lane.SUPPRESSION:  # the other lane waits until the last write has come back
                records = {ref: as_written(record, marks[ref]) for ref, record in records.items()}
            changes = self._owed(connection, stream, lane, records, marks)
            denials = denials_of(stream) if lane is Lane.SUPPRESSION else {}
            tasks, early, absent = [], [], []
            settled: list[Due] = []
            gaps: dict[str, list[Due]] = defaultdict(list)
            for due in dues:
                ref = refs[due.work]
                record = records.get(ref)
                if record is None or record.deleted:
                    absent.append(due)
                elif must_wait(record, lane, changes[ref].fields, marks[ref], denials):
                    early.append(due)
                elif not changes[ref].fields:
                    (gaps[changes[ref].gap] if changes[ref].gap else settled).append(due)
                else:
                    noted = noted_for(record, changes[ref], marks[ref], denials)
                    key = stream.source_key(ref.key)
                    tasks.append(task_of(due, record, key, changes[ref], marks[ref], noted))
                    marks[ref] = marks[ref] | noted
            close(connection, settled + absent, now=now)
            for gap, some in gaps.items():
                fail(connection, some, reason=_of_mapping(gap), state="refused", now=now, retry_seconds=0.0)
            soon = now + timedelta(seconds=SOON_SECONDS)
            put_back(connection, early, reason="waits until the last write has been read back", until=soon)
            # Noted before sending, so that a read which overtakes the answer is known as an echo.
            save_marks(connection, {ref_of(task.due.work): marks[ref_of(task.due.work)] for task in tasks}, now)
            return tasks

    def _owed(
        self,
        connection: Connection,
        stream: Stream,
        lane: Lane,
        records: dict[RecordRef, Record],
        marks: dict[RecordRef, Marks],
    ) -> dict[RecordRef, Owed]:
        customers = {r.customer_id for r in records.values() if r.customer_id}
        goldens = goldens_of(connection, customers)
        holdings = holdings_of(connection, customers) if lane is Lane.SUPPRESSION else {}
        return {
            ref: owed(
                record,
                stream,
                lane,
                goldens.get(record.customer_id, {}),
                holdings.get(record.customer_id),
                marks.get(ref, {}),
                self.gate,
            )
            for ref, record in records.items()
            if record.customer_id is not None and record.payload is not None
        }

    def _write(self, stream: Stream, lane: Lane, writer: RecordWriter, tasks: Sequence[Task], written: Written) -> None:
        """Write the tasks in one call and read them back; what came of those not put off goes to `written`."""
        system = stream.system
        try:
            with self.systems.contact(system, WRITE):
                results = written_by(writer, stream.name, tasks)
                if lane is Lane.SUPPRESSION:
                    tasks, results = insisted(stream, writer, tasks, results)
                touched = [r.key for r in results if r.outcome in (WriteOutcome.APPLIED, WriteOutcome.CONFLICT)]
                found = {r.key: r for r in writer.readback(stream.name, touched)} if touched else {}
        except (TransientError, OperatorError) as error:
            put_off_over(self.store, [t.due for t in tasks], error, retry_seconds=self.retry_seconds)
            return
        except Exception as error:  # noqa: BLE001 - one record that the connector cannot bear must not stop its neighbours
            self._take_apart(stream, lane, writer, tasks, error, written)
            return
        written.tasks += tasks
        written.results += results
        written.found |= found

    def _take_apart(
        self,
        stream: Stream,
        lane: Lane,
        writer: RecordWriter,
        tasks: Sequence[Task],
        error: Exception,
        written: Written,
    ) -> None:
        """Halve the batch until the record that breaks it stands alone; whether that was written is then in doubt."""
        if len(tasks) > 1:
            middle = len(tasks) // 2
            self._write(stream, lane, writer, tasks[:middle], written)
            self._write(stream, lane, writer, tasks[middle:], written)
            return
        if isinstance(error, OnevoiceError):
            reason = f"{error}; look at what the system has now"
        else:  # its text may hold values
            reason = f"system {stream.system}: its connector fails on this record ({type(error).__name__}); mend it"
        put_off(self.store, [t.due for t in tasks], reason, "in_doubt", retry_seconds=self.retry_seconds)

    def _settle(self, stream: Stream, lane: Lane, written: Written) -> None:
        """Note what is proven and what is not, and send what was read back to the front door."""
        if not written.tasks:
            return
        try:
            with self.store.transaction() as connection:
                readings = self._note(connection, stream, written)
        except _OvertakenError:
            with self.store.transaction() as connection:
                keep_out(connection, INGEST)
                readings = self._note(connection, stream, written, ingest_waits=True)
        self.door.send(stream.system, readings, cause=f"delivery:{stream.system}:{lane}")

    def _note(
        self, connection: Connection, stream: Stream, written: Written, *, ingest_waits: bool = False
    ) -> Numbered:
        """Bring marks and obligations to what was found; what was read back is returned, numbered.

        Raises:
            _OvertakenError: ingest made an act of what the hub wrote, and must wait while it is taken back.
        """
        tasks, found, now = written.tasks, written.found, datetime.now(UTC)
        done: list[Due] = []
        overtook: list[Act] = []
        failed: dict[tuple[str, str, float], list[Due]] = defaultdict(list)
        marks = hold_marks(connection, {ref_of(t.due.work) for t in tasks})
        hold(connection, [t.due for t in tasks])
        for task, result in zip(tasks, written.results, strict=True):
            fields = marks[ref_of(task.due.work)]
            if result.outcome is WriteOutcome.REFUSED:
                unsend(task, fields)
            unsend_held_up(task, result, fields)
            if result.outcome is not WriteOutcome.APPLIED:
                failed[self._what_next(stream.system, result)].append(task.due)
                continue
            wrong = prove(stream, task, result, found.get(task.change.key), fields)
            if wrong is None:
                overtook += not_its_own(connection, stream, task, found[task.change.key], fields)
                if task.gap:
                    failed[_of_mapping(task.gap), "refused", 0.0].append(task.due)
                else:
                    done.append(task.due)
            else:
                failed[wrong].append(task.due)
        if overtook and not ingest_waits:
            raise _OvertakenError
        save_marks(connection, marks, now)
        close(connection, done, now=now)
        for (reason, state, seconds), dues in failed.items():
            fail(connection, dues, reason=reason, state=state, now=now, retry_seconds=seconds)
        if overtook:
            self.ingest.unsay(connection, overtook)
        return self.door.number(connection, stream.system, list(found.values()))

    def _what_next(self, system: str, result: WriteResult) -> tuple[str, str, float]:
        if result.outcome is WriteOutcome.CONFLICT:
            return f"system {system}: the record changed meanwhile; redone on what it says now", "due", SOON_SECONDS
        if result.outcome is WriteOutcome.TRANSIENT:
            return f"system {system}: {result.reason}", "due", self.retry_seconds
        if result.outcome is WriteOutcome.MISSING:
            return f"system {system}: the record is gone; the next reconciliation finds out", "refused", 0.0
        return (
            f"system {system} refuses: {result.reason}; correct it there, then 'onevoice obligation resend'",
            ("refused"),
            0.0,
        )

    def _fail_all(self, works: Sequence[Work], reason: str, state: str) -> None:
        with self.store.transaction() as connection:
            dues = claim_due(connection, works, now=datetime.now(UTC), lease=LEASE)
        put_off(self.store, dues, reason, state, retry_seconds=self.retry_seconds)


def _of_mapping(gap: str) -> str:
    return f"{gap}; add it to the mapping, then 'onevoice obligation resend'"
