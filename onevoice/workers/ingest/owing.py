"""Owing: what a batch leaves every system owed, of the customers that moved and of records whose own fields did.

Reads what `oblige` needs to know and asks it; brings the suppression list up to date on the way. The rule: whatever
stayed as it was is owed nothing new, so it is not asked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate, Holding
from onevoice.consent.holdings import holdings_of, holdings_with
from onevoice.consent.lists import MARKETING, Place, refresh
from onevoice.identity import contact_points
from onevoice.messages import Act, Lane, RecordRef, Work
from onevoice.store import rows_by_keys
from onevoice.store.locks import lock_names, lock_names_of
from onevoice.store.tables import delivered
from onevoice.workers.catalog import Catalog
from onevoice.workers.ingest.merge import Customer, goldens_of
from onevoice.workers.ingest.needed import needed_among
from onevoice.workers.ingest.oblige import creates_for, lanes_moved, list_target, list_works, works_at, works_for
from onevoice.workers.ingest.record import Record
from onevoice.workers.marks import Marks, load_marks

_KEY = ("system", "stream", "key")
_POINTS = ("email:", "phone:")


@dataclass(frozen=True, slots=True)
class Owing:
    """Finds what is owed now."""

    catalog: Catalog
    gate: Gate

    def to_customers(
        self,
        connection: Connection,
        customers: Mapping[UUID, Customer],
        acts: Sequence[Act],
        doubted: Collection[UUID] = (),
    ) -> list[Work]:
        """Return what is owed to all records and lists of the customers.

        Args:
            acts: what was said, or does not count any more.
            doubted: customers whose places on the list are looked at although nobody said anything.
        """
        holdings = holdings_with(connection, {c.id: _held_by(c) for c in customers.values()})
        refs = [m.ref for c in customers.values() for m in c.members]
        marks = load_marks(connection, refs)
        lock_names(connection, _names_to_lock(customers.values(), holdings, acts))
        works = list(works_for(customers, holdings, marks, self.catalog, self.gate))
        works += self.creates(connection, customers)
        return works + self._list_works(connection, customers, holdings, acts, doubted)

    def creates(self, connection: Connection, customers: Mapping[UUID, Customer]) -> Iterator[Work]:
        """Yield what is to be made for the customers where systems lack them and are to have them."""
        if not (creating := self.catalog.creating()):
            return
        sought = {one.create for one in creating}
        needed = needed_among(connection, customers.values()) if "when_needed" in sought else frozenset()
        for customer in customers.values():
            yield from creates_for(customer, self.catalog, self.gate, needed=customer.id in needed)

    def to_records(
        self,
        connection: Connection,
        records: Iterable[Record],
        marks_before: Mapping[RecordRef, Marks],
        marks: Mapping[RecordRef, Marks],
        merged: Mapping[UUID, Customer],
    ) -> list[Work]:
        """Return what is owed to records of customers that stay as they were: only their own fields have moved."""
        moved = {}
        for record in records:
            before, after = marks_before.get(record.ref, {}), marks.get(record.ref, {})
            lanes = lanes_moved(record, before, after, self.catalog)
            if lanes and record.customer_id is not None:
                moved[record.ref] = record, record.customer_id, lanes
        asked = {customer for _, customer, _ in moved.values()}
        goldens = goldens_of(connection, asked - merged.keys()) | {c: merged[c].golden for c in asked & merged.keys()}
        barred = {customer for _, customer, lanes in moved.values() if Lane.SUPPRESSION in lanes}
        holdings = holdings_of(connection, barred)
        return [
            work
            for record, customer, lanes in moved.values()
            for work in works_at(
                record,
                lanes,
                goldens[customer],
                holdings.get(customer),
                marks.get(record.ref, {}),
                self.catalog,
                self.gate,
            )
        ]

    def _list_works(
        self,
        connection: Connection,
        customers: Mapping[UUID, Customer],
        holdings: Mapping[UUID, Holding],
        acts: Sequence[Act],
        doubted: Collection[UUID],
    ) -> list[Work]:
        """Bring the suppression list up to date; return what is owed to the systems that hold one.

        Most customers said nothing, and whether they are on the list is not asked anew.
        """
        anchors = {act.anchor_record for act in acts}
        points = {act.anchor_point for act in acts if act.anchor_point and act.anchor_point.startswith(_POINTS)}
        regrouped = _regrouped(customers.values())
        touched = [
            customer
            for customer in customers.values()
            if holdings[customer.id].acts
            or customer.id in regrouped
            or customer.id in doubted
            or not anchors.isdisjoint(holdings[customer.id].records)
        ]
        points |= {p for c in touched for p in points_before(c)}
        if not touched and not points:
            return []
        now = datetime.now(UTC)
        refreshed = refresh(connection, self.gate, (holdings[c.id] for c in touched), points, now=now)
        return list(list_works(refreshed, self._proven(connection, refreshed.places), self.catalog))

    def _proven(self, connection: Connection, places: Iterable[Place]) -> set[tuple[str, str, str]]:
        """Return (system, list, target) of what the systems' lists are proven to hold at the places."""
        targets = [
            (system, name, list_target(channel, point, MARKETING))
            for (system, name), channels in self.catalog.lists.items()
            for channel, point in places
            if channel in channels
        ]
        columns = [delivered.c.system, delivered.c.stream, delivered.c.key]
        rows = rows_by_keys(connection, delivered, columns, key=_KEY, keys=targets)
        return {(row.system, row.stream, row.key) for row in rows}


def points_before(customer: Customer) -> set[str]:
    """Return the contact points of the customer's records as the store has them."""
    return {p for m in customer.members if m.stored for p in contact_points(m.stored.canonical)}


def _regrouped(customers: Iterable[Customer]) -> set[UUID]:
    """Return the customers that records came to or went from: what those said counts anew, or no more."""
    found: set[UUID] = set()
    for customer in customers:
        before = {member.stored_customer for member in customer.members} - {None, customer.id}
        found |= {one for one in (*before, customer.id if before else None) if one is not None}
    return found


def _names_to_lock(
    customers: Iterable[Customer], holdings: Mapping[UUID, Holding], acts: Sequence[Act]
) -> Iterator[str]:
    """Yield whatever a contact may hang on that these acts, or the new grouping of old ones, could forbid."""
    for act in acts:
        yield from lock_names_of(points={act.anchor_point}, threads={act.thread})
    for customer in customers:
        holding = holdings[customer.id]
        if holding.acts:
            before = {member.stored_customer for member in customer.members}
            yield from lock_names_of(points=holding.points | holding.former, customers=before | {customer.id})


def _held_by(customer: Customer) -> dict[RecordRef, tuple[str, ...]]:
    """Return the contact points of each of the customer's records; one that was deleted keeps its last ones."""
    return {member.ref: contact_points(member.canonical) for member in customer.members}
