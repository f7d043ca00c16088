"""Rebuild: group and merge everything anew from what is stored, and compare with what stands.

Takes the store, the model and the survivorship policy; gives the differences and changes nothing. The one rule: at rest
there are none, since grouping and golden records are functions of records, pairs, judgements and rules alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text

from onevoice.identity import JudgedPair, Limits, Model, group, identity_hash, profile
from onevoice.mapping.paths import unflatten
from onevoice.master import Survivorship, golden_values, in_force
from onevoice.messages import PARTY_TYPES, RecordRef
from onevoice.store import Store, rows_by_keys
from onevoice.store.tables import customer, judgement, pair, source_record
from onevoice.workers.ingest.as_of import as_of
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.merge import customer_claims
from onevoice.workers.ingest.pins import pins_of
from onevoice.workers.ingest.record import Record, load_members
from onevoice.workers.ingest.resolve import edge_of, member_of
from onevoice.workers.ingest.seen import Seen
from onevoice.workers.ingest.surroundings import Surroundings

CHUNK = 500

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that stands otherwise than it would be computed now; `what` holds names and ids, no values.

    Attributes:
        kind: profile, pair, grouping, golden, missing or superfluous.
        subject: the record or customer.
    """

    kind: str
    subject: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What was looked at and what differs."""

    records: int
    customers: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Party:
    id: UUID
    ref: RecordRef
    type: str
    customer_id: UUID | None


def check_rebuild(
    store: Store, model: Model, policy: Survivorship, *, progress: Progress | None = None
) -> RebuildReport:
    """Recompute all groups and golden records, on one snapshot, and return what differs.

    Raises:
        TransientError: the store is away.
    """
    with store.transaction() as connection:
        if store.dialect == "postgresql":
            connection.execute(text("set transaction isolation level repeatable read, read only"))
        parties = _parties(connection)
        groups = _groups(connection, parties, model)
        differences = list(_wrong_grouping(parties, groups))
        standing = {row.id: row for row in connection.execute(select(customer.c.id, customer.c.type))}
        differences += _wrong_customers(groups, standing.keys())
        wanted = sorted(groups.keys() & standing.keys())
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            differences += _wrong_values(connection, chunk, groups, model, policy)
            if progress is not None:
                progress(len(chunk))
        return RebuildReport(records=len(parties), customers=len(groups), differences=tuple(differences))


def _parties(connection: Connection) -> dict[UUID, _Party]:
    c = source_record.c
    statement = select(c.id, c.system, c.stream, c.key, c.type, c.customer_id).where(c.type.in_(sorted(PARTY_TYPES)))
    return {
        row.id: _Party(row.id, RecordRef(system=row.system, stream=row.stream, key=row.key), row.type, row.customer_id)
        for row in connection.execute(statement)
    }


def _groups(connection: Connection, parties: dict[UUID, _Party], model: Model) -> dict[UUID, frozenset[UUID]]:
    """Return customer id -> record ids; a customer goes by the id of its oldest record."""
    links = select(pair.c.a, pair.c.b, pair.c.score, pair.c.outcome).where(pair.c.outcome != "review")
    edges = [edge_of(row) for row in connection.execute(links)]
    ids = {party.ref: party.id for party in parties.values()}
    judged = [
        JudgedPair(verdict=row.verdict, a=ids[_ref(row, "a")], b=ids[_ref(row, "b")])
        for row in connection.execute(select(judgement).where(judgement.c.retracted_at.is_(None)))
        if _ref(row, "a") in ids and _ref(row, "b") in ids
    ]
    tied = [(edge.a, edge.b) for edge in edges] + [(j.a, j.b) for j in judged if j.verdict == "same"]
    component = _components(parties, tied)
    edges_of, judged_of = defaultdict(list), defaultdict(list)
    for edge in edges:
        edges_of[component[edge.a]].append(edge)
    for said in judged:
        judged_of[component[said.a]].append(said)
    members_of: dict[UUID, list[UUID]] = defaultdict(list)
    for record_id, first in component.items():
        members_of[first].append(record_id)
    found: dict[UUID, frozenset[UUID]] = {first: frozenset(ids) for first, ids in members_of.items() if len(ids) == 1}
    several = [first for first, ids in members_of.items() if len(ids) > 1]
    for start in range(0, len(several), CHUNK):
        chunk = several[start : start + CHUNK]
        around = Surroundings(Loaded(connection), Seen(model))
        records = around.loaded.by_ids([i for first in chunk for i in members_of[first]])
        between = around.between(records)
        members = [member_of(record, model) for record in records.values()]
        edges_here = [edge for first in chunk for edge in edges_of[first]]
        judged_here = [said for first in chunk for said in judged_of[first]]
        for one in group(members, edges_here, judged_here, Limits.of(model), between):
            found[min(one)] = one
    return found


def _components(parties: Iterable[UUID], tied: Iterable[tuple[UUID, UUID]]) -> dict[UUID, UUID]:
    """Return record id -> one of those that it hangs together with, the same for all of them."""
    leader = {record_id: record_id for record_id in parties}

    def top(record_id: UUID) -> UUID:
        while leader[record_id] != record_id:
            leader[record_id] = leader[leader[record_id]]
            record_id = leader[record_id]
        return record_id

    for a, b in tied:
        leader[top(a)] = top(b)
    return {record_id: top(record_id) for record_id in leader}


def _wrong_grouping(parties: dict[UUID, _Party], groups: dict[UUID, frozenset[UUID]]) -> Iterator[Difference]:
    for customer_id, members in groups.items():
        for member in sorted(members):
            party = parties[member]
            if party.customer_id != customer_id:
                what = f"stands under customer {party.customer_id}, belongs to {customer_id}"
                yield Difference(kind="grouping", subject=str(party.ref), what=what)


def _wrong_customers(groups: dict[UUID, frozenset[UUID]], standing: Any) -> Iterator[Difference]:
    for missing in sorted(groups.keys() - standing):
        yield Difference(kind="missing", subject=f"customer {missing}", what="has records and no golden record")
    for superfluous in sorted(standing - groups.keys()):
        yield Difference(
            kind="superfluous", subject=f"customer {superfluous}", what="has a golden record and no records"
        )


def _wrong_values(
    connection: Connection,
    customers: Sequence[UUID],
    groups: dict[UUID, frozenset[UUID]],
    model: Model,
    policy: Survivorship,
) -> Iterator[Difference]:
    members: dict[UUID, list[Record]] = defaultdict(list)
    for record in load_members(connection, customers):
        if record.customer_id is not None and record.id in groups[record.customer_id]:
            members[record.customer_id].append(record)
            if record.identity_hash != identity_hash(profile(record.canonical, record.type, model)):
                what = "was matched by other values or another model than its present ones"
                yield Difference(kind="profile", subject=str(record.ref), what=what)
    rows = rows_by_keys(
        connection, customer, [customer.c.id, customer.c.golden], key=["id"], keys=[(c,) for c in customers]
    )
    pins, day = pins_of(connection, customers), as_of(connection)
    for row in sorted(rows, key=lambda r: r.id):
        claims = in_force(customer_claims(members[row.id]), day)
        if row.golden != unflatten(golden_values(claims, policy, pins.get(row.id, ()))):
            what = "its golden record is not what its claims give"
            yield Difference(kind="golden", subject=f"customer {row.id}", what=what)


def _ref(row: Any, side: str) -> RecordRef:
    return RecordRef(
        system=getattr(row, f"{side}_system"), stream=getattr(row, f"{side}_stream"), key=getattr(row, f"{side}_key")
    )
