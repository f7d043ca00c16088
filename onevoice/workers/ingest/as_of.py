"""The day as of which golden records hold: stored, and moved by the clock's sweep, never by who reads.

Takes records with dates of validity, gives the days on which something of them begins or ends. The rules: values follow
from the stored day alone, so moving it in one step or in many ends alike; it is stored before the customers follow, and
how far they have followed beside it, so that a move that was cut is finished by the next one.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.master import turning_days
from onevoice.store import INGEST, Store, delete_by_keys, keep_out, rows_by_keys, upsert
from onevoice.store.tables import source_record, turning_day
from onevoice.workers.clock_mark import mark, marked
from onevoice.workers.ingest.record import Record

AS_OF, FOLLOWED = "golden records as of", "golden records followed"
PAGE = 500


class Aging(Protocol):
    """What brings customers up to the stored day."""

    def age(self, connection: Connection, customers: Sequence[UUID]) -> None:
        """Merge the customers anew, and tell and oblige what comes of it; the caller keeps ingest out."""


def as_of(connection: Connection) -> date:
    """Return the stored day; in a store that never had one nothing has begun yet."""
    found = marked(connection, AS_OF)
    return found.date() if found is not None else date.min


def begin_as_of(store: Store, today: date) -> None:
    """Store a first day, where there is none."""
    with store.transaction() as connection:
        if marked(connection, AS_OF) is None:
            mark(connection, AS_OF, _midnight(today))


def note_turning_days(connection: Connection, records: Iterable[Record]) -> None:
    """Note on which days something of the records begins or ends; most have no dates and cost nothing."""
    now = {r.id: () if r.deleted else turning_days(r.canonical) for r in records}
    dated = [r.id for r in records if now[r.id] or (r.stored is not None and turning_days(r.stored.canonical))]
    delete_by_keys(connection, turning_day, key=("record_id",), keys=dated)
    rows = [{"record_id": i, "day": day.isoformat()} for i in dated for day in now[i]]
    upsert(connection, turning_day, rows, key=["record_id", "day"])


def move_as_of(store: Store, ingest: Aging, to: date) -> int:
    """Move the stored day forward and let the customers follow; returns how many records turned.

    Raises:
        TransientError: the store is away; the next move finishes this one.
    """
    with store.transaction() as connection:
        keep_out(connection, INGEST)
        followed = marked(connection, FOLLOWED)
        day = max(as_of(connection), to)
        if followed is not None and followed.date() >= day:
            return 0
        mark(connection, AS_OF, _midnight(day))
        turned = _turned(connection, followed.date() if followed is not None else date.min, day)
    for start in range(0, len(turned), PAGE):
        with store.transaction() as connection:
            keep_out(connection, INGEST)
            ingest.age(connection, _customers(connection, turned[start : start + PAGE]))
    with store.transaction() as connection:
        mark(connection, FOLLOWED, _midnight(day))
    return len(turned)


def _turned(connection: Connection, after: date, until: date) -> list[UUID]:
    day = turning_day.c.day
    between = (day > after.isoformat()) & (day <= until.isoformat())
    statement = select(turning_day.c.record_id).where(between).distinct().order_by(turning_day.c.record_id)
    return list(connection.execute(statement).scalars())


def _customers(connection: Connection, records: Sequence[UUID]) -> list[UUID]:
    rows = rows_by_keys(
        connection, source_record, [source_record.c.customer_id], key=["id"], keys=[(i,) for i in records]
    )
    return sorted({row.customer_id for row in rows if row.customer_id is not None})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
