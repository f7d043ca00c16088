"""A source record on its way through one batch: the image of its row, and how rows are read and written back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import Connection, Row

from onevoice.consent import Observation
from onevoice.messages import PARTY_TYPES, Json, RecordRef
from onevoice.store import rows_by_keys, upsert
from onevoice.store.tables import source_record

StoredObservation: TypeAlias = list[Any]

REF = ("system", "stream", "key")


@dataclass(slots=True, kw_only=True)
class Record:
    """One row of `source_record`, changed in memory and written once.

    Attributes:
        echoes: canonical path -> ISO time of the last own value, for fields that hold what the hub wrote.
        flags: `channel/purpose` -> series of observations, as stored: [sequence, reading, observed, time,
            points].
        fresh: not in the store yet.
        touched: to be written.
        stored: the canonical record as the store has it; None when it has none.
        stored_customer: the customer that the store has it under; None when it has none.
    """

    id: UUID
    ref: RecordRef
    type: str
    sequence: str = ""
    reading: int = -1
    content_hash: str = ""
    deleted: bool = False
    occurred_at: datetime
    payload: Json | None = None
    canonical: Json = field(default_factory=dict)
    echoes: dict[str, str] = field(default_factory=dict)
    flags: dict[str, list[StoredObservation]] = field(default_factory=dict)
    mapping_version: str = ""
    party_stream: str | None = None
    party_key: str | None = None
    point: str | None = None
    customer_id: UUID | None = None
    identity_hash: str | None = None
    fresh: bool = True
    touched: bool = False
    stored: Json | None = None
    stored_customer: UUID | None = None

    @property
    def is_party(self) -> bool:
        """Persons and organisations are grouped into customers; other records are about them."""
        return self.type in PARTY_TYPES

    def withdraw(self, main: "Record") -> None:
        """Delete the record as of the version at which the record that gave it stands."""
        self.deleted, self.occurred_at = True, main.occurred_at
        self.sequence, self.reading, self.content_hash = main.version

    @property
    def version(self) -> tuple[str, int, str]:
        """What orders the versions of one key, whatever the order of arrival."""
        return self.sequence, self.reading, self.content_hash


def load_records(connection: Connection, refs: Collection[RecordRef]) -> dict[RecordRef, Record]:
    """Return the records that are in the store."""
    rows = rows_by_keys(
        connection, source_record, list(source_record.c), key=REF, keys=[(r.system, r.stream, r.key) for r in refs]
    )
    return {record.ref: record for record in map(record_of, rows)}


def load_members(connection: Connection, customers: Collection[UUID]) -> list[Record]:
    """Return all records that are grouped in any of the customers."""
    rows = rows_by_keys(
        connection, source_record, list(source_record.c), key=["customer_id"], keys=[(c,) for c in customers]
    )
    return [record_of(row) for row in rows]


def save_records(connection: Connection, records: Sequence[Record], *, now: datetime) -> None:
    """Write the records back in one statement."""
    columns = [c.name for c in source_record.c if c.name not in ("id", *REF)]
    upsert(connection, source_record, [_row(r, now) for r in records], key=REF, update=columns)


def record_of(row: Row[Any]) -> Record:
    """Return the record that a row holds."""
    return Record(
        id=row.id,
        ref=RecordRef(system=row.system, stream=row.stream, key=row.key),
        type=row.type,
        sequence=row.sequence,
        reading=row.reading,
        content_hash=row.content_hash,
        deleted=row.deleted,
        occurred_at=row.occurred_at,
        payload=row.payload,
        canonical=row.canonical or {},
        stored=row.canonical or {},
        echoes=row.echoes or {},
        flags=row.flags or {},
        mapping_version=row.mapping_version,
        party_stream=row.party_stream,
        party_key=row.party_key,
        point=row.point,
        customer_id=row.customer_id,
        stored_customer=row.customer_id,
        identity_hash=row.identity_hash,
        fresh=False,
    )


def _row(record: Record, now: datetime) -> dict[str, Any]:
    return {
        "id": record.id,
        "system": record.ref.system,
        "stream": record.ref.stream,
        "key": record.ref.key,
        "type": record.type,
        "sequence": record.sequence,
        "reading": record.reading,
        "content_hash": record.content_hash,
        "deleted": record.deleted,
        "occurred_at": record.occurred_at,
        "payload": record.payload,
        "canonical": record.canonical or None,
        "echoes": record.echoes or None,
        "flags": record.flags or None,
        "mapping_version": record.mapping_version,
        "party_stream": record.party_stream,
        "party_key": record.party_key,
        "point": record.point,
        "customer_id": record.customer_id,
        "identity_hash": record.identity_hash,
        "updated_at": now,
    }


def read_series(stored: Sequence[StoredObservation]) -> tuple[Observation, ...]:
    """Return a stored series of observations."""
    return tuple(Observation((o[0], o[1]), o[2], datetime.fromisoformat(o[3]), tuple(o[4])) for o in stored)


def stored_series(series: Sequence[Observation]) -> list[StoredObservation]:
    """Return a series of observations as it is stored."""
    return [[*o.version, o.observed, o.time.isoformat(), list(o.points)] for o in series]
