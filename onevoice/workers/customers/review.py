"""The review queue: pairs of customers whose evidence a person must weigh, those with most at stake first.

Takes stored pairs, gives items. The one rule: an item is any two customers between whom evidence of review or better
stands and no judgement; deciding it, either way, takes it out. Evidence of a link between two customers is a
bridge that grouping did not take.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.consent import Gate
from onevoice.consent.holdings import holdings_of
from onevoice.identity import EvidenceRow
from onevoice.messages import RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import pair, source_record
from onevoice.workers.customers.explanation import waterfall
from onevoice.workers.customers.judgement import standing
from onevoice.workers.ingest.record import load_records

MOST_WEIGHED = 5000
"""So many items, the best scored, are weighed by what is at stake; a longer queue is worked off from there."""

_ABOUT = ("system", "party_stream", "party_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """Two customers that may be one.

    Attributes:
        kind: "review", the evidence is between the marks; or "bridge", it is over the link mark and not taken.
        a: of all pairs of records between the two, the one whose evidence is strongest.
        score: in bits.
        records: how many records the two customers have.
        stake: interactions, orders and the like that would come onto one timeline.
        prohibits: a prohibition of one of them would come to hold for the other.
    """

    kind: str
    a: RecordRef
    b: RecordRef
    customers: tuple[UUID, UUID]
    score: float
    evidence: tuple[EvidenceRow, ...]
    records: int
    stake: int
    prohibits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One judgement as an example to train from; the evidence names what was found, never the values."""

    a: RecordRef
    b: RecordRef
    same: bool
    evidence: tuple[tuple[str, str], ...]


def review_items(connection: Connection, gate: Gate, *, limit: int) -> list[ReviewItem]:
    """Return the items with most at stake: first those that would extend a prohibition, then by stake and score."""
    open_pairs = _open_pairs(connection)[:MOST_WEIGHED]
    customers = {customer for row in open_pairs for customer in (row.a_customer, row.b_customer)}
    members = _members(connection, customers)
    about = _about(connection, {ref for refs in members.values() for ref in refs})
    holdings = holdings_of(connection, customers)
    prohibited = {c: {(a.channel, a.purpose) for a in gate.live_prohibitions(h.acts)} for c, h in holdings.items()}
    items = []
    for row in open_pairs:
        a, b = row.a_customer, row.b_customer
        items.append(
            ReviewItem(
                kind="review" if row.outcome == "review" else "bridge",
                a=RecordRef(system=row.a_system, stream=row.a_stream, key=row.a_key),
                b=RecordRef(system=row.b_system, stream=row.b_stream, key=row.b_key),
                customers=(a, b),
                score=row.score,
                evidence=waterfall(row.evidence),
                records=len(members[a]) + len(members[b]),
                stake=sum(about[ref] for ref in (*members[a], *members[b])),
                prohibits=prohibited[a] != prohibited[b],
            )
        )
    return sorted(items, key=lambda i: (not i.prohibits, -i.stake, -i.score, i.a, i.b))[:limit]


def labels(connection: Connection) -> list[Label]:
    """Return all standing judgements about two known records whose evidence is stored, oldest first."""
    judged = standing(connection)
    records = load_records(connection, {ref for j in judged for ref in (j.a, j.b)})
    keys = {}
    for j in judged:
        if j.a in records and j.b in records:
            ids = records[j.a].id, records[j.b].id
            keys[j.id] = min(ids), max(ids)
    rows = rows_by_keys(connection, pair, [pair.c.a, pair.c.b, pair.c.evidence], key=["a", "b"], keys=[*keys.values()])
    evidence = {(row.a, row.b): tuple((found[0], found[1]) for found in row.evidence) for row in rows}
    return [
        Label(a=j.a, b=j.b, same=j.verdict == "same", evidence=evidence[keys[j.id]])
        for j in judged
        if keys.get(j.id) in evidence
    ]


def _open_pairs(connection: Connection) -> list[Any]:
    """The strongest pair between each two customers that no judgement holds apart, the best scored first."""
    a, b = source_record.alias("a"), source_record.alias("b")
    sides = [
        column.label(f"{name}_{column.name}" if column.name != "customer_id" else f"{name}_customer")
        for name, side in (("a", a), ("b", b))
        for column in (side.c.system, side.c.stream, side.c.key, side.c.customer_id)
    ]
    statement = (
        select(pair.c.score, pair.c.outcome, pair.c.evidence, *sides)
        .join(a, pair.c.a == a.c.id)
        .join(b, pair.c.b == b.c.id)
        .where(a.c.customer_id != b.c.customer_id)
        .order_by(pair.c.score.desc(), a.c.system, a.c.stream, a.c.key, b.c.system, b.c.stream, b.c.key)
    )
    apart = _held_apart(connection)
    found: dict[frozenset[UUID], Any] = {}
    for row in connection.execute(statement):
        between = frozenset((row.a_customer, row.b_customer))
        if between not in apart:
            found.setdefault(between, row)
    return list(found.values())


def _held_apart(connection: Connection) -> set[frozenset[UUID]]:
    different = [j for j in standing(connection) if j.verdict == "different"]
    records = load_records(connection, {ref for j in different for ref in (j.a, j.b)})
    customers = {ref: r.customer_id for ref, r in records.items() if r.customer_id is not None}
    return {frozenset((customers[j.a], customers[j.b])) for j in different if j.a in customers and j.b in customers}


def _members(connection: Connection, customers: Collection[UUID]) -> dict[UUID, list[RecordRef]]:
    c = source_record.c
    rows = rows_by_keys(
        connection,
        source_record,
        [c.system, c.stream, c.key, c.customer_id],
        key=["customer_id"],
        keys=[(customer,) for customer in customers],
    )
    members: dict[UUID, list[RecordRef]] = defaultdict(list)
    for row in rows:
        members[row.customer_id].append(RecordRef(system=row.system, stream=row.stream, key=row.key))
    return members


def _about(connection: Connection, records: Iterable[RecordRef]) -> Counter[RecordRef]:
    """Count the records that are about each of the records."""
    c = source_record.c
    rows = rows_by_keys(
        connection,
        source_record,
        [c.system, c.party_stream, c.party_key],
        key=_ABOUT,
        keys=[(r.system, r.stream, r.key) for r in records],
    )
    return Counter(RecordRef(system=row.system, stream=row.party_stream, key=row.party_key) for row in rows)
