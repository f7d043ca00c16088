"""Where bad records wait, whole, with the reason; and how they come back after a fix."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from onevoice.bus import Bus, Delivery, parse_envelope
from onevoice.errors import RecordError, RefusedError
from onevoice.store import Store
from onevoice.store.tables import quarantine
from onevoice.workers.ingest.set_aside import keep, quarantine_row

MISADDRESSED = "no queue takes this routing key: the system or stream is not configured, or the key is misspelt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Equal failures as one line."""

    fingerprint: str
    system: str
    stream: str
    step: str
    reason: str
    count: int
    oldest: datetime


def keep_dead_letters(store: Store, deliveries: Sequence[Delivery]) -> None:
    """Keep what the broker could not route, or gave up handing out."""
    rows = [
        quarantine_row(
            delivery,
            step="routing",
            reason=f"the broker gave it up: {delivery.dead_letter_reason}"
            if delivery.dead_letter_reason
            else MISADDRESSED,
        )
        for delivery in deliveries
    ]
    with store.transaction() as connection:
        keep(connection, rows)


def failures(connection: Connection) -> list[Failure]:
    """Return what waits, most frequent first."""
    columns = [quarantine.c[n] for n in ("fingerprint", "system", "stream", "step", "reason")]
    statement = (
        select(*columns, func.count().label("count"), func.min(quarantine.c.created_at).label("oldest"))
        .where(quarantine.c.resolved_at.is_(None))
        .group_by(*columns)
        .order_by(func.count().desc(), quarantine.c.fingerprint)
    )
    return [Failure(**row._mapping) for row in connection.execute(statement)]


def reprocess(store: Store, bus: Bus, *, fingerprint: str | None, one: UUID | None, actor: str) -> int:
    """Send waiting messages through the walk again from the start, oldest first; returns how many.

    What fails again comes back here. The row is closed only once the message is safe on the bus.

    Raises:
        RefusedError: a message cannot be sent again as it is, or nothing waits under that name.
        TransientError: the bus or the store is away; what was not sent still waits.
    """
    statement = select(quarantine).where(quarantine.c.resolved_at.is_(None)).order_by(quarantine.c.created_at)
    if one is not None:
        statement = statement.where(quarantine.c.id == one)
    elif fingerprint is not None:
        statement = statement.where(quarantine.c.fingerprint == fingerprint)
    with store.transaction() as connection:
        rows = connection.execute(statement).all()
    if not rows:
        raise RefusedError("quarantine: nothing waits under that id or fingerprint; see 'onevoice quarantine list'")
    for row in rows:
        try:
            envelope = parse_envelope(row.body, routing_key=f"{row.system}.{row.stream}", user_id=None, urgent=False)
        except RecordError as error:
            raise RefusedError(f"quarantine {row.id}: cannot be sent again as it is ({error})") from None
        bus.publish_records([envelope])
        with store.transaction() as connection:
            connection.execute(
                update(quarantine)
                .where(quarantine.c.id == row.id, quarantine.c.attempts == row.attempts)  # else it failed again already
                .values(resolved_at=datetime.now(UTC), resolution=f"reprocessed by {actor}")
            )
    return len(rows)
