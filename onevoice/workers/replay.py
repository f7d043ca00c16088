"""Replay: what would become of messages in quarantine if they went through the walk again now; changes nothing.

Takes rows of quarantine, gives an outcome for each: by the mapping, the schemas and the records as they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from onevoice.bus import Delivery
from onevoice.store import Store
from onevoice.workers import door_check, webhook
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.inbox import known_effects
from onevoice.workers.ingest.prepare import Incoming
from onevoice.workers.ingest.record import load_records

NEWS, STALE, KNOWN, FAILS, STUCK, ELSEWHERE = (
    "would be taken in",
    "would be history: a newer version stands",
    "would do nothing: it was taken in already",
    "would come back",
    "cannot be sent again",
    "its connector decides",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would become of one message.

    Attributes:
        outcome: one of the texts above.
        reason: why it would come back.
    """

    id: UUID
    system: str
    stream: str
    key: str
    outcome: str
    reason: str | None = None


def preview_rows(store: Store, ingest: Ingest, rows: Sequence[Row[Any]]) -> list[Preview]:
    """Return the outcomes, in the order of the rows.

    Raises:
        TransientError: the store is away.
    """
    with store.transaction() as connection:
        return [_preview(connection, ingest, row) for row in rows]


def _preview(connection: Connection, ingest: Ingest, row: Row[Any]) -> Preview:
    outcome, reason = _outcome(connection, ingest, row)
    return Preview(id=row.id, system=row.system, stream=row.stream, key=row.key, outcome=outcome, reason=reason)


def _outcome(connection: Connection, ingest: Ingest, row: Row[Any]) -> tuple[str, str | None]:
    if row.step == door_check.STEP:
        return STUCK, "it never came to the bus: correct the record in its system and read it again"
    if row.step == webhook.STEP:
        return ELSEWHERE, None
    delivery = delivery_of_row(row)
    try:
        [prepared] = ingest.prepare([delivery])
    except Exception as error:  # noqa: BLE001 - the code cannot bear it, as before; its text may hold values
        return FAILS, f"defect in the hub: {type(error).__name__}"
    if not isinstance(prepared, Incoming):
        return FAILS, prepared.reason
    known = known_effects(connection, [prepared]).get((prepared.envelope.system, prepared.envelope.id))
    if known is not None:
        return (KNOWN, None) if known == prepared.effect else (FAILS, "another message came under this id before")
    record = load_records(connection, [prepared.ref]).get(prepared.ref)
    if record is None or prepared.version > record.version:
        return NEWS, None
    return (KNOWN, None) if prepared.version == record.version else (STALE, None)


def delivery_of_row(row: Row[Any]) -> Delivery:
    """Return the message as a consumer would be handed it."""
    return Delivery(
        body=row.body, routing_key=f"{row.system}.{row.stream}", user_id=row.user_id, redelivered=0, tag=None
    )
