"""Reads from the store what the gate needs to know of customers, in a fixed number of statements."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, or_, select, tuple_

from onevoice.consent.dealings import Dealings
from onevoice.consent.question import Contacted, Holding, points_said_of
from onevoice.consent.registers import listed_acts
from onevoice.messages import Act, RecordRef
from onevoice.store import among, rows_by_keys
from onevoice.store.members import IS_POINT, MEMBER, POINT, POINTS, holders, looked_up
from onevoice.store.tables import act, judgement, pair, record_key, register_load, source_record

_ANCHOR = ("anchor_system", "anchor_stream", "anchor_key")
_NOTHING = Dealings()
THREAD_END = "thread_end"

_CURRENT = act.c.superseded_at.is_(None)
_SAID_AT_POINTS = (
    select(act.c.anchor_point)
    .where(looked_up(act.c.anchor_point, POINTS), act.c.anchor_key.is_(None), _CURRENT)
    .distinct()
)
_ONE, _OTHER = source_record.alias("one"), source_record.alias("other")
_TRUSTED = (
    select(
        *(_ONE.c[name].label(f"a_{name}") for name in ("system", "stream", "key")),
        *(_OTHER.c[name].label(f"b_{name}") for name in ("system", "stream", "key")),
    )
    .join_from(pair, _ONE, _ONE.c.id == pair.c.a)
    .join(_OTHER, _OTHER.c.id == pair.c.b)
    .where(pair.c.outcome == "trusted")
)
HOLDING: Mapping[str, Select[Any]] = {
    "members": select(MEMBER),
    "carried": select(POINT),
    "acts_at_records": select(act)
    .join_from(
        MEMBER,
        act,
        (act.c.anchor_system == MEMBER.c.system)
        & (act.c.anchor_stream == MEMBER.c.stream)
        & (act.c.anchor_key == MEMBER.c.key),
    )
    .where(_CURRENT),
    "acts_at_points": select(act).where(looked_up(act.c.anchor_point, POINTS), _CURRENT),
    "holders": select(record_key.c.key, source_record.c.customer_id)
    .join_from(record_key, source_record, source_record.c.id == record_key.c.record_id)
    .where(looked_up(record_key.c.key, _SAID_AT_POINTS), source_record.c.customer_id.is_not(None)),
    "judged": select(judgement)
    .join_from(
        MEMBER,
        judgement,
        (judgement.c.a_system == MEMBER.c.system)
        & (judgement.c.a_stream == MEMBER.c.stream)
        & (judgement.c.a_key == MEMBER.c.key),
    )
    .where(judgement.c.verdict == "same", judgement.c.retracted_at.is_(None)),
    "trusted": _TRUSTED.where(looked_up(pair.c.a, select(MEMBER.c.id))),
    "registers": select(register_load.c.register),
}
"""What the holding of one customer is made of, to be gathered with other parts; see `holding_from`."""


def holding_from(connection: Connection, customer: UUID, rows: Mapping[str, Sequence[Any]]) -> Holding:
    """Return the holding of the customer of whom the parts of `HOLDING` were gathered.

    Where a register was loaded it is asked as well, since its numbers may be hashed.
    """
    held: dict[RecordRef, set[str]] = {}
    points: dict[UUID, set[str]] = {}
    for row in rows["members"]:
        points[row.id] = held[_ref(row)] = set()
    for row in rows["carried"]:
        points[row.record_id].add(row.key)
    acts = _unique([act_of(row) for row in (*rows["acts_at_records"], *rows["acts_at_points"])])
    holding: Mapping[str, set[UUID]] = defaultdict(set)
    for row in rows["holders"]:
        holding[row.key].add(row.customer_id)
    if rows["registers"]:
        acts += listed_acts(connection, {point for some in points.values() for point in some})
        holding = _holders(connection, acts)
    by_record, by_point = _by_anchor(acts)
    joined = [_pair(row) for row in (*rows["judged"], *rows["trusted"])]
    return Said(by_record, by_point, holding, joined).holding(customer, held)


@dataclass(frozen=True, slots=True)
class Said:
    """All that was said at records and contact points, from which the holdings of whoever has them are made.

    Attributes:
        holders: contact point -> who holds it; of those at which something was said that counts for an only holder.
        joined: pairs of records that a person or a trusted id joined, over which a grant lifts an objection.
    """

    by_record: Mapping[RecordRef, Sequence[Act]]
    by_point: Mapping[str, Sequence[Act]]
    holders: Mapping[str, Collection[UUID]]
    joined: Collection[tuple[RecordRef, RecordRef]]

    def anything_of(self, held: Mapping[RecordRef, Collection[str]]) -> bool:
        """Return whether anything was said at these records or at the contact points that they carry."""
        return any(
            record in self.by_record or any(point in self.by_point for point in points)
            for record, points in held.items()
        )

    def holding(
        self, customer: UUID, held: Mapping[RecordRef, Collection[str]], dealings: Dealings = _NOTHING
    ) -> Holding:
        """Return the holding of a customer with these records, each with the contact points that it carries."""
        carried = {record: frozenset(points) for record, points in held.items()}
        points = frozenset().union(*carried.values())
        acts = [act for record in held for act in self.by_record.get(record, ())]
        acts = _unique(acts + [act for point in points for act in self.by_point.get(point, ())])
        former = frozenset(p for act in acts if act.anchor_record in carried for p in points_said_of(act))
        return Holding(
            records=frozenset(held),
            points=points,
            acts=acts,
            carried=carried,
            former=former - points,
            shared=frozenset(p for p in points if any(other != customer for other in self.holders.get(p, ()))),
            joined=_groups([(a, b) for a, b in self.joined if a in carried and b in carried]),
            contacts=dealings.contacts,
            ordered_at=dealings.ordered_at,
            country=dealings.country,
        )

    def bare(self, point: str, contacts: Sequence[Contacted] = ()) -> Holding:
        """Return what is known of a contact point itself, whoever holds it."""
        acts = self.by_point.get(point, ())
        return Holding(records=frozenset(), points=frozenset({point}), acts=acts, contacts=contacts)


def holdings_of(connection: Connection, customers: Collection[UUID]) -> dict[UUID, Holding]:
    """Return the holding of each of the customers; one without acts has none in it."""
    return holdings_with(connection, carried_by(connection, customers))


def holdings_with(
    connection: Connection, customers: Mapping[UUID, Mapping[RecordRef, Collection[str]]]
) -> dict[UUID, Holding]:
    """Return the holdings of customers whose records and their contact points the caller has at hand."""
    said = said_of(connection, customers.values())
    return {customer: said.holding(customer, held) for customer, held in customers.items()}


def carried_by(connection: Connection, customers: Collection[UUID]) -> dict[UUID, dict[RecordRef, list[str]]]:
    """Return the records of each of the customers, and the contact points that each of them carries."""
    columns = [source_record.c[name] for name in ("customer_id", "system", "stream", "key")]
    carrying = (record_key.c.record_id == source_record.c.id) & IS_POINT
    members = select(*columns, record_key.c.key.label("point")).outerjoin_from(source_record, record_key, carrying)
    held: dict[UUID, dict[RecordRef, list[str]]] = {customer: {} for customer in customers}
    members = members.where(among(connection, source_record.c.customer_id, customers))
    rows: Iterable[Any] = connection.execute(members).all()
    for customer, system, stream, key, point in rows:
        points = held[customer].setdefault(RecordRef(system=system, stream=stream, key=key), [])
        if point is not None:
            points.append(point)
    return held


def said_of(
    connection: Connection, held: Iterable[Mapping[RecordRef, Collection[str]]], points: Iterable[str] = ()
) -> Said:
    """Return what was said at records, at the contact points that they carry, and at some points besides."""
    held = list(held)
    carried = {point for records in held for some in records.values() for point in some}
    acts = acts_at(connection, [record for records in held for record in records], carried.union(points))
    by_record, by_point = _by_anchor(acts)
    return Said(by_record, by_point, _holders(connection, acts), _joined(connection, acts))


def _holders(connection: Connection, acts: Iterable[Act]) -> dict[str, set[UUID]]:
    """Return who holds the points at which something was said that counts for an only holder alone."""
    asked = {a.anchor_point for a in acts if a.anchor_point is not None and a.anchor_record is None}
    found: dict[str, set[UUID]] = defaultdict(set)
    for point, customer, _ in holders(connection, asked):
        found[point].add(customer)
    return found


def _joined(connection: Connection, acts: Sequence[Act]) -> list[tuple[RecordRef, RecordRef]]:
    """Return the pairs that people judged to be one or a trusted id joins, over which some lifts reach."""
    kinds = {a.kind for a in acts}
    if not {"grant", "objection"} <= kinds and not any(a.reason == THREAD_END for a in acts):
        return []
    refs = [(r.system, r.stream, r.key) for r in {a.anchor_record for a in acts if a.anchor_record is not None}]
    rows = [
        row
        for side in ("a", "b")
        for row in rows_by_keys(
            connection,
            judgement,
            list(judgement.c),
            key=[f"{side}_system", f"{side}_stream", f"{side}_key"],
            keys=refs,
        )
    ]
    judged = [row for row in rows if row.verdict == "same" and row.retracted_at is None]
    trusted = _TRUSTED.where(
        or_(*(tuple_(side.c.system, side.c.stream, side.c.key).in_(refs) for side in (_ONE, _OTHER)))
    )
    return [_pair(row) for row in (*judged, *(connection.execute(trusted).all() if refs else ()))]


def _pair(row: Any) -> tuple[RecordRef, RecordRef]:
    return (
        RecordRef(system=row.a_system, stream=row.a_stream, key=row.a_key),
        RecordRef(system=row.b_system, stream=row.b_stream, key=row.b_key),
    )


def _groups(pairs: Iterable[tuple[RecordRef, RecordRef]]) -> tuple[frozenset[RecordRef], ...]:
    groups: list[set[RecordRef]] = []
    for a, b in pairs:
        touching = [group for group in groups if a in group or b in group]
        groups = [group for group in groups if group not in touching] + [{a, b}.union(*touching)]
    return tuple(frozenset(group) for group in groups)


def acts_at(connection: Connection, records: Iterable[RecordRef], points: Iterable[str]) -> list[Act]:
    """Return the current acts anchored at any of the records or contact points, and what registers list."""
    at_records = rows_by_keys(
        connection, act, list(act.c), key=_ANCHOR, keys=[(r.system, r.stream, r.key) for r in records]
    )
    points = list(points)
    at_points = rows_by_keys(connection, act, list(act.c), key=["anchor_point"], keys=[(p,) for p in points])
    said = _unique([act_of(row) for row in (*at_records, *at_points) if row.superseded_at is None])
    return [*said, *listed_acts(connection, points)]


def act_of(row: Row[Any]) -> Act:
    """Return the act that a row of the table holds."""
    return Act(
        id=row.id,
        kind=row.kind,
        channel=row.channel,
        purpose=row.purpose,
        controller=row.controller,
        reason=row.reason,
        time=row.time,
        earliest=row.earliest,
        first_sight=row.first_sight,
        valid_until=row.valid_until,
        inbound=row.inbound,
        thread=row.thread,
        lifts=row.lifts,
        terms=row.terms or {},
        anchor_record=RecordRef(system=row.anchor_system, stream=row.anchor_stream, key=row.anchor_key)
        if row.anchor_key is not None
        else None,
        anchor_point=row.anchor_point,
        source=RecordRef(system=row.source_system, stream=row.source_stream, key=row.source_key),
        evidence=row.evidence,
    )


def _by_anchor(acts: Iterable[Act]) -> tuple[dict[RecordRef, list[Act]], dict[str, list[Act]]]:
    by_record: dict[RecordRef, list[Act]] = defaultdict(list)
    by_point: dict[str, list[Act]] = defaultdict(list)
    for one in acts:
        if one.anchor_record is not None:
            by_record[one.anchor_record].append(one)
        if one.anchor_point is not None:
            by_point[one.anchor_point].append(one)
    return by_record, by_point


def _unique(acts: Iterable[Act]) -> list[Act]:
    return list({a.id: a for a in acts}.values())


def _ref(row: Row[Any]) -> RecordRef:
    return RecordRef(system=row.system, stream=row.stream, key=row.key)
