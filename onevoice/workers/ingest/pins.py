"""Pins as rows: golden values that people fixed by hand, each on a record."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from onevoice.master import Pin
from onevoice.messages import RecordRef
from onevoice.store import upsert
from onevoice.store.tables import pin, source_record


def pins_of(
    connection: Connection,
    customers: Collection[UUID],
    *,
    moved: Mapping[RecordRef, UUID | None] = MappingProxyType({}),
) -> dict[UUID, list[Pin]]:
    """Return the standing pins of those of the customers that have any. People make them, so there are few.

    Args:
        moved: record -> customer, where the store does not say so yet.
    """
    found: dict[UUID, list[Pin]] = defaultdict(list)
    on_record = (
        (pin.c.system == source_record.c.system)
        & (pin.c.stream == source_record.c.stream)
        & (pin.c.key == source_record.c.key)
    )
    statement = select(pin, source_record.c.customer_id).outerjoin(source_record, on_record)
    for row in connection.execute(statement.where(pin.c.retracted_at.is_(None))):
        customer = moved.get(RecordRef(row.system, row.stream, row.key), row.customer_id)
        if customer in customers:
            found[customer].append(_pin(row))
    return found


def save_pin(connection: Connection, made: Pin) -> None:
    """Store a pin; it replaces the one on the same record and path."""
    withdrawn = {"retracted_at": made.time, "retracted_by": made.actor}
    standing = pin.c.retracted_at.is_(None) & (pin.c.path == made.path)
    here = (pin.c.system == made.ref.system) & (pin.c.stream == made.ref.stream) & (pin.c.key == made.ref.key)
    connection.execute(update(pin).where(standing & here).values(withdrawn))
    row = {
        "id": made.id,
        "system": made.ref.system,
        "stream": made.ref.stream,
        "key": made.ref.key,
        "path": made.path,
        "value": [made.value],
        "actor": made.actor,
        "reason": made.reason,
        "made_at": made.time,
    }
    upsert(connection, pin, [row], key=["id"])


def withdraw_pin(connection: Connection, pin_id: UUID, *, actor: str, now: Any) -> Pin | None:
    """Retract a standing pin and return it; None where none stands under this id."""
    row = connection.execute(select(pin).where(pin.c.id == pin_id, pin.c.retracted_at.is_(None))).one_or_none()
    if row is None:
        return None
    connection.execute(update(pin).where(pin.c.id == pin_id).values(retracted_at=now, retracted_by=actor))
    return _pin(row)


def _pin(row: Row[Any]) -> Pin:
    return Pin(
        id=row.id,
        ref=RecordRef(system=row.system, stream=row.stream, key=row.key),
        path=row.path,
        value=row.value[0],
        actor=row.actor,
        reason=row.reason,
        time=row.made_at,
    )
