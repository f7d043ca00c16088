"""One batch through the walk: prepare outside, then one transaction under the ingest lease, then acknowledge."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection

from onevoice.bus import Delivery
from onevoice.consent import Gate
from onevoice.errors import TransientError
from onevoice.identity import Model
from onevoice.mapping import is_history
from onevoice.master import Survivorship
from onevoice.messages import Act, Json, RecordRef, Work
from onevoice.obligations import request
from onevoice.store import Lease, Store
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.creations import recognise
from onevoice.workers.drift import note_drift
from onevoice.workers.ingest.accept import Family, accept, act_from_record, acts_of, family_of
from onevoice.workers.ingest.announce import consent_events, customer_events, interaction_events
from onevoice.workers.ingest.answer import act_of_thread, threads_replied_to
from onevoice.workers.ingest.as_of import note_turning_days
from onevoice.workers.ingest.inbox import conflict_row, known_effects, note_messages, one_cause
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.merge import Customer, goldens_of, merge
from onevoice.workers.ingest.needed import named_by_orders
from onevoice.workers.ingest.outside import sift
from onevoice.workers.ingest.owing import Owing, points_before
from onevoice.workers.ingest.prepare import Incoming, Rejected, prepare
from onevoice.workers.ingest.record import Record, load_members, load_records
from onevoice.workers.ingest.resolve import regroup, resolve
from onevoice.workers.ingest.said import acts_at_moved_points, customers_at, holders_alone_or_two, save_acts
from onevoice.workers.ingest.seen import Seen
from onevoice.workers.ingest.set_aside import keep, quarantine_row
from onevoice.workers.ingest.surroundings import Surroundings
from onevoice.workers.ingest.trial import begin_trial, end_trial
from onevoice.workers.marks import Marks, hold_marks, save_marks
from onevoice.workers.outbox import tell

_KEY = ("system", "stream", "key")
_POINTS = ("email:", "phone:")


@dataclass(slots=True)
class BatchResult:
    """What became of a batch: how many messages ended in each state."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    obligations: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accepted:
    """What a batch said: the records, the acts to be stored, those that are new or count no more, a state a message.

    Attributes:
        marks: those of the records, held; `marks_before` as they stood.
    """

    records: dict[RecordRef, Record]
    marks_before: Mapping[RecordRef, Marks]
    marks: Mapping[RecordRef, Marks]
    acts: list[Act]
    added: list[Act]
    gone: list[Act]
    states: list[str]


@dataclass(slots=True, kw_only=True)
class Ingest:
    """Takes batches of deliveries into the master; one writer at a time."""

    store: Store
    catalog: Catalog
    model: Model
    survivorship: Survivorship
    gate: Gate
    _seen: Seen = field(init=False)

    def __post_init__(self) -> None:
        self._seen = Seen(self.model)

    def take(self, deliveries: Sequence[Delivery], *, lease: Lease, urgent: bool = False) -> BatchResult:
        """Bring a batch to its end state and commit; the caller acknowledges afterwards.

        Raises:
            FencedError: the lease passed to another worker; nothing was committed.
            TransientError: the store is away; nothing was committed.
        """
        return self.take_prepared(self.prepare(deliveries, urgent=urgent), lease=lease)

    def prepare(self, deliveries: Sequence[Delivery], *, urgent: bool = False) -> list[Incoming | Rejected]:
        """Check and map a batch; needs no store, so that it can go on while the batch before is being committed."""
        return [prepare(delivery, self.catalog, urgent=urgent) for delivery in deliveries]

    def take_prepared(self, prepared: Sequence[Incoming | Rejected], *, lease: Lease) -> BatchResult:
        """Commit a batch that was checked and mapped.

        Raises:
            FencedError, TransientError: as `take`.
        """
        with self.store.transaction() as connection:
            lease.hold(connection)
            return self.commit(connection, prepared)

    def set_aside(self, delivery: Delivery, *, lease: Lease, reason: str) -> None:
        """Put one message into quarantine that the hub itself cannot bear."""
        with self.store.transaction() as connection:
            lease.hold(connection)
            keep(connection, [quarantine_row(delivery, step="ingest", reason=reason)])

    def take_alone(self, delivery: Delivery, *, lease: Lease, urgent: bool = False) -> bool:
        """Take one message that was handed out before, under a note that outlives this worker.

        The note stands in quarantine while the message is tried and goes with its commit; what finds two notes of
        workers that ended over it stays there. Returns whether the message was taken.

        Raises:
            FencedError, TransientError: as `take`; the note is taken back as far as the store answers.
        """
        with self.store.transaction() as connection:
            lease.hold(connection)
            if not begin_trial(connection, delivery):
                return False
        try:
            prepared = self.prepare([delivery], urgent=urgent)
            with self.store.transaction() as connection:
                lease.hold(connection)
                end_trial(connection, delivery)
                self.commit(connection, prepared)
        except TransientError:
            with suppress(TransientError), self.store.transaction() as connection:
                end_trial(connection, delivery)
            raise
        return True

    def commit(self, connection: Connection, prepared: Sequence[Incoming | Rejected]) -> BatchResult:
        """Do all that the batch brings about inside the caller's transaction."""
        now = datetime.now(UTC)
        result = BatchResult()
        passed = [p for p in prepared if isinstance(p, Incoming)]
        sifted = sift(connection, passed, self.catalog, now)
        incoming = sifted.entering
        rejected = [p.row() for p in prepared if isinstance(p, Rejected)] + sifted.refused
        accepted = self._accept(connection, incoming, now, sifted.forbidding)
        states = accepted.states
        rejected += [conflict_row(i) for i, state in zip(incoming, states, strict=True) if state == "conflict"]
        result.counts["quarantined"] += len(rejected)
        keep(connection, [*rejected, *(one.aside_row() for one in incoming if one.aside)])
        note_drift(connection, self.catalog, prepared, now)
        works = self._bring_about(connection, accepted, now)
        result.obligations = request(connection, works, now=now, cause=one_cause(incoming, states))
        note_messages(connection, incoming, states, now)
        for state in states:
            if state != "conflict":  # those are among the rejected
                result.counts[state] += 1
        return result

    def remap(self, connection: Connection, incoming: Sequence[Incoming], *, anew: Collection[RecordRef] = ()) -> int:
        """Take stored versions as the present mapping makes them, with all that follows; returns how many changed.

        The caller keeps ingest out of the same transaction. Every system is owed anew what it lacks now.

        Args:
            incoming: the versions.
            anew: records of which nothing counts that was taken in before the marks on them.
        """
        now = datetime.now(UTC)
        accepted = self._accept(connection, incoming, now, [], anew)
        works = self._bring_about(connection, accepted, now)
        customers = {r.customer_id for r in accepted.records.values() if r.customer_id}
        request(connection, works, now=now, cause=None)
        self.owe(connection, customers)
        return sum(record.touched and record.says_something_else for record in accepted.records.values())

    def _bring_about(self, connection: Connection, accepted: _Accepted, now: datetime) -> list[Work]:
        """Resolve, merge and tell what was accepted; returns what is owed for it."""
        records, acts = accepted.records, accepted.acts
        parties = [r for r in records.values() if r.is_party and r.touched]
        loaded = Loaded(connection, records.values())
        regrouping = resolve(loaded, parties, self._seen)
        for moved in regrouping.records:
            here = records.setdefault(moved.ref, moved)
            here.customer_id, here.touched = moved.customer_id, True
        note_turning_days(connection, parties)
        moved_on = {r.customer_id for r in parties if r.customer_id and r.says_something_else}
        said, passed_on = [*acts, *accepted.gone], acts_at_moved_points(connection, parties)
        alone_or_two = holders_alone_or_two(loaded, passed_on, self.gate, most=self.model.max_size)
        affected = customers_at(connection, said) | regrouping.customers | alone_or_two
        if any(stream.create == "when_needed" for stream in self.catalog.creating()):
            affected |= named_by_orders(connection, records.values())
        touched = [r for r in records.values() if r.touched]
        merged = merge(loaded, moved_on | affected, self.survivorship, now=now, unsaved=touched)
        tell(
            connection,
            [
                *customer_events(merged, now=now),
                *interaction_events(connection, records.values(), now=now),
                *consent_events(connection, self.gate, added=accepted.added, gone=accepted.gone, now=now),
            ],
        )
        others = {c.id: c for c in merged.values() if c.changed or c.id in affected or _holds_otherwise(c)}
        points = {act.anchor_point for act in passed_on}
        doubted = {c.id for c in others.values() if c.id in alone_or_two or not points.isdisjoint(points_before(c))}
        works = self._owing().to_customers(connection, others, said, doubted)
        still = [r for r in parties if r.customer_id not in others]
        return works + self._owing().to_records(connection, still, accepted.marks_before, accepted.marks, merged)

    def say(self, connection: Connection, acts: Sequence[Act]) -> None:
        """Take acts that people state, with all that follows; the caller keeps ingest out of the same transaction."""
        now = datetime.now(UTC)
        save_acts(connection, acts, [], now)
        merged = merge(Loaded(connection), customers_at(connection, acts), self.survivorship, now=now)
        tell(connection, consent_events(connection, self.gate, added=acts, gone=[], now=now))
        request(connection, self._owing().to_customers(connection, merged, acts), now=now, cause=None)

    def unsay(self, connection: Connection, acts: Sequence[Act]) -> None:
        """Let acts count no more, with all that follows; the caller keeps ingest out of the same transaction."""
        now = datetime.now(UTC)
        save_acts(connection, (), [act.id for act in acts], now)
        tell(connection, consent_events(connection, self.gate, added=[], gone=acts, now=now))
        self.owe(connection, (), acts)

    def owe(self, connection: Connection, customers: Collection[UUID], acts: Sequence[Act] = ()) -> int:
        """Oblige the systems to what is true now, where nothing was said but something came or ended.

        The caller keeps ingest out of the same transaction. Returns how much became due.

        Args:
            customers: those to look at, beside all that the acts bear on.
            acts: what ended.
        """
        now = datetime.now(UTC)
        concerned = {*customers, *customers_at(connection, acts)}
        merged = merge(Loaded(connection), concerned, self.survivorship, now=now)
        works = self._owing().to_customers(connection, merged, acts, doubted=customers)
        return request(connection, works, now=now, cause=None)

    def age(self, connection: Connection, customers: Sequence[UUID]) -> None:
        """Merge the customers anew after the day moved as of which golden records hold, and oblige the systems.

        The caller keeps ingest out of the same transaction.
        """
        now = datetime.now(UTC)
        merged = merge(Loaded(connection), customers, self.survivorship, now=now)
        tell(connection, customer_events(merged, now=now))
        changed = {c.id: c for c in merged.values() if c.changed}
        request(connection, self._owing().to_customers(connection, changed, []), now=now, cause=None)

    def owe_creates(self, connection: Connection, customers: Collection[UUID], stream: Stream) -> int:
        """Let one stream's system be owed the records of the customers that it lacks; returns how many became due."""
        goldens = goldens_of(connection, customers)
        members: dict[UUID, list[Record]] = defaultdict(list)
        for record in load_members(connection, customers):
            if record.customer_id is not None:
                members[record.customer_id].append(record)
        standing = {
            one: Customer(id=one, members=some, golden=goldens[one], before=goldens[one], revision=0)
            for one, some in members.items()
            if one in goldens
        }
        works = [
            work
            for work in self._owing().creates(connection, standing)
            if (work.system, work.stream) == (stream.system, stream.name)
        ]
        return request(connection, works, now=datetime.now(UTC), cause=None)

    def reground(self, connection: Connection, customers: Collection[UUID]) -> frozenset[UUID]:
        """Group the customers anew after a judgement, merge what came of it and oblige the systems.

        The caller keeps ingest out of the same transaction. Returns the customers that stand afterwards.
        """
        return self._reground(connection, customers, also=customers)[1]

    def regroup(self, connection: Connection, customers: Collection[UUID]) -> frozenset[UUID]:
        """Group the customers anew after their pairs were scored anew, as `reground` does.

        Returns those whose records changed; nothing is looked at of those that stay as they are.
        """
        return self._reground(connection, customers, also=())[0]

    def _reground(
        self, connection: Connection, customers: Collection[UUID], *, also: Collection[UUID]
    ) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """Return the customers that were regrouped, and those of them and of `also` that stand afterwards."""
        now = datetime.now(UTC)
        loaded = Loaded(connection)
        regrouping = regroup(Surroundings(loaded, Seen(self.model)), customers, {})
        merged = merge(loaded, {*also, *regrouping.customers}, self.survivorship, now=now, unsaved=regrouping.records)
        tell(connection, customer_events(merged, now=now))
        request(connection, self._owing().to_customers(connection, merged, []), now=now, cause=None)
        return regrouping.customers, frozenset(merged)

    def _owing(self) -> Owing:
        return Owing(self.catalog, self.gate)

    def _accept(
        self,
        connection: Connection,
        incoming: Sequence[Incoming],
        now: datetime,
        forbidding: Sequence[Act],
        anew: Collection[RecordRef] = (),
    ) -> _Accepted:
        known = known_effects(connection, incoming)
        refs = {i.ref for i in incoming} | {part.ref for i in incoming for part in i.also}
        marks = hold_marks(connection, refs)
        records = load_records(connection, refs)
        marks |= recognise(connection, _first_seen(incoming, records, marks, self.catalog), self.catalog, now)
        marks_before = {ref: dict(fields) for ref, fields in marks.items()}
        flags_before = {ref: record.flags for ref, record in records.items()}
        for ref in anew:
            records[ref].start_anew()
        acts = {act.id: act for act in forbidding}
        replied_to = threads_replied_to(connection, incoming)
        states = []
        for one in incoming:
            inbox_id = (one.envelope.system, one.envelope.id)
            if inbox_id in known and not _is_remapping(one, records.get(one.ref), known[inbox_id]):
                states.append("duplicate" if known[inbox_id] == one.effect else "conflict")
                continue
            known[inbox_id] = one.effect
            states.append(self._take(one, records, marks, acts, replied_to))
        save_marks(connection, {ref: marks[ref] for ref in marks_before if marks[ref] != marks_before[ref]}, now)
        added, gone = list(acts.values()), list[Act]()
        for ref, record in records.items():
            if record.flags is not flags_before.get(ref):
                before, after = acts_of(ref, flags_before.get(ref, {})), acts_of(ref, record.flags)
                gone += [act for k, act in before.items() if k not in after]
                added += [act for k, act in after.items() if k not in before]
                acts.update({k: act for k, act in after.items() if act != before.get(k)})
        save_acts(connection, acts.values(), [act.id for act in gone], now)
        return _Accepted(
            records=records,
            marks_before=marks_before,
            marks=marks,
            acts=list(acts.values()),
            added=added,
            gone=gone,
            states=states,
        )

    def _take(
        self,
        one: Incoming,
        records: dict[RecordRef, Record],
        marks: dict[RecordRef, Marks],
        acts: dict[UUID, Act],
        replied_to: Mapping[str, str],
        family: Family | None = None,
    ) -> str:
        """Accept a version of a record and of all that it gives besides; returns what became of the record itself."""
        if one.also:
            family = family_of(one, marks)
        record = records.get(one.ref)
        if record is None:
            record = records[one.ref] = _first_sight(one)
        bound = self.catalog.clock_bound(one.ref.system)
        state = accept(record, one, marks.setdefault(one.ref, {}), clock_bound=bound, family=family)
        if state != "unchanged":
            stated = act_from_record(one, clock_bound=bound)
            stated = stated or act_of_thread(one, self.gate.rules, replied_to, clock_bound=bound)
            if stated is not None:
                acts[stated.id] = stated
        for part in one.also:
            fresh = part.ref not in records
            if part.mapped is None and fresh:
                continue
            self._take(part, records, marks, acts, replied_to, family)
            if fresh and (state == "stale" or record.deleted) and not is_history(part.mapping.to):
                records[part.ref].withdraw(record)
        return state


def _holds_otherwise(customer: Customer) -> bool:
    """Whether one of its records says something else, which may be a contact point, or is gone."""
    return any(
        m.stored is None or (m.stored.canonical, m.stored.deleted) != (m.canonical, m.deleted) for m in customer.members
    )


def _is_remapping(one: Incoming, record: Record | None, effect: tuple[Any, ...]) -> bool:
    """The message came before, but the record stands as another mapping or schema made it of this very version."""
    return (
        record is not None
        and effect == one.effect
        and record.version == one.version
        and record.mapping_version != one.mapping.version_id
    )


def _first_seen(
    incoming: Sequence[Incoming], records: Collection[RecordRef], marks: Collection[RecordRef], catalog: Catalog
) -> Iterator[tuple[RecordRef, Json, str]]:
    """Yield the records, unknown so far, that the hub itself may have made; of two versions the older."""
    creating = {(stream.system, stream.name) for stream in catalog.creating()}
    seen: set[RecordRef] = set()
    for one in sorted(incoming, key=lambda i: i.version) if creating else ():
        ref, data = one.ref, one.envelope.data
        if (ref.system, ref.stream) in creating and data is not None and ref not in seen:
            seen.add(ref)
            if ref not in records and ref not in marks:
                yield ref, data, one.envelope.sequence


def _first_sight(one: Incoming) -> Record:
    record_id = uuid_utils.uuid7()
    kind = one.mapped.type if one.mapped else one.mapping.to
    return Record(
        id=record_id, ref=one.ref, type=kind, occurred_at=one.occurred_at, mapping_version=one.mapping.version_id
    )
