"""Resolve: find who a changed record is, and regroup exactly the components that it touches."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection

from onevoice.identity import (
    Edge,
    JudgedPair,
    Limits,
    Member,
    Model,
    Profile,
    declared_ids,
    group,
    profile,
)
from onevoice.messages import RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import judgement, pair, source_record
from onevoice.workers.ingest.compare import compare
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record
from onevoice.workers.ingest.seen import Seen
from onevoice.workers.ingest.surroundings import Surroundings

_log = structlog.get_logger(__name__)

_A = ("a_system", "a_stream", "a_key")
_B = ("b_system", "b_stream", "b_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrouping:
    """What resolving changed.

    Attributes:
        customers: all customers whose set of records changed, before or after.
        records: the records that changed customer, to be saved.
    """

    customers: frozenset[UUID]
    records: tuple[Record, ...]


def resolve(loaded: Loaded, records: Sequence[Record], seen: Seen) -> Regrouping:
    """Compare the records with those that share a block key, and regroup.

    Args:
        loaded: what the batch has read so far, these records included.
        records: parties that were accepted in this batch; those whose identity did not change cost nothing.
        seen: the profiles that were made before.
    """
    changed: dict[UUID, Record] = {}
    profiles: dict[UUID, Profile] = {}
    for record in records:
        before = record.stored
        if before is not None and before.canonical == record.canonical and record.identity_hash is not None:
            continue
        described, one = seen.of(record.canonical, record.type)
        if record.identity_hash != described:
            record.identity_hash, record.judged_by = described, seen.model.version
            record.customer_id = record.customer_id or record.id
            record.touched = True
            changed[record.id] = record
            profiles[record.id] = one
    if not changed:
        return Regrouping(customers=frozenset(), records=())
    around = Surroundings(loaded, seen)
    stirred = compare(around, changed, profiles)
    return regroup(around, {r.customer_id for r in changed.values() if r.customer_id} | stirred, changed)


def regroup(around: Surroundings, customers: Collection[UUID], known: Mapping[UUID, Record]) -> Regrouping:
    """Group anew all records of the customers and of those that pairs or judgements tie to them.

    Args:
        around: what was read so far.
        customers: whose records to group.
        known: records of this batch, as they stand in memory; their `customer_id` is set here.
    """
    model = around.seen.model
    members, edges, judged = _component(around.loaded, customers, known)
    by_ref = {record.ref: record.id for record in members.values()}
    listed = [member_of(record, model) for record in members.values()]
    pairs = [JudgedPair(verdict=v, a=by_ref[a], b=by_ref[b]) for v, a, b in judged if a in by_ref and b in by_ref]
    moved: list[Record] = []
    touched: set[UUID] = set()
    for group_members in group(listed, edges, pairs, Limits.of(model), around.between(members)):
        customer = min(group_members)
        if len(group_members) > model.max_size:
            _log.warning("customer too large by judgements", customer=str(customer), records=len(group_members))
        for record_id in group_members:
            record = members[record_id]
            if record.customer_id != customer or record.fresh:
                touched.update({customer} | ({record.customer_id} if record.customer_id else set()))
                moved.append(record)
                record.customer_id = customer
                record.touched = True
    return Regrouping(customers=frozenset(touched), records=tuple(moved))


def member_of(record: Record, model: Model) -> Member[UUID]:
    """Return a record as grouping takes it."""
    ref, single = record.ref, model.one_per_customer
    own = declared_ids(profile(record.canonical, record.type, model), single) if single else ()
    return Member(id=record.id, type=record.type, sort_key=(ref.system, ref.stream, ref.key), own=own)


def edge_of(row: Any) -> Edge[UUID]:
    """Return a stored pair that links, as grouping takes it."""
    return Edge(a=row.a, b=row.b, score=row.score, trusted=row.outcome == "trusted")


def _component(
    loaded: Loaded, customers: Collection[UUID], known: Mapping[UUID, Record]
) -> tuple[dict[UUID, Record], list[Edge[UUID]], list[tuple[str, RecordRef, RecordRef]]]:
    """Load everything tied together by links or judgements, however far it reaches."""
    members: dict[UUID, Record] = dict(known)
    edges: dict[tuple[UUID, UUID], Edge[UUID]] = {}
    judged: set[tuple[str, RecordRef, RecordRef]] = set()
    ask_customers, ask_records = set(customers), set(known)
    connection = loaded.connection
    while ask_customers or ask_records:
        for record in loaded.stored_in(ask_customers).values():
            if record.id not in members:
                members[record.id] = record
                ask_records.add(record.id)
        found = _links(connection, ask_records)
        edges.update({(e.a, e.b): e for e in found})
        verdicts = _judgements(connection, [members[i].ref for i in ask_records if i in members])
        judged.update(verdicts)
        beyond = {i for e in found for i in (e.a, e.b)} - members.keys()
        judged_refs = {ref for _, a, b in verdicts for ref in (a, b)}
        beyond |= _ids_of(connection, judged_refs - {m.ref for m in members.values()}) - members.keys()
        arrivals = loaded.by_ids(beyond)
        members.update(arrivals)
        ask_records = set(arrivals)
        ask_customers = {r.customer_id for r in arrivals.values() if r.customer_id}
    return members, list(edges.values()), sorted(judged)


def _links(connection: Connection, ids: Collection[UUID]) -> list[Edge[UUID]]:
    columns = [pair.c.a, pair.c.b, pair.c.score, pair.c.outcome]
    keys = [(i,) for i in ids]
    rows = [
        *rows_by_keys(connection, pair, columns, key=["a"], keys=keys),
        *rows_by_keys(connection, pair, columns, key=["b"], keys=keys),
    ]
    return [edge_of(row) for row in rows if row.outcome != "review"]


def _judgements(connection: Connection, refs: Iterable[RecordRef]) -> list[tuple[str, RecordRef, RecordRef]]:
    keys = [(r.system, r.stream, r.key) for r in refs]
    rows = [
        *rows_by_keys(connection, judgement, list(judgement.c), key=_A, keys=keys),
        *rows_by_keys(connection, judgement, list(judgement.c), key=_B, keys=keys),
    ]
    return [(row.verdict, _ref(row, "a"), _ref(row, "b")) for row in rows if row.retracted_at is None]


def _ids_of(connection: Connection, refs: Collection[RecordRef]) -> set[UUID]:
    rows = rows_by_keys(
        connection,
        source_record,
        [source_record.c.id],
        key=("system", "stream", "key"),
        keys=[(r.system, r.stream, r.key) for r in refs],
    )
    return {row.id for row in rows}


def _ref(row: Any, side: str) -> RecordRef:
    return RecordRef(
        system=getattr(row, f"{side}_system"), stream=getattr(row, f"{side}_stream"), key=getattr(row, f"{side}_key")
    )
