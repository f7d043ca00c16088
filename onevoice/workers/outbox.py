"""The outbox of events: written in the transaction of the change itself, emptied when the broker has confirmed.

One row holds all events of a transaction. The one rule: a row goes only after its events are confirmed, so each is
published at least once; a repeat has the same id.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, delete, insert, select

from onevoice.messages import Event, Json
from onevoice.store.tables import event_outbox


def event(kind: str, subject: object, data: Json, *, now: datetime) -> Event:
    """Return a new event."""
    return Event(id=uuid_utils.uuid7(), type=kind, subject=str(subject), time=now, data=data)


def tell(connection: Connection, events: Iterable[Event]) -> None:
    """Put events into the outbox, to be published once the caller's transaction has committed."""
    rows = [[str(e.id), e.type, e.subject, e.time.isoformat(), e.data] for e in events]
    if rows:
        connection.execute(insert(event_outbox).values(events=rows))


def waiting(connection: Connection, *, limit: int) -> tuple[list[int], list[Event]]:
    """Return the numbers of the oldest rows and their events, in order."""
    rows = connection.execute(select(event_outbox).order_by(event_outbox.c.id).limit(limit)).all()
    events = [
        Event(id=UUID(one[0]), type=one[1], subject=one[2], time=datetime.fromisoformat(one[3]), data=one[4])
        for row in rows
        for one in row.events
    ]
    return [row.id for row in rows], events


def forget(connection: Connection, numbers: Collection[int]) -> None:
    """Take out rows whose events are confirmed."""
    connection.execute(delete(event_outbox).where(event_outbox.c.id.in_(numbers)))
