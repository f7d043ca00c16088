"""Where bad records wait, whole, with the reason; and how they come back after a fix."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, update

from onevoice.bus import Delivery, parse_envelope
from onevoice.errors import OnevoiceError, RecordError, RefusedError, TransientError
from onevoice.sdk.throttle import Throttle
from onevoice.store import Store
from onevoice.store.tables import quarantine
from onevoice.workers import door_check, webhook
from onevoice.workers.hub import Hub
from onevoice.workers.ingest.set_aside import keep, quarantine_row
from onevoice.workers.replay import Preview, preview_rows

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reprocessed:
    """What became of a second try.

    Attributes:
        count: messages that are on their way again.
        skipped: those that cannot be sent again as they are; they go on waiting.
        reasons: why, the most frequent first.
    """

    count: int
    skipped: int
    reasons: tuple[str, ...]


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


def preview(hub: Hub, *, fingerprint: str | None, one: UUID | None) -> list[Preview]:
    """Return what would become of waiting messages if they were sent again now, in that order; changes nothing.

    Raises:
        RefusedError: nothing waits under that name.
        TransientError: the store is away.
    """
    found: list[Preview] = []
    for row_id in _asked_for(hub.store, fingerprint, one):
        row = _row(hub.store, row_id)
        found += preview_rows(hub.store, hub.ingest, [row]) if row is not None else []
    return found


def reprocess(
    hub: Hub,
    *,
    fingerprint: str | None,
    one: UUID | None,
    actor: str,
    reason: str | None = None,
    per_second: float | None = None,
) -> Reprocessed:
    """Send waiting messages through the walk again from the start, oldest first.

    What fails again comes back here; what cannot be sent as it is goes on waiting and holds up nothing. A row is closed
    only once its message is safe on the bus. Each goes under the id that it had, by which the ledger has it: whoever
    sends it twice changes nothing by it.

    Args:
        reason: why, for the record.
        per_second: so many at most; None: as many as the bus takes.

    Raises:
        RefusedError: nothing waits under that name.
        TransientError: the bus or the store is away; what was not sent still waits.
    """
    waiting = _asked_for(hub.store, fingerprint, one)
    throttle, said = Throttle(per_second), f"reprocessed by {actor}" + (f": {reason}" if reason else "")
    count, reasons = 0, Counter[str]()
    for row_id in waiting:
        row = _row(hub.store, row_id)
        if row is None:
            continue  # somebody else was quicker
        throttle.wait()
        try:
            _send(hub, row)
        except TransientError:
            raise
        except OnevoiceError as error:
            reasons[str(error)] += 1
        except Exception as error:  # noqa: BLE001 - a connector's defect over one row must not hold up the others
            reasons[f"defect in the connector or the hub: {type(error).__name__}"] += 1
        else:
            _close(hub.store, row, said)
            count += 1
    named = tuple(reason for reason, _ in reasons.most_common())
    return Reprocessed(count=count, skipped=reasons.total(), reasons=named)


def _asked_for(store: Store, fingerprint: str | None, one: UUID | None) -> list[UUID]:
    waiting = _waiting(store, fingerprint, one)
    if not waiting:
        raise RefusedError("quarantine: nothing waits under that id or fingerprint; see 'onevoice quarantine list'")
    return waiting


def _waiting(store: Store, fingerprint: str | None, one: UUID | None) -> list[UUID]:
    statement = select(quarantine.c.id).where(quarantine.c.resolved_at.is_(None)).order_by(quarantine.c.created_at)
    if one is not None:
        statement = statement.where(quarantine.c.id == one)
    elif fingerprint is not None:
        statement = statement.where(quarantine.c.fingerprint == fingerprint)
    with store.transaction() as connection:
        return list(connection.execute(statement).scalars())


def _row(store: Store, row_id: UUID) -> Row[Any] | None:
    statement = select(quarantine).where(quarantine.c.id == row_id, quarantine.c.resolved_at.is_(None))
    with store.transaction() as connection:
        return connection.execute(statement).one_or_none()


def _send(hub: Hub, row: Row[Any]) -> None:
    if row.step == door_check.STEP:
        raise RecordError("it never came to the bus: correct the record in its system and read it again")
    if row.step == webhook.STEP:
        webhook.replay_webhook(hub, row.system, row.headers or {}, row.body)
        return
    routing_key = f"{row.system}.{row.stream}"
    envelope = parse_envelope(row.body, routing_key=routing_key, user_id=row.user_id, urgent=False)
    urgent = hub.catalog.is_urgent(row.system, row.stream, envelope.data)
    hub.bus.publish_records([replace(envelope, urgent=urgent)])


def _close(store: Store, row: Row[Any], said: str) -> None:
    with store.transaction() as connection:
        connection.execute(
            update(quarantine)
            .where(quarantine.c.id == row.id, quarantine.c.attempts == row.attempts)  # else it failed again already
            .values(resolved_at=datetime.now(UTC), resolution=said)
        )
