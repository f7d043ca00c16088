"""Delivery: bring one system to what it is owed, and prove it by reading back.

Level-triggered: the message says only who is owed something; what is owed is computed at this moment. Nothing is
sent inside a transaction. A write is conditional on the version it was computed on: only so is it proven that the hub
set what is read back. A prohibition does not wait for a record to hold still and goes without in the end.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
from sqlalchemy import Connection, delete, update

from onevoice.consent import Gate
from onevoice.consent.holdings import holdings_of
from onevoice.consent.lists import suppression_list
from onevoice.errors import OnevoiceError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.messages import (
    Change,
    Json,
    Lane,
    ListEntry,
    Permission,
    RecordRef,
    SourceRecord,
    Work,
    WriteOutcome,
    WriteResult,
)
from onevoice.obligations import Due, Owed, claim_due, claim_target, close, fail, owed_to, put_back, request
from onevoice.sdk import ListWriter, RecordWriter
from onevoice.store import Lease, Store, keep_out, rows_by_keys, upsert
from onevoice.store.tables import act, delivered
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.clock import ensure_list, mark
from onevoice.workers.door import Door
from onevoice.workers.ingest.merge import goldens_of
from onevoice.workers.ingest.oblige import list_target, owed
from onevoice.workers.ingest.record import Record, load_records
from onevoice.workers.marks import Marks, hold_marks, load_marks, open_marks, otherwise, proven, save_marks, sending
from onevoice.workers.systems import Systems

INGEST = "ingest"
LEASE = timedelta(seconds=60)
SOON_SECONDS = 0.3
SETTLE_SECONDS = 0.2
"""What a system was written in several calls is noted together, unless they take longer than this."""
_ACT_SOURCE = ("source_system", "source_stream", "source_key")
OUTLOOK_PAGE = 500
PROOF_WAIT_SECONDS = 3.0
PROOF_POLL_SECONDS = 0.05


@dataclass(slots=True, kw_only=True)
class _Task:
    """One record to be brought up to date; its marks as they were, and as they were noted for this write.

    Attributes:
        gap: why a value cannot be written at all; empty when all can.
    """

    due: Due
    change: Change
    marks_before: Marks
    marks_sending: Marks
    gap: str


@dataclass(slots=True)
class _Written:
    """What a system answered to tasks, a result each, and the records as they were read back."""

    tasks: list[_Task] = field(default_factory=list)
    results: list[WriteResult] = field(default_factory=list)
    found: dict[str, SourceRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Delivers works of one system and lane."""

    store: Store
    catalog: Catalog
    systems: Systems
    door: Door
    gate: Gate
    retry_seconds: float

    def deliver(self, system: str, lane: Lane, works: Sequence[Work]) -> None:
        """Bring the targets up to date. Every outcome ends in the obligations, with its reason.

        Raises:
            TransientError: the store is away; the works become due again by themselves.
        """
        by_part: dict[tuple[str, str], list[Work]] = defaultdict(list)
        for work in works:
            part = self.catalog.part_of(_ref(work))
            by_part[work.stream, part.mapping.slot if part else ""].append(work)
        for (stream, _), some in by_part.items():
            if (system, stream) in self.catalog.lists:
                self._deliver_list(system, stream)
            else:
                self._deliver_records(system, lane, stream, some)

    def outlook(self, system: str) -> Iterator[tuple[str, Lane, Collection[str]]]:
        """Yield stream, lane and fields of each record, and list entry, that the system would get now; changes nothing.

        An entry has no fields.
        """
        with self.store.transaction() as connection:
            works = owed_to(connection, system)
        grouped: dict[tuple[str, Lane], list[Work]] = defaultdict(list)
        for work in works:
            grouped[work.stream, work.lane].append(work)
        for (name, lane), some in grouped.items():
            stream = self.catalog.streams.get((system, name))
            for at in range(0, len(some), OUTLOOK_PAGE):
                if stream is None:
                    yield from ((name, lane, ()) for _ in some[at : at + OUTLOOK_PAGE])
                    continue
                refs = {_ref(work) for work in some[at : at + OUTLOOK_PAGE]}
                with self.store.transaction() as connection:
                    records = load_records(connection, refs)
                    changes = self._owed(connection, stream, lane, records, load_marks(connection, refs))
                yield from ((name, lane, change.fields.keys()) for change in changes.values() if change.fields)

    # --- records ------------------------------------------------------------------------------------------------

    def _deliver_records(self, system: str, lane: Lane, name: str, works: Sequence[Work]) -> None:
        stream = self.catalog.part_of(_ref(works[0]))
        writer = self.systems.connector(system, lane)
        if stream is None or not stream.writable or not isinstance(writer, RecordWriter):
            self._fail_all(works, f"system {system}: stream {name} is not writable any more", "refused")
            return
        tasks, most = self._plan(stream, lane, works), self._max_batch(system)
        written, began = _Written(), time.monotonic()
        for start in range(0, len(tasks), most):
            self._write(stream, lane, writer, tasks[start : start + most], written)
            if time.monotonic() - began > SETTLE_SECONDS:
                self._settle(stream, lane, written)
                written, began = _Written(), time.monotonic()
        self._settle(stream, lane, written)

    def _max_batch(self, system: str) -> int:
        return self.catalog.manifests[system].capabilities.max_batch

    def _plan(self, stream: Stream, lane: Lane, works: Sequence[Work]) -> list[_Task]:
        """Take the works on, compute what is owed now, and note what is about to be sent."""
        now = datetime.now(UTC)
        with self.store.transaction() as connection:
            marks = open_marks(connection, {_ref(work) for work in works})
            dues = claim_due(connection, works, now=now, lease=LEASE)
            refs = {due.work: _ref(due.work) for due in dues}
            records = load_records(connection, set(refs.values()))
            changes = self._owed(connection, stream, lane, records, marks)
            denials = _denials(stream) if lane is Lane.SUPPRESSION else {}
            tasks, early, absent = [], [], []
            settled: list[Due] = []
            gaps: dict[str, list[Due]] = defaultdict(list)
            for due in dues:
                ref = refs[due.work]
                record = records.get(ref)
                if record is None or record.deleted:
                    absent.append(due)
                elif lane is Lane.RECORD and _behind(record, marks[ref]):
                    early.append(due)
                elif not changes[ref].fields:
                    (gaps[changes[ref].gap] if changes[ref].gap else settled).append(due)
                else:
                    noted = _sending(record, changes[ref], marks[ref], denials)
                    key = stream.source_key(ref.key)
                    tasks.append(_task(due, record, key, changes[ref], marks[ref], noted))
                    marks[ref] = marks[ref] | noted
            close(connection, settled + absent, now=now)
            for gap, some in gaps.items():
                fail(connection, some, reason=_of_mapping(gap), state="refused", now=now, retry_seconds=0.0)
            soon = now + timedelta(seconds=SOON_SECONDS)
            put_back(connection, early, reason="waits until the last write has been read back", until=soon)
            # Noted before sending, so that a read which overtakes the answer is known as an echo.
            save_marks(connection, {_ref(task.due.work): marks[_ref(task.due.work)] for task in tasks}, now)
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

    def _write(
        self, stream: Stream, lane: Lane, writer: RecordWriter, tasks: Sequence[_Task], written: _Written
    ) -> None:
        """Write the tasks in one call and read them back; what came of those not put off goes to `written`."""
        system = stream.system
        try:
            with self.systems.contact(system):
                results = _written(writer, stream.name, tasks)
                if lane is Lane.SUPPRESSION:
                    tasks, results = _insisted(stream, writer, tasks, results)
                touched = [r.key for r in results if r.outcome in (WriteOutcome.APPLIED, WriteOutcome.CONFLICT)]
                found = {r.key: r for r in writer.readback(stream.name, touched)} if touched else {}
        except (TransientError, OperatorError) as error:
            self._fail([t.due for t in tasks], str(error), "due", retry_after=_asked_wait(error))
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
        tasks: Sequence[_Task],
        error: Exception,
        written: _Written,
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
        self._fail([t.due for t in tasks], reason, "in_doubt")

    def _settle(self, stream: Stream, lane: Lane, written: _Written) -> None:
        """Note what is proven and what is not, and send what was read back to the front door."""
        tasks, found, now = written.tasks, written.found, datetime.now(UTC)
        if not tasks:
            return
        done: list[Due] = []
        failed: dict[tuple[str, str, float], list[Due]] = defaultdict(list)
        with self.store.transaction() as connection:
            marks = hold_marks(connection, {_ref(t.due.work) for t in tasks})
            for task, result in zip(tasks, written.results, strict=True):
                fields = marks[_ref(task.due.work)]
                if result.outcome is WriteOutcome.REFUSED:
                    _unsend(task, fields)
                _unsend_held_up(task, result, fields)
                if result.outcome is not WriteOutcome.APPLIED:
                    failed[self._what_next(stream.system, result)].append(task.due)
                    continue
                wrong = _prove(stream, task, result, found.get(task.change.key), fields)
                if wrong is None:
                    _disown(connection, stream, task, found[task.change.key], fields, now)
                    if task.gap:
                        failed[_of_mapping(task.gap), "refused", 0.0].append(task.due)
                    else:
                        done.append(task.due)
                else:
                    failed[wrong].append(task.due)
            save_marks(connection, marks, now)
            close(connection, done, now=now)
            for (reason, state, seconds), dues in failed.items():
                fail(connection, dues, reason=reason, state=state, now=now, retry_seconds=seconds)
            readings = self.door.number(connection, stream.system, list(found.values()))
        self.door.send(stream.system, readings, cause=f"delivery:{stream.system}:{lane}")

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

    # --- lists --------------------------------------------------------------------------------------------------

    def _deliver_list(self, system: str, name: str) -> None:
        """Hand the whole list over once for everything that is owed to it, and wait a moment for the proof.

        One delivery of a list at a time: of two, the one that read the list first might hand it over last.
        """
        lease = Lease.take(self.store, f"list {system} {name}", uuid4().hex, seconds=LEASE.total_seconds())
        now = datetime.now(UTC)
        if lease is None:
            with self.store.transaction() as connection:
                dues = claim_target(connection, system, name, now=now, lease=LEASE)
                soon = now + timedelta(seconds=SOON_SECONDS)
                put_back(connection, dues, reason="another delivery of this list is under way", until=soon)
            return
        try:
            self._hand_over_list(system, name)
        finally:
            lease.release(self.store)

    def _hand_over_list(self, system: str, name: str) -> None:
        now = datetime.now(UTC)
        ensure_list(self.store, self.gate)
        with self.store.transaction() as connection:
            dues = claim_target(connection, system, name, now=now, lease=LEASE)
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
        if not dues:
            return
        writer = self.systems.connector(system, Lane.SUPPRESSION)
        if not isinstance(writer, ListWriter):
            self._fail(dues, f"system {system} takes no lists any more", "refused")
            return
        try:
            with self.systems.contact(system):
                in_force = _hand_over(writer, name, entries)
        except (TransientError, OperatorError) as error:
            self._fail(dues, str(error), "due", retry_after=_asked_wait(error))
            return
        handed = {_target(e.channel, e.point, e.purpose) for e in entries}
        stands = None if in_force is None else {_target(*entry) for entry in in_force}
        now = datetime.now(UTC)
        shown = [d for d in dues if stands is not None and (d.work.target in stands) == (d.work.target in handed)]
        if stands is not None:
            with self.store.transaction() as connection:
                _save_listed(connection, system, name, stands, now)
                close(connection, shown, now=now)
        missing = [due for due in dues if due not in shown]
        self._fail(missing, f"system {system}: list {name} handed over, not yet loaded there", "due")
        self._ask_anew(system, name, handed)

    def compare_list(self, system: str, name: str) -> tuple[int, int]:
        """Hold the list that a system has in force to the one that stands, entry by entry, and owe it the difference.

        Returns how many entries it lacks, and how many it has that should not be there.

        Raises:
            TransientError, OperatorError: the system did not answer, or refuses us.
        """
        writer = self.systems.connector(system, Lane.SUPPRESSION)
        if not isinstance(writer, ListWriter):
            return 0, 0
        ensure_list(self.store, self.gate)
        with self.systems.contact(system):
            in_force = writer.readback_list(name) or frozenset()
        stands = {_target(*entry) for entry in in_force}
        now = datetime.now(UTC)
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
            wanted = {_target(e.channel, e.point, e.purpose) for e in entries}
            works = [Work(system=system, lane=Lane.SUPPRESSION, stream=name, target=t) for t in wanted ^ stands]
            request(connection, works, now=now, cause=None)
            mark(connection, f"list {system} {name}", now)
        return len(wanted - stands), len(stands - wanted)

    def _ask_anew(self, system: str, name: str, handed: set[str]) -> None:
        """Ask for what changed while the list was under way: ingest compares with what stood there before.

        A batch that still saw the old list has ended before the new one is compared, and a later one sees the new.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
        with self.store.transaction() as connection:
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
            changed = handed ^ {_target(e.channel, e.point, e.purpose) for e in entries}
            works = [Work(system=system, lane=Lane.SUPPRESSION, stream=name, target=target) for target in changed]
            request(connection, works, now=datetime.now(UTC), cause=None)

    # --- failures -----------------------------------------------------------------------------------------------

    def _fail_all(self, works: Sequence[Work], reason: str, state: str) -> None:
        with self.store.transaction() as connection:
            dues = claim_due(connection, works, now=datetime.now(UTC), lease=LEASE)
        self._fail(dues, reason, state)

    def _fail(self, dues: Sequence[Due], reason: str, state: str, *, retry_after: float | None = None) -> None:
        with self.store.transaction() as connection:
            fail(
                connection,
                dues,
                reason=reason,
                state=state,
                now=datetime.now(UTC),
                retry_seconds=self.retry_seconds,
                retry_after=retry_after,
            )


def _asked_wait(error: OnevoiceError) -> float | None:
    return error.retry_after if isinstance(error, TransientError) else None


def _written(writer: RecordWriter, stream: str, tasks: Sequence[_Task]) -> list[WriteResult]:
    """Return exactly one result a task; a refusal of the whole call is one of each task."""
    try:
        results = writer.write(stream, [task.change for task in tasks])
    except RefusedError as error:
        return [WriteResult(key=t.change.key, outcome=WriteOutcome.REFUSED, reason=str(error)) for t in tasks]
    if [r.key for r in results] != [t.change.key for t in tasks]:
        raise RecordError(f"stream {stream}: the connector does not answer each change with its own result")
    return results


def _insisted(
    stream: Stream, writer: RecordWriter, tasks: Sequence[_Task], results: Sequence[WriteResult]
) -> tuple[list[_Task], list[WriteResult]]:
    """Write the prohibitions again whose record changed meanwhile: on what it says now, then without a condition.

    What says no by now is left out: that is the system's own word. So is all that says no prohibition; it can wait.
    """
    tasks, results = list(tasks), list(results)
    denials = _denials(stream)
    for conditional in (True, False):
        held_up = [at for at, result in enumerate(results) if result.outcome is WriteOutcome.CONFLICT]
        keys = [tasks[at].change.key for at in held_up]
        found = {record.key: record for record in writer.readback(stream.name, keys)} if keys else {}
        again = []
        for at in held_up:
            record = found.get(tasks[at].change.key)
            if record is None or record.data is None:
                continue
            fields = {
                path: value
                for path, value in tasks[at].change.fields.items()
                if value == denials.get(path) and stream.mapping.read_source(record.data, path) != value
            }
            if fields:
                change = _change(record.key, record.version, fields)
                tasks[at] = replace(tasks[at], change=change if conditional else replace(change, expected_version=None))
                again.append(at)
        try:
            answers = _written(writer, stream.name, [tasks[at] for at in again]) if again else []
        except TransientError:
            break  # those stay held up, and the others are written: all are redone or proven as what they are
        for at, result in zip(again, answers, strict=True):
            results[at] = result
    return tasks, results


def _denials(stream: Stream) -> Json:
    """Return what each consent field of the stream says when it says no."""
    return stream.mapping.to_source({}, dict.fromkeys(stream.mapping.acts, Permission.DENIED), Lane.SUPPRESSION)


def _ref(work: Work) -> RecordRef:
    return RecordRef(system=work.system, stream=work.stream, key=work.target)


def _behind(record: Record, marks: dict[str, Json]) -> bool:
    """The record was written in a version that has not come back through the front door yet."""
    return any(mark.get("version", "") > record.sequence for mark in marks.values())


def _task(due: Due, record: Record, key: str, now: Owed, marks: Marks, noted: Marks) -> _Task:
    return _Task(
        due=due,
        change=_change(key, record.sequence, now.fields),
        marks_before={path: marks[path] for path in now.fields if path in marks},
        marks_sending=noted,
        gap=now.gap,
    )


def _of_mapping(gap: str) -> str:
    return f"{gap}; add it to the mapping, then 'onevoice obligation resend'"


def _change(key: str, version: str, fields: Json) -> Change:
    body = orjson.dumps([key, version, fields], option=orjson.OPT_SORT_KEYS, default=str)
    return Change(
        key=key,
        fields=fields,
        expected_version=version,
        idempotency_key=hashlib.blake2b(body, digest_size=16).hexdigest(),
    )


def _sending(record: Record, owed_now: Owed, marks: Marks, denials: Json) -> Marks:
    base = record.sequence, record.reading
    return {
        path: sending(
            marks.get(path, {}),
            value,
            replaced=owed_now.replaced[path],
            base=base,
            denies=[denials[path]] if path in denials else [],
        )
        for path, value in owed_now.fields.items()
    }


def _unsend(task: _Task, marks: Marks) -> None:
    """Take back the note of what the system refused: should it say the same one day, it says so by itself."""
    for path, value in task.change.fields.items():
        mark = marks.get(path)
        if mark is not None and "base" in mark and mark["sent"] == value:
            del marks[path]
            if path in task.marks_before:
                marks[path] = task.marks_before[path]


def _unsend_held_up(task: _Task, result: WriteResult, marks: Marks) -> None:
    """Take back the note of the consent fields that certainly were not written, unless more was learned meanwhile."""
    for path, noted in task.marks_sending.items():
        written = path in task.change.fields and result.outcome is not WriteOutcome.CONFLICT
        if "denies" in noted and not written and marks.get(path) == noted:
            del marks[path]
            if path in task.marks_before:
                marks[path] = task.marks_before[path]


def _disown(
    connection: Connection, stream: Stream, task: _Task, found: SourceRecord, marks: Marks, now: datetime
) -> None:
    """Take back the act that ingest made of the hub's own "no", where a read overtook the proof.

    A write that the system took on a condition is the first thing said after the version it was computed on; so the
    earliest such act is the hub's own word, and what stood in the field before is still owed back should it be.
    """
    base = task.change.expected_version
    consent = {path: noted for path, noted in task.marks_sending.items() if "denies" in noted and path in marks}
    if base is None or not consent or found.data is None:
        return
    names = {
        sources[0]: name for name, sources in stream.mapping.origins.items() if name.startswith("acts[") and sources
    }
    ref = _ref(task.due.work)
    rows = rows_by_keys(connection, act, list(act.c), key=_ACT_SOURCE, keys=[(ref.system, ref.stream, ref.key)])
    for path, noted in consent.items():
        marks[path] = {**marks[path], "replaced": noted["replaced"]}
        made = [
            (row.evidence["version"], row.id)
            for row in rows
            if row.superseded_at is None
            and f"acts[{row.evidence.get('observed')}]" == names.get(path)
            and row.evidence["version"] > base
        ]
        if made:
            connection.execute(update(act).where(act.c.id == min(made)[1]).values(superseded_at=now))


def _prove(
    stream: Stream, task: _Task, result: WriteResult, found: SourceRecord | None, marks: Marks
) -> tuple[str, str, float] | None:
    """Compare what was sent with what the system gives back, and mark it; returns (reason, state, seconds) if wrong.

    Something else is the system's form of what was written only in the very version that the write made. In any other
    it may be what somebody typed after the write: that is no echo, and the write is redone on it.
    """
    if found is None or found.data is None:
        return f"system {stream.system}: the record cannot be read back", "refused", 0.0
    ours = result.version is not None and result.version == found.version
    kept_otherwise: list[str] = []
    changed: list[str] = []
    rendered: Json | None = None
    for path, sent in task.change.fields.items():
        given = stream.mapping.read_source(found.data, path)
        mark = marks.pop(path, {})
        if given != sent and rendered is None:
            rendered = _rendered(stream, found.data)
        same = given == sent or (rendered or {}).get(path, given) == sent
        after: Json | None
        if same or ours:
            # Written without a condition: what stood there may have been somebody's own no, so it is not given back.
            known = mark if task.change.expected_version is not None else {**mark, "replaced": sent}
            after = proven(known, sent, written=given, version=found.version)
        else:
            after = otherwise(mark, task.marks_before.get(path, {}), sent, given=given, version=found.version)
        if after is not None:
            marks[path] = after
        if not same:
            (changed if after is None or "otherwise" in after else kept_otherwise).append(path)
    if changed:
        names = ", ".join(sorted(changed))
        reason = f"system {stream.system}: says otherwise than written; redone on what it says now: {names}"
        return reason, "due", SOON_SECONDS
    if kept_otherwise:
        names = ", ".join(sorted(kept_otherwise))
        return f"system {stream.system}: reads back otherwise than written: {names}", "refused", 0.0
    return None


def _rendered(stream: Stream, data: Json) -> Json:
    try:
        return stream.mapping.to_source(stream.mapping.to_canonical(data).canonical, {}, Lane.RECORD)
    except RecordError:
        return {}


def _hand_over(writer: ListWriter, name: str, entries: Sequence[ListEntry]) -> frozenset[tuple[str, str, str]] | None:
    """Return what the system has in force at last; None while it has nothing."""
    wanted = frozenset((e.channel, e.point, e.purpose) for e in entries)
    in_force = writer.readback_list(name)
    if in_force == wanted:
        return in_force
    writer.write_list(name, entries)
    deadline = time.monotonic() + PROOF_WAIT_SECONDS
    while in_force != wanted and time.monotonic() < deadline:
        time.sleep(PROOF_POLL_SECONDS)
        in_force = writer.readback_list(name)
    return in_force


def _target(channel: str, point: str, purpose: str) -> str:
    """Return the obligation's target of an entry as the list names it, without the kind of its contact point."""
    kind = {"sms": "phone"}.get(channel, channel)
    return list_target(channel, f"{kind}:{point}", purpose)


def _save_listed(connection: Connection, system: str, name: str, targets: Collection[str], now: datetime) -> None:
    """Remember which entries the system is proven to hold; those that left the list are forgotten."""
    connection.execute(delete(delivered).where(delivered.c.system == system, delivered.c.stream == name))
    rows = [
        {"system": system, "stream": name, "key": target, "fields": {"listed": True}, "updated_at": now}
        for target in sorted(targets)
    ]
    upsert(connection, delivered, rows, key=("system", "stream", "key"))
