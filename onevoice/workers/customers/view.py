"""One customer as it stands: golden record, member records, every id that it goes by."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.errors import RefusedError
from onevoice.messages import Json, RecordRef
from onevoice.store.tables import customer
from onevoice.workers.ingest.record import Record, load_members


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One member record. `id` resolves to the customer as well as the customer's own does."""

    id: UUID
    ref: RecordRef
    deleted: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerView:
    """One customer.

    Attributes:
        id: that of its oldest record.
        aliases: the ids of its other records, sorted.
        golden: the golden record in canonical shape; empty when every record was deleted.
        revision: counts the changes of the golden record.
        records: by system, stream and key.
    """

    id: UUID
    type: str
    golden: Json
    revision: int
    updated_at: datetime
    aliases: tuple[UUID, ...]
    records: tuple[RecordView, ...]


def load_view(connection: Connection, customer_id: UUID) -> CustomerView:
    """Return a customer.

    Raises:
        RefusedError: there is none under this id.
    """
    row = connection.execute(select(customer).where(customer.c.id == customer_id)).one_or_none()
    if row is None:
        raise unknown_customer()
    members = members_of(connection, customer_id)
    return CustomerView(
        id=row.id,
        type=row.type,
        golden=row.golden,
        revision=row.revision,
        updated_at=row.updated_at,
        aliases=tuple(sorted(m.id for m in members if m.id != row.id)),
        records=tuple(RecordView(id=m.id, ref=m.ref, deleted=m.deleted, occurred_at=m.occurred_at) for m in members),
    )


def members_of(connection: Connection, customer_id: UUID) -> list[Record]:
    """Return the customer's records by system, stream and key."""
    return sorted(load_members(connection, [customer_id]), key=lambda m: m.ref)


def unknown_customer() -> RefusedError:
    """Return the error for a reference under which nobody is known."""
    return RefusedError("customer: nobody is known under this reference")
