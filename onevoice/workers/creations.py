"""Creations: the records that the hub makes in systems, each under a reference of its own, noted before it is sent.

The reference is the id of the record for whose customer the new one is made: the customer's oldest. What a repeat needs
stands in one row: the reference, the fields as they were sent, and the system's key once it is known. The rule: however
the new record comes to be known, by the answer or because it is read, it is tied to that record by a judgement, and
what was sent is the hub's own word in it.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete

from onevoice.mapping import Mapping as RecordMapping
from onevoice.messages import Json, Lane, RecordRef
from onevoice.store import rows_by_keys, update_rows, upsert
from onevoice.store.tables import creation, judgement, source_record
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.marks import Marks, made, open_marks, save_marks

ACTOR = "hub"
"""Who says that a record that was made belongs to the one it was made for."""

_TARGET = "new:"
_KEY = ("system", "stream", "reference")
_JUDGEMENTS = uuid.UUID("0197a000-0000-7000-8000-637265617465")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A creation as it is noted; `state` is begun, in_doubt or made."""

    system: str
    stream: str
    reference: UUID
    state: str
    fields: Json
    key: str | None
    begun_at: datetime


def target_of(reference: UUID) -> str:
    """Return the target of the obligation to make a record."""
    return f"{_TARGET}{reference}"


def reference_of(target: str) -> UUID | None:
    """Return whose record is to be made; None where the target is a record that the system has."""
    try:
        return UUID(target.removeprefix(_TARGET)) if target.startswith(_TARGET) else None
    except ValueError:
        return None


def load_creations(
    connection: Connection, stream: Stream, references: Collection[UUID], *, lock: bool = False
) -> dict[UUID, Noted]:
    """Return what is noted of a stream under the references."""
    keys = [(stream.system, stream.name, reference) for reference in references]
    rows = rows_by_keys(connection, creation, list(creation.c), key=_KEY, keys=keys, lock=lock)
    return {row.reference: _noted(row) for row in rows}


def note_begun(connection: Connection, stream: Stream, fields: Mapping[UUID, Json], now: datetime) -> None:
    """Note what is about to be sent: reference -> fields."""
    rows = [
        {
            "system": stream.system,
            "stream": stream.name,
            "reference": reference,
            "state": "begun",
            "fields": sent,
            "key": None,
            "begun_at": now,
            "made_at": None,
        }
        for reference, sent in sorted(fields.items())
    ]
    upsert(connection, creation, rows, key=_KEY, update=["state", "fields"])


def note_made(connection: Connection, stream: Stream, keys: Mapping[UUID, str], now: datetime) -> None:
    """Note the system's keys, and tie each record to the one for whose customer it was made."""
    rows = [
        _named(stream, reference) | {"state": "made", "key": key, "made_at": now}
        for reference, key in sorted(keys.items())
    ]
    update_rows(connection, creation, rows, key=_KEY)
    _tie(connection, stream, keys, now)


def taken_keys(connection: Connection, stream: Stream, keys: Collection[str]) -> dict[str, UUID]:
    """Return under which reference each of the keys stands that is noted already."""
    columns = [creation.c.key, creation.c.reference]
    wanted = [(stream.system, stream.name, key) for key in keys]
    rows = rows_by_keys(connection, creation, columns, key=("system", "stream", "key"), keys=wanted)
    return {row.key: row.reference for row in rows}


def note_doubt(connection: Connection, stream: Stream, references: Collection[UUID]) -> None:
    """Note that nobody knows whether these were made; a person looks before they are sent again."""
    rows = [_named(stream, reference) | {"state": "in_doubt"} for reference in sorted(references)]
    update_rows(connection, creation, rows, key=_KEY)


def forget(connection: Connection, stream: Stream, references: Collection[UUID]) -> None:
    """Take back the note of what was certainly not made."""
    if references:
        connection.execute(
            delete(creation).where(
                creation.c.system == stream.system,
                creation.c.stream == stream.name,
                creation.c.reference.in_(list(references)),
            )
        )


def recognise(
    connection: Connection, arrivals: Iterable[tuple[RecordRef, Json, str]], catalog: Catalog, now: datetime
) -> dict[RecordRef, Marks]:
    """Return the marks of those records, seen for the first time, that the hub has made; ties them and keeps both.

    A record is known by its key, where the answer was faster, or by the reference that it shows. That it says what was
    sent is no sign: so do two people of one name.

    Args:
        arrivals: record, payload and version.
    """
    by_stream: dict[tuple[str, str], list[tuple[RecordRef, Json, str]]] = {}
    for one in arrivals:
        by_stream.setdefault((one[0].system, one[0].stream), []).append(one)
    found: dict[RecordRef, Marks] = {}
    for (system, name), some in by_stream.items():
        stream = catalog.stream(system, name)
        known = _known(connection, stream, some)
        opened = open_marks(connection, known) if known else {}
        learned = {noted.reference: ref.key for ref, noted in known.items() if noted.key is None and stream.reference}
        note_made(connection, stream, learned, now)
        _tie(connection, stream, {noted.reference: ref.key for ref, noted in known.items()}, now)
        for ref, data, version in some:
            if ref in known and not opened.get(ref):
                found[ref] = made_marks(stream.mapping, known[ref].fields, data, version)
    save_marks(connection, found, now)
    return found


def made_marks(mapping: RecordMapping, sent: Json, data: Json, version: str) -> Marks:
    """Return the marks of a record that the hub made; what the record says otherwise is the system's own word."""
    differing, consent = mapping.difference(data, sent), mapping.writable_paths(Lane.SUPPRESSION)
    return {
        path: made(value, written=mapping.read_source(data, path), version=version, consent=path in consent)
        for path, value in sent.items()
        if path not in differing
    }


def _known(
    connection: Connection, stream: Stream, arrivals: Sequence[tuple[RecordRef, Json, str]]
) -> dict[RecordRef, Noted]:
    keys = [(stream.system, stream.name, ref.key) for ref, _, _ in arrivals]
    rows = rows_by_keys(connection, creation, list(creation.c), key=("system", "stream", "key"), keys=keys)
    by_key = {row.key: _noted(row) for row in rows}
    known = {ref: by_key[ref.key] for ref, _, _ in arrivals if ref.key in by_key}
    if stream.reference is None:
        return known
    shown = {
        ref: _reference(stream.mapping.read_source(data, stream.reference))
        for ref, data, _ in arrivals
        if ref not in known
    }
    noted = load_creations(connection, stream, {one for one in shown.values() if one is not None}, lock=True)
    return known | {ref: noted[one] for ref, one in shown.items() if one in noted and noted[one].key is None}


def _tie(connection: Connection, stream: Stream, keys: Mapping[UUID, str], now: datetime) -> None:
    columns = [source_record.c[name] for name in ("id", "system", "stream", "key")]
    anchors = rows_by_keys(connection, source_record, columns, key=["id"], keys=[(one,) for one in keys])
    rows = []
    for row in anchors:
        made_for = RecordRef(row.system, row.stream, row.key)
        a, b = sorted([made_for, RecordRef(stream.system, stream.name, keys[row.id])])
        rows.append(
            {
                "id": uuid.uuid5(_JUDGEMENTS, f"{a}|{b}"),
                "verdict": "same",
                **{f"a_{name}": getattr(a, name) for name in ("system", "stream", "key")},
                **{f"b_{name}": getattr(b, name) for name in ("system", "stream", "key")},
                "actor": ACTOR,
                "reason": "the hub made the one for the customer of the other",
                "made_at": now,
            }
        )
    upsert(connection, judgement, rows, key=["id"])


def _reference(shown: Any) -> UUID | None:
    try:
        return UUID(shown) if isinstance(shown, str) else None
    except ValueError:
        return None


def _named(stream: Stream, reference: UUID) -> Json:
    return {"system": stream.system, "stream": stream.name, "reference": reference}


def _noted(row: Row[Any]) -> Noted:
    return Noted(**{name: getattr(row, name) for name in Noted.__slots__})
