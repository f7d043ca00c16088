"""What counts only once it is confirmed from the contact point itself: a yes (double opt-in), a new contact point.

The one rule: the link to confirm travels to the point and nowhere else. The hub sends nothing itself: whoever sends for
the company hears `confirmation.requested`, and a look at the link changes nothing.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, Row, func, select, update

from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.store.tables import confirmation
from onevoice.workers.links import CONFIRM, Signing
from onevoice.workers.outbox import event, tell

VALID = timedelta(days=3)
MOST_A_DAY = 3
"""Messages to one point: a page must not become a way to flood somebody else's."""


class FloodedError(RefusedError):
    """A point was written to often enough today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a link to confirm is about. `kind` is "grant" or "point"; `purpose` belongs to a grant.

    Attributes:
        language: of whose record it is, as far as it is known.
    """

    id: UUID
    kind: str
    record_id: UUID
    point: str
    channel: str
    purpose: str | None
    evidence: Json
    confirmed_at: datetime | None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToConfirm:
    """What is to be confirmed, and from which point; without a purpose it is the point itself."""

    record_id: UUID
    point: str
    channel: str
    purpose: str | None = None
    evidence: Json = field(default_factory=dict)


def request(connection: Connection, signing: Signing, wanted: ToConfirm, language: str | None, now: datetime) -> None:
    """Keep what is to be confirmed and tell whoever sends.

    Raises:
        FloodedError: the point was written to often enough today.
        RefusedError: customers cannot reach the hub.
    """
    if not signing.base:
        raise RefusedError("confirmation: api.public_url is not set, so that no link can be sent")
    today = select(func.count()).where(
        confirmation.c.point == wanted.point, confirmation.c.made_at > now - timedelta(days=1)
    )
    if connection.execute(today).scalar_one() >= MOST_A_DAY:
        raise FloodedError(
            "confirmation: messages enough were sent there today; look there, or try tomorrow; all else that was said "
            "is kept"
        )
    number, until = uuid_utils.uuid7(), now + VALID
    kind = "point" if wanted.purpose is None else "grant"
    row = {"id": number, "kind": kind, "made_at": now, "expires_at": until, **asdict(wanted)}
    connection.execute(confirmation.insert().values(row))
    told = {
        "confirmation": str(number),
        "kind": kind,
        "channel": wanted.channel,
        "point": wanted.point,
        "purpose": wanted.purpose,
        "language": language,
        "link": signing.url(CONFIRM, number, until=until),
        "expires_at": until.isoformat(),
    }
    tell(connection, [event("confirmation.requested", number, told, now=now)])


def load(connection: Connection, number: UUID) -> Confirmed:
    """Return one, and hold it to the end of the transaction.

    Raises:
        RefusedError: there is none.
    """
    row = connection.execute(select(confirmation).where(confirmation.c.id == number).with_for_update()).one_or_none()
    if row is None:
        raise RefusedError("link: nothing waits to be confirmed under it any more")
    return _of(row)


def mark(connection: Connection, number: UUID, now: datetime) -> None:
    """Note that it was confirmed."""
    connection.execute(update(confirmation).where(confirmation.c.id == number).values(confirmed_at=now))


def waiting(connection: Connection, records: Collection[UUID], now: datetime) -> list[Confirmed]:
    """Return what waits to be confirmed for any of the records."""
    statement = select(confirmation).where(
        confirmation.c.record_id.in_(list(records)),
        confirmation.c.confirmed_at.is_(None),
        confirmation.c.expires_at > now,
    )
    return [_of(row) for row in connection.execute(statement)]


def _of(row: Row[Any]) -> Confirmed:
    return Confirmed(
        id=row.id,
        kind=row.kind,
        record_id=row.record_id,
        point=row.point,
        channel=row.channel,
        purpose=row.purpose,
        evidence=row.evidence,
        confirmed_at=row.confirmed_at,
    )
