"""Merge: the golden record of every customer that may have changed, computed anew from the claims of its records."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, delete

from onevoice.mapping.paths import flatten, unflatten
from onevoice.master import Claim, Survivorship, claims_of, golden_values, in_force
from onevoice.messages import Json
from onevoice.store import rows_by_keys, upsert
from onevoice.store.tables import customer
from onevoice.workers.ingest.as_of import as_of
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.pins import pins_of
from onevoice.workers.ingest.record import Record, save_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as it stands at this point of the transaction; `before` is its golden record as the store had it."""

    id: UUID
    members: Sequence[Record]
    golden: Json
    before: Json | None
    revision: int

    @property
    def changed(self) -> bool:
        """Whether the golden record is another one."""
        return self.golden != self.before


def merge(
    loaded: Loaded,
    customers: Collection[UUID],
    policy: Survivorship,
    *,
    now: datetime,
    unsaved: Sequence[Record] = (),
) -> dict[UUID, Customer]:
    """Return the customers with their golden records; one without records left is taken away.

    Args:
        unsaved: records that changed. They are saved here, since the database can write them while this computes.
    """
    grouped: dict[UUID, list[Record]] = defaultdict(list)
    connection = loaded.connection
    for record in loaded.in_customers(customers):
        if record.customer_id is not None:
            grouped[record.customer_id].append(record)
    standing = _standing(connection, customers)
    pins = pins_of(connection, grouped, moved={record.ref: record.customer_id for record in unsaved})
    day = as_of(connection)
    save_records(connection, unsaved, now=now)
    merged = {}
    rows = []
    for customer_id, members in grouped.items():
        standing_claims = in_force(customer_claims(members), day)
        golden = unflatten(golden_values(standing_claims, policy, pins.get(customer_id, ())))
        revision, before = standing.get(customer_id, (0, None))
        revision += golden != before
        merged[customer_id] = Customer(id=customer_id, members=members, golden=golden, before=before, revision=revision)
        if golden != before:
            rows.append(
                {
                    "id": customer_id,
                    "type": members[0].type,
                    "golden": golden,
                    "revision": revision,
                    "updated_at": now,
                }
            )
    upsert(connection, customer, rows, key=["id"], update=["type", "golden", "revision", "updated_at"])
    empty = [c for c in customers if c not in grouped and c in standing]
    if empty:
        connection.execute(delete(customer).where(customer.c.id.in_(empty)))
    return merged


def goldens_of(connection: Connection, customers: Collection[UUID]) -> dict[UUID, Json]:
    """Return the golden records as the store has them."""
    columns = [customer.c.id, customer.c.golden]
    rows = rows_by_keys(connection, customer, columns, key=["id"], keys=[(i,) for i in customers])
    return {row.id: row.golden for row in rows}


def customer_claims(members: Sequence[Record]) -> list[Claim]:
    """Return the claims of a customer's records; a deleted record makes none."""
    return [claim for record in members if not record.deleted for claim in record_claims(record)]


def record_claims(record: Record) -> list[Claim]:
    """Return what one record claims; an echo field claims the system's last own value at that value's time."""
    times = {path: datetime.fromisoformat(time) for path, time in record.echoes.items()}
    return claims_of(record.ref, flatten(record.canonical), record.occurred_at, times, record.mapping_version)


def _standing(connection: Connection, ids: Collection[UUID]) -> Mapping[UUID, tuple[int, Json]]:
    columns = [customer.c.id, customer.c.revision, customer.c.golden]
    rows = rows_by_keys(connection, customer, columns, key=["id"], keys=[(i,) for i in ids])
    return {row.id: (row.revision, row.golden) for row in rows}
