"""A source record on its way through one batch: the image of its row, and how rows are read and written back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, cast
from uuid import UUID

from sqlalchemy import Connection, Row

from onevoice.consent import Observation
from onevoice.messages import PARTY_TYPES, Json, RecordRef
from onevoice.store import rows_by_keys, upsert
from onevoice.store.tables import source_record

StoredObservation: TypeAlias = list[Any]

REF = ("system", "stream", "key")


class Stored(NamedTuple):
    """What the store has of a record, as far as steps ask what a batch made of it."""

    customer_id: UUID | None
    canonical: Json
    echoes: dict[str, str]
    occurred_at: datetime
    deleted: bool
    payload: Json | None
    mapping_version: str
    identity_hash: str | None


@dataclass(slots=True, kw_only=True)
class Record:
    """One row of `source_record`, changed in memory and written once.

    Attributes:
        echoes: canonical path -> ISO time of the last own value, for fields that hold what the hub wrote.
        flags: `channel/purpose` -> series of observations, as stored: [sequence, reading, observed, time,
            points].
        fresh: not in the store yet.
        touched: to be written.
        stored: as the store has it; None when it has not.
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
    judged_by: str | None = None
    fresh: bool = True
    touched: bool = False
    stored: Stored | None = None

    @property
    def is_party(self) -> bool:
        """Persons and organisations are grouped into customers; other records are about them."""
        return self.type in PARTY_TYPES

    def withdraw(self, main: "Record") -> None:
        """Delete the record as of the version at which the record that gave it stands."""
        self.deleted, self.occurred_at = True, main.occurred_at
        self.sequence, self.reading, self.content_hash = main.version

    def start_anew(self) -> None:
        """Forget what was taken of it, so that its version is taken in again."""
        self.canonical, self.echoes, self.flags, self.mapping_version = {}, {}, {}, ""

    @property
    def stored_customer(self) -> UUID | None:
        """The customer that the store has it under, if it has it under any."""
        return self.stored.customer_id if self.stored is not None else None

    @property
    def says_something_else(self) -> bool:
        """Whether it claims anything, or anything at another time, that the store's version of it does not."""
        before = self.stored
        if before is None or (before.canonical, before.deleted) != (self.canonical, self.deleted):
            return True
        if before.occurred_at != self.occurred_at:
            return True
        if before.echoes == self.echoes:
            return False
        said = self.occurred_at.isoformat()
        paths = before.echoes.keys() | self.echoes.keys()
        return any(before.echoes.get(path, said) != self.echoes.get(path, said) for path in paths)

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
    """Return the record that a row of all columns holds."""
    (
        record_id, system, stream, key, record_type, sequence, reading, content_hash, deleted, occurred_at, payload,
        canonical, echoes, flags, mapping_version, party_stream, party_key, point, customer_id, identity_hash,
        judged_by, _,
    ) = cast("tuple[Any, ...]", row)  # fmt: skip
    canonical, echoes = canonical or {}, echoes or {}
    return Record(
        id=record_id,
        ref=RecordRef(system, stream, key),
        type=record_type,
        sequence=sequence,
        reading=reading,
        content_hash=content_hash,
        deleted=deleted,
        occurred_at=occurred_at,
        payload=payload,
        canonical=canonical,
        echoes=echoes,
        flags=flags or {},
        mapping_version=mapping_version,
        party_stream=party_stream,
        party_key=party_key,
        point=point,
        customer_id=customer_id,
        identity_hash=identity_hash,
        judged_by=judged_by,
        fresh=False,
        stored=Stored(customer_id, canonical, echoes, occurred_at, deleted, payload, mapping_version, identity_hash),
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
        "judged_by": record.judged_by,
        "updated_at": now,
    }


def read_series(stored: Sequence[StoredObservation]) -> tuple[Observation, ...]:
    """Return a stored series of observations."""
    return tuple(Observation((o[0], o[1]), o[2], datetime.fromisoformat(o[3]), tuple(o[4])) for o in stored)


def stored_series(series: Sequence[Observation]) -> list[StoredObservation]:
    """Return a series of observations as it is stored."""
    return [[*o.version, o.observed, o.time.isoformat(), list(o.points)] for o in series]
