"""A changed model and the records in the store: who would be another customer under it, and making it so.

Takes the store and the ingest with its model; gives counts, and regroups. The rules: what has been done is noted with
it in one transaction, so that a run may be stopped at any moment and the next one goes on; every pair is scored anew
before any customer is regrouped, so that each changes at most once and ends where a fresh load would have it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, func, insert, select, text, update

from onevoice.errors import OperatorError, RefusedError
from onevoice.identity import JudgedPair, Model, Profile, group_all, profile
from onevoice.identity.batch import Record as Key
from onevoice.store import INGEST, Store, keep_out, update_rows
from onevoice.store.tables import customer, rejudging, source_record
from onevoice.workers.customers.judgement import standing
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.compare import index_anew, score_anew
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record, record_of
from onevoice.workers.ingest.seen import Seen
from onevoice.workers.ingest.surroundings import Surroundings

PAGE = 500
STEPS = ("index", "score", "group")
WAITS, DONE, GIVEN_UP = "wait", "done", "given up"

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudging:
    """One change of the model on its way to all records.

    Attributes:
        model: the model's version.
        step: wait (for a person), index, score, group, done, or given up for a newer model.
        regroups: customers whose records would change, as counted beforehand.
        approved_by: who let it go on, where it had to wait.
    """

    model: str
    step: str
    records: int
    customers: int
    regroups: int
    approved_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudge:
    """Judges all records anew by the model that the hub has now."""

    store: Store
    ingest: Ingest
    max_regroup: int

    def count(self, progress: Progress = lambda _: None) -> Rejudging:
        """Return what judging anew would change; nothing is changed.

        Raises:
            TransientError: the store is away.
        """
        return _counted(self.store, self.ingest.model, progress)

    def run(self, approved_by: str | None = None, progress: Progress = lambda _: None) -> Rejudging | None:
        """Judge all records anew, or go on where it stopped; None where every record was judged by this model.

        Args:
            approved_by: who approves that more than `max_regroup` customers change.
            progress: told how many records or customers were dealt with.

        Raises:
            OperatorError: more than `max_regroup` customers would change, and nobody approved it.
            RefusedError: another process judges by another model meanwhile.
            TransientError: the store is away; what was committed stays.
        """
        model = self.ingest.model
        with self.store.transaction() as connection:
            at = latest(connection)
            if not outdated(connection, model) and not _goes_on(at, model):
                return None
        if not _goes_on(at, model):
            self._begin(approved_by, progress)
        while (done := self._step()) is not None:
            progress(done)
        with self.store.transaction() as connection:
            return latest(connection)

    def _begin(self, approved_by: str | None, progress: Progress) -> None:
        found = self.count(progress)
        waits = found.regroups > self.max_regroup and approved_by is None
        now = datetime.now(UTC)
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            connection.execute(
                update(rejudging).where(rejudging.c.ended_at.is_(None)).values(step=GIVEN_UP, ended_at=now)
            )
            row = {
                "id": uuid_utils.uuid7(),
                "model": found.model,
                "step": WAITS if waits else STEPS[0],
                "records": found.records,
                "customers": found.customers,
                "regroups": found.regroups,
                "began_at": now,
                "approved_by": approved_by if found.regroups > self.max_regroup else None,
            }
            connection.execute(insert(rejudging), [row])
        if waits:
            raise OperatorError(
                f"re-judging: {found.regroups:,} of {found.customers:,} customers would be regrouped, more than "
                f"identity.max_regroup ({self.max_regroup:,}); look with 'onevoice identity rejudge --count', then let "
                "it go on with 'onevoice identity rejudge --approve', or take the change back"
            )

    def _step(self) -> int | None:
        """Deal with one page; returns how many records or customers it has, None after the last one."""
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            row = connection.execute(_LATEST).one()
            mine = row.model == self.ingest.model.version
            if mine and row.step == DONE:
                return None
            if not mine or row.step not in STEPS:
                raise RefusedError(
                    f"re-judging: model {row.model} came in between; start every process of the hub anew, so that all "
                    "have the same files, then run it again"
                )
            ids = self._page(connection, row.step, row.after)
            change: dict[str, Any] = {"after": ids[-1] if ids else None}
            if not ids:
                following = STEPS.index(row.step) + 1
                over = following == len(STEPS)
                change |= {"step": DONE, "ended_at": datetime.now(UTC)} if over else {"step": STEPS[following]}
            connection.execute(update(rejudging).where(rejudging.c.id == row.id).values(change))
            return len(ids)

    def _page(self, connection: Connection, step: str, after: UUID | None) -> Sequence[UUID]:
        if step == "group":
            ids = connection.execute(_following(select(customer.c.id), customer.c.id, after)).scalars().all()
            self.ingest.regroup(connection, ids)
            return ids
        parties = select(source_record).where(source_record.c.customer_id.is_not(None))
        rows = connection.execute(_following(parties, source_record.c.id, after)).all()
        records = {record.id: record for record in map(record_of, rows)}
        if step == "index":
            self._index(connection, records)
        else:
            self._score(connection, records)
        return list(records)

    def _index(self, connection: Connection, records: Mapping[UUID, Record]) -> None:
        around = Surroundings(Loaded(connection, records.values()), Seen(self.ingest.model))
        described = {i: around.seen.of(record.canonical, record.type) for i, record in records.items()}
        hashes = [
            {"id": i, "identity_hash": digest}
            for i, (digest, _) in described.items()
            if digest != records[i].identity_hash
        ]
        update_rows(connection, source_record, hashes, key=["id"])
        index_anew(around, records, {i: seen for i, (_, seen) in described.items()})

    def _score(self, connection: Connection, records: Mapping[UUID, Record]) -> None:
        seen = Seen(self.ingest.model)
        around = Surroundings(Loaded(connection, records.values()), seen)
        profiles = {
            i: seen.profile(record.canonical, record.type, record.identity_hash) for i, record in records.items()
        }
        score_anew(around, records, profiles)
        judged = [{"id": i, "judged_by": seen.model.version} for i in records]
        update_rows(connection, source_record, judged, key=["id"])


_LATEST = select(rejudging).order_by(rejudging.c.began_at.desc(), rejudging.c.id.desc()).limit(1)


def latest(connection: Connection) -> Rejudging | None:
    """Return the last change of the model that was counted, if there was any."""
    row = connection.execute(_LATEST).one_or_none()
    if row is None:
        return None
    return Rejudging(
        model=row.model,
        step=row.step,
        records=row.records,
        customers=row.customers,
        regroups=row.regroups,
        approved_by=row.approved_by,
    )


def outdated(connection: Connection, model: Model) -> bool:
    """Return whether any record was judged by another model than this."""
    c, version = source_record.c, model.version
    return any(
        connection.execute(select(c.id).where(c.customer_id.is_not(None), other).limit(1)).first() is not None
        for other in (c.judged_by.is_(None), c.judged_by < version, c.judged_by > version)
    )


def _goes_on(at: Rejudging | None, model: Model) -> bool:
    return at is not None and at.model == model.version and at.step in STEPS


def _following(statement: Any, column: Any, after: UUID | None) -> Any:
    ordered = statement.order_by(column).limit(PAGE)
    return ordered if after is None else ordered.where(column > after)


def _counted(store: Store, model: Model, progress: Progress) -> Rejudging:
    customers: dict[UUID, set[Key]] = defaultdict(set)
    profiles: dict[Key, Profile] = {}
    with _snapshot(store) as connection:
        judged = [JudgedPair(verdict=said.verdict, a=_key(said.a), b=_key(said.b)) for said in standing(connection)]
        for row in _parties(connection):
            key = (row.system, row.stream, row.key)
            customers[row.customer_id].add(key)
            profiles[key] = profile(row.canonical or {}, row.type, model)
    groups = set(group_all(profiles, model, progress, judged).groups)
    return Rejudging(
        model=model.version,
        step=WAITS,
        records=len(profiles),
        customers=len(customers),
        regroups=sum(frozenset(keys) not in groups for keys in customers.values()),
        approved_by=None,
    )


@contextmanager
def _snapshot(store: Store) -> Iterator[Connection]:
    with store.transaction() as connection:
        if store.dialect == "postgresql":
            connection.execute(text("set transaction isolation level repeatable read, read only"))
        yield connection


def _parties(connection: Connection) -> Iterator[Any]:
    names = ("id", "system", "stream", "key", "type", "canonical", "customer_id")
    statement = select(*[source_record.c[name] for name in names]).where(source_record.c.customer_id.is_not(None))
    after: UUID | None = None
    while rows := connection.execute(_following(statement, source_record.c.id, after)).all():
        yield from rows
        after = rows[-1].id


def _key(ref: Any) -> Key:
    return ref.system, ref.stream, ref.key


def records_to_judge(store: Store) -> tuple[int, int]:
    """Return how many records and customers there are, for a progress bar."""
    with store.transaction() as connection:
        parties = select(func.count()).select_from(source_record).where(source_record.c.customer_id.is_not(None))
        everybody = select(func.count()).select_from(customer)
        return int(connection.execute(parties).scalar_one()), int(connection.execute(everybody).scalar_one())
