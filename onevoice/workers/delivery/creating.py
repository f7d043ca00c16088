"""Creating: make the records that systems are owed and lack, once, however often it is tried.

What is about to be sent is noted before; a creation that was begun is finished with the same reference and the same
fields before anything else is made for its customer. The system's key, and the tie to the customer, are committed the
moment the answer is there; then the record is read back and goes to the front door as any other.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.errors import OnevoiceError, OperatorError, PausedError, RecordError, TransientError
from onevoice.messages import Creation, CreationResult, Json, Lane, RecordRef, SourceRecord, Work, WriteOutcome
from onevoice.obligations import Due, claim_due, close, doubt, owed_to, put_back
from onevoice.sdk import RecordCreator, RecordFinder
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import stream_state
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.creations import (
    Noted,
    forget,
    load_creations,
    made_marks,
    note_begun,
    note_doubt,
    note_made,
    reference_of,
    taken_keys,
)
from onevoice.workers.delivery.creating_plan import Plan, decide, fields_for, look
from onevoice.workers.delivery.failure import LEASE, SOON_SECONDS, put_off, put_off_over
from onevoice.workers.door import Door
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.prepare import Incoming, prepare_stored
from onevoice.workers.ingest.record import Record, load_records
from onevoice.workers.marks import open_marks, save_marks
from onevoice.workers.systems import WRITE, Systems

OUTLOOK_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Creating:
    """Makes records in the systems that are owed them."""

    store: Store
    catalog: Catalog
    systems: Systems
    door: Door
    ingest: Ingest
    retry_seconds: float

    def deliver(self, system: str, name: str, works: Sequence[Work]) -> None:
        """Make what is owed in one stream. Every outcome ends in the obligations, with its reason.

        Raises:
            TransientError: the store is away; the works become due again by themselves.
        """
        stream = self.catalog.streams.get((system, name))
        maker = self.systems.connector(system, Lane.RECORD)
        if stream is None or stream.create == "never" or not isinstance(maker, RecordCreator):
            with self.store.transaction() as connection:
                dues = claim_due(connection, works, now=datetime.now(UTC), lease=LEASE)
            self._put_off(dues, f"system {system}: nothing is made in stream {name} any more", "refused")
            return
        plan = self._plan(stream, works)
        most = 1 if stream.safe_by == "none" else self.catalog.manifests[system].capabilities.max_batch
        references = list(plan.make)
        random.shuffle(references)  # one that always fails must not always stand before the same others
        for at in range(0, len(references), most):
            self._make(stream, maker, plan, references[at : at + most])
        if plan.prove:
            self._adopt(stream, {one: key for one, (_, key) in plan.prove.items()})
            self._prove(stream, maker, plan.prove)

    def outlook(self, system: str) -> Iterator[str]:
        """Yield the stream of each record that would be made in the system now; changes nothing."""
        for _, stream, owed in self._owed(system):
            yield from (stream.name for _ in owed)

    def assume_begun(self, system: str) -> int:
        """Note all that is owed to be made as begun, since nobody knows; returns how many.

        Then it is looked up or repeated under its reference; where a stream knows neither, a person looks.
        """
        count = 0
        for connection, stream, owed in self._owed(system):
            note_begun(connection, stream, owed, datetime.now(UTC))
            count += len(owed)
        return count

    def _owed(self, system: str) -> Iterator[tuple[Connection, Stream, dict[UUID, Json]]]:
        """Yield what is to be made and not noted yet, reference -> fields, page by page, each in a transaction."""
        with self.store.transaction() as connection:
            works = owed_to(connection, system)
        for stream in self.catalog.creating():
            wanted = [reference_of(w.target) for w in works if (w.system, w.stream) == (stream.system, stream.name)]
            references = [one for one in wanted if one is not None]
            for at in range(0, len(references), OUTLOOK_PAGE):
                page = references[at : at + OUTLOOK_PAGE]
                with self.store.transaction() as connection:
                    now = look(connection, stream, page, {})
                    fields = {
                        one: fields_for(stream, now, one, self.ingest.gate) for one in page if one not in now.noted
                    }
                    yield connection, stream, {one: sent for one, sent in fields.items() if sent}

    def _plan(self, stream: Stream, works: Sequence[Work]) -> Plan:
        """Take the works on, decide what becomes of each, and note what is about to be sent."""
        plan, now = Plan(), datetime.now(UTC)
        asked = {reference for work in works if (reference := reference_of(work.target)) is not None}
        with self.store.transaction() as connection:
            noted = load_creations(connection, stream, asked, lock=True)
            dues = {due.work.target: due for due in claim_due(connection, works, now=now, lease=LEASE)}
            by_reference = {reference_of(target): due for target, due in dues.items()}
            taken = {one: due for one in sorted(asked) if (due := by_reference.get(one)) is not None}
            standing, read_at = look(connection, stream, list(taken), noted), _read_at(connection, stream)
            for reference, due in taken.items():
                if reference not in noted and stream.polled and (read_at is None or read_at < due.requested_at):
                    plan.unread.append(due)
                else:
                    decide(connection, stream, reference, due, standing, self.ingest.gate, plan)
            note_begun(connection, stream, {one: fields for one, (_, fields) in plan.make.items()}, now)
            self._doubt(connection, stream, plan.doubtful, _doubt(stream.system))
            close(connection, plan.settled, now=now)
            soon = now + timedelta(seconds=SOON_SECONDS)
            put_back(connection, plan.waiting, reason="another record is being made for this customer", until=soon)
            later = now + timedelta(seconds=self.retry_seconds)
            put_back(connection, plan.unread, reason="waits until the stream has been read once more", until=later)
        return plan

    def _make(self, stream: Stream, maker: RecordCreator, plan: Plan, references: Sequence[UUID]) -> None:
        system = stream.system
        try:
            with self.systems.contact(system, WRITE):
                results = self._asked(stream, maker, plan, references)
                keys = {one: r.key for one, r in results.items() if r.outcome is WriteOutcome.APPLIED and r.key}
                said = {r.key: r for r in maker.readback(stream.name, sorted(set(keys.values())))} if keys else {}
        except PausedError as error:
            with self.store.transaction() as connection:
                forget(connection, stream, [one for one in references if one not in plan.again])  # nothing was sent
            put_off_over(self.store, [plan.make[one][0] for one in references], error, retry_seconds=self.retry_seconds)
            return
        except (TransientError, OperatorError) as error:
            self._unanswered(stream, plan, references, error)
            return
        except Exception as error:  # noqa: BLE001 - one record that the connector cannot bear must not stop its neighbours
            if len(references) > 1:
                plan.again.update(references)  # some may have been made
                for reference in references:
                    self._make(stream, maker, plan, [reference])
                return
            told = str(error) if isinstance(error, OnevoiceError) else type(error).__name__  # its text may hold values
            reason = f"system {system}: its connector fails on a record to be made ({told}); mend it"
            with self.store.transaction() as connection:
                self._doubt(connection, stream, {one: plan.make[one][0] for one in references}, reason)
            return
        self._note(stream, plan, references, results, keys, said)

    def _note(
        self,
        stream: Stream,
        plan: Plan,
        references: Sequence[UUID],
        results: Mapping[UUID, CreationResult],
        keys: Mapping[UUID, str],
        said: Mapping[str, SourceRecord],
    ) -> None:
        """Commit what the system answered: keys, with the ties to the customers, and refusals."""
        system, made = stream.system, dict(keys)
        refused = {
            one: f"system {system} refuses: {r.reason}; correct it, then 'onevoice obligation resend'"
            for one, r in results.items()
            if r.outcome is WriteOutcome.REFUSED
        }
        with self.store.transaction() as connection:
            noted = load_creations(connection, stream, references, lock=True)
            made |= {one: n.key for one, n in noted.items() if one in refused and n.key is not None}  # read meanwhile
            for one in _of_others(connection, stream, made, noted, said):
                ref = RecordRef(system, stream.name, made.pop(one))
                refused[one] = f"system {system}: gives {ref}, which is another's; if they are one, say so in a review"
            refused = {one: reason for one, reason in refused.items() if one not in made}
            note_made(connection, stream, made, datetime.now(UTC))
            forget(connection, stream, refused.keys())
        for one, reason in refused.items():
            self._put_off([plan.make[one][0]], reason, "refused")
        for one in references:
            if one not in made and one not in refused:
                self._unanswered(stream, plan, [one], TransientError(f"system {system}: {results[one].reason}"))
        plan.prove |= {one: (plan.make[one][0], key) for one, key in made.items()}

    def _asked(
        self, stream: Stream, maker: RecordCreator, plan: Plan, references: Sequence[UUID]
    ) -> dict[UUID, CreationResult]:
        """Have the records made; those that were sent before are looked for first, where a repeat is not harmless."""
        found: dict[str, str] = {}
        again = [str(one) for one in references if one in plan.again]
        if stream.safe_by == "lookup" and again:
            if not isinstance(maker, RecordFinder):
                raise OperatorError(f"system {stream.system}: its connector says lookup and cannot find what it made")
            found = maker.find(stream.name, again)
        left = [one for one in references if str(one) not in found]
        creations = [Creation(reference=str(one), fields=plan.make[one][1]) for one in left]
        results = maker.create(stream.name, creations) if creations else []
        if [r.reference for r in results] != [c.reference for c in creations]:
            raise RecordError(f"stream {stream.name}: the connector does not answer each record with its own result")
        there = {
            one: CreationResult(reference=str(one), outcome=WriteOutcome.APPLIED, key=found[str(one)])
            for one in references
            if str(one) in found
        }
        return there | dict(zip(left, results, strict=True))

    def _unanswered(
        self, stream: Stream, plan: Plan, references: Sequence[UUID], error: TransientError | OperatorError
    ) -> None:
        """Try again what is safe to repeat; of the rest nobody knows whether it was made."""
        dues = [plan.make[one][0] for one in references]
        if stream.safe_by != "none":
            put_off_over(self.store, dues, error, retry_seconds=self.retry_seconds)
            return
        with self.store.transaction() as connection:
            told = f"{error}; {_doubt(stream.system)}"
            self._doubt(connection, stream, {one: plan.make[one][0] for one in references}, told)

    def _doubt(self, connection: Connection, stream: Stream, dues: Mapping[UUID, Due], reason: str) -> None:
        """Leave to a person what may have been made, and what is made again only once they have looked."""
        if stream.safe_by == "none":
            note_doubt(connection, stream, dues)
        doubt(connection, list(dues.values()), reason=reason)

    def _adopt(self, stream: Stream, made: Mapping[UUID, str]) -> None:
        """Take records that came in before the answer did for what they are: the hub's own."""
        refs = {RecordRef(stream.system, stream.name, key): one for one, key in made.items()}
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)  # it may be taking one of them in at this moment
            present = load_records(connection, refs)
            marks, now = open_marks(connection, present), datetime.now(UTC)
            noted = load_creations(connection, stream, [refs[ref] for ref in present])
            fresh: dict[RecordRef, Incoming] = {}
            for ref, record in present.items():
                prepared = prepare_stored(record, self.catalog)
                own = noted[refs[ref]]
                if not marks[ref] and isinstance(prepared, Incoming):
                    marks[ref] = made_marks(stream.mapping, own.fields, record.payload or {}, record.sequence)
                    fresh[ref] = prepared
            save_marks(connection, {ref: marks[ref] for ref in fresh}, now)
            self.ingest.remap(connection, list(fresh.values()), anew=fresh.keys())
            customers = {r.customer_id for r in load_records(connection, present).values() if r.customer_id}
            self.ingest.reground(connection, customers)

    def _prove(self, stream: Stream, maker: RecordCreator, made: Mapping[UUID, tuple[Due, str]]) -> None:
        """Read back what was made, and send it to the front door."""
        system = stream.system
        dues = [due for due, _ in made.values()]
        try:
            with self.systems.contact(system, WRITE):
                found = {r.key: r for r in maker.readback(stream.name, [key for _, key in made.values()])}
        except (TransientError, OperatorError) as error:
            put_off_over(self.store, dues, error, retry_seconds=self.retry_seconds)
            return
        except Exception as error:  # noqa: BLE001 - its text may hold values
            reason = f"system {system}: its connector cannot read back what it made ({type(error).__name__}); mend it"
            self._put_off(dues, reason, "in_doubt")
            return
        lost = [due for due, key in made.values() if key not in found]
        with self.store.transaction() as connection:
            noted = load_creations(connection, stream, made)
            self._mark(connection, stream, {noted[one].key or "": noted[one] for one in made}, found)
            close(connection, [due for due in dues if due not in lost], now=datetime.now(UTC))
            readings = self.door.number(connection, system, list(found.values()))
        self._put_off(lost, f"system {system}: a record that was made cannot be read back", "due")
        self.door.send(system, readings, cause=f"delivery:{system}:{Lane.RECORD}")

    def _mark(
        self, connection: Connection, stream: Stream, noted: Mapping[str, Noted], found: Mapping[str, SourceRecord]
    ) -> None:
        """Mark what the hub made as its own, unless the front door was faster."""
        there = {RecordRef(stream.system, stream.name, key): r for key, r in found.items() if r.data is not None}
        marks = open_marks(connection, there)
        known = load_records(connection, there)
        own = {
            ref: made_marks(stream.mapping, noted[ref.key].fields, record.data or {}, record.version)
            for ref, record in there.items()
            if not marks[ref] and ref not in known
        }
        save_marks(connection, own, datetime.now(UTC))

    def _put_off(self, dues: Sequence[Due], reason: str, state: str) -> None:
        put_off(self.store, dues, reason, state, retry_seconds=self.retry_seconds)


def _of_others(
    connection: Connection,
    stream: Stream,
    made: Mapping[UUID, str],
    noted: Mapping[UUID, Noted],
    said: Mapping[str, SourceRecord],
) -> list[UUID]:
    """Return those for which the system gave a record that was not made for them, such as another's account.

    It is one that the hub knew before, that stands under another reference, or that says less than half of what was
    sent.

    Args:
        said: the records as they were read back.
    """
    refs = {one: RecordRef(stream.system, stream.name, key) for one, key in made.items()}
    known, taken = load_records(connection, set(refs.values())), taken_keys(connection, stream, made.values())
    keys = list(made.values())
    wrong = []
    for one, ref in refs.items():
        sent, record = noted[one].fields, said.get(ref.key)
        data = record.data if record is not None else None
        if (
            (ref in known and first_seen(known[ref]) < noted[one].begun_at)
            or taken.get(ref.key, one) != one
            or keys.count(ref.key) > 1
            or (data is not None and 2 * len(stream.mapping.difference(data, sent)) > len(sent))
        ):
            wrong.append(one)
    return wrong


def _read_at(connection: Connection, stream: Stream) -> datetime | None:
    """Return when the stream was last read to its end; None: never."""
    statement = select(stream_state.c.succeeded_at).where(
        stream_state.c.system == stream.system, stream_state.c.stream == stream.name
    )
    found: datetime | None = connection.execute(statement).scalar()
    return found


def first_seen(record: Record) -> datetime:
    """Return when a record came to be known at the latest: the millisecond in its UUIDv7 (RFC 9562)."""
    return datetime.fromtimestamp(((record.id.int >> 80) + 1) / 1000, UTC)


def _doubt(system: str) -> str:
    return (
        f"nobody knows whether the record was made in {system}, which cannot be asked; look there, and where it is "
        f"not, 'onevoice obligation resend {system} --state in_doubt'"
    )
