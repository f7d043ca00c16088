"""One source record as the hub holds it: what the system says, and what the hub has written into it.

Takes a `rec:…` reference, gives a `RecordState`. Shows personal data: that is its use.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.store.tables import source_record
from onevoice.workers.customers.reference import parse_reference
from onevoice.workers.marks import Marks, load_marks


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordState:
    """A source record.

    Attributes:
        sequence, reading: its version: the system's own, and the reading of it.
        customer_id: whose it is; None for what is no party.
        payload: as the system has it; None where it is deleted there.
        marks: source path -> what the hub wrote there: `sent`, `written` (as the system gave it back), `replaced` (the
            system's last own value), `version` (the one that brought it).
    """

    id: UUID
    ref: str
    type: str
    sequence: str
    reading: int
    deleted: bool
    occurred_at: datetime
    mapping_version: str
    customer_id: UUID | None
    payload: Json | None
    marks: Marks


def load_record(connection: Connection, reference: str) -> RecordState:
    """Return the record that a reference names.

    Raises:
        RefusedError: it is no `rec:…` reference, or there is no such record.
    """
    ref = parse_reference(reference).record
    if ref is None:
        raise RefusedError("record: name it as rec:<system>:<stream>:<key>; 'onevoice customer show' lists them")
    columns = source_record.c
    row = connection.execute(
        select(source_record).where(columns.system == ref.system, columns.stream == ref.stream, columns.key == ref.key)
    ).one_or_none()
    if row is None:
        raise RefusedError(f"record: the hub has none of {ref.system}.{ref.stream} with that key")
    return RecordState(
        id=row.id,
        ref=reference,
        type=row.type,
        sequence=row.sequence,
        reading=row.reading,
        deleted=row.deleted,
        occurred_at=row.occurred_at,
        mapping_version=row.mapping_version,
        customer_id=row.customer_id,
        payload=row.payload,
        marks=load_marks(connection, {ref}).get(ref, {}),
    )
