"""Needed: whose record a system is to have because something names them, an order or an offer that they accepted."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection

from onevoice.messages import RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import offer_use, outcome, source_record
from onevoice.workers.ingest.merge import Customer
from onevoice.workers.ingest.record import Record

_PARTY = ("system", "party_stream", "party_key")
_OF_OUTCOME = ("decision_id", "offer")


def needed_among(connection: Connection, customers: Iterable[Customer]) -> frozenset[UUID]:
    """Return those of the customers that ordered, in whatever system, or accepted an offer."""
    listed = list(customers)
    whose = {member.ref: customer.id for customer in listed for member in customer.members}
    own = source_record.c
    columns = [own.system, own.party_stream, own.party_key, own.type, own.deleted]
    keys = [(ref.system, ref.stream, ref.key) for ref in whose]
    ordered = {
        whose[RecordRef(row.system, row.party_stream, row.party_key)]
        for row in rows_by_keys(connection, source_record, columns, key=_PARTY, keys=keys)
        if row.type == "order" and not row.deleted
    }
    anchors = {str(member.id): customer.id for customer in listed for member in customer.members}
    return frozenset(ordered | {anchors[anchor] for anchor in _accepted(connection, anchors)})


def named_by_orders(connection: Connection, records: Iterable[Record]) -> frozenset[UUID]:
    """Return the customers that orders among the records name."""
    parties = [
        (one.ref.system, one.party_stream, one.party_key)
        for one in records
        if one.type == "order" and one.touched and one.party_key is not None
    ]
    columns = [source_record.c.customer_id]
    rows = rows_by_keys(connection, source_record, columns, key=("system", "stream", "key"), keys=parties)
    return frozenset(row.customer_id for row in rows if row.customer_id is not None)


def _accepted(connection: Connection, anchors: Iterable[str]) -> set[str]:
    columns = [offer_use.c.anchor, offer_use.c.decision_id, offer_use.c.offer]
    rows = rows_by_keys(connection, offer_use, columns, key=["anchor"], keys=[(one,) for one in anchors])
    used = {(row.decision_id, row.offer): row.anchor for row in rows}
    columns = [outcome.c.decision_id, outcome.c.offer, outcome.c.kind]
    reported = rows_by_keys(connection, outcome, columns, key=_OF_OUTCOME, keys=list(used))
    return {used[row.decision_id, row.offer] for row in reported if row.kind == "accepted"}
