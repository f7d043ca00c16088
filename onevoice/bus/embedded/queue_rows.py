"""The rows behind the embedded queues: add, hand out under a lease, renew, forget, give back.

A row that is out carries `leased_until` and its count of hand-outs. That count is the fence: only who still holds the
row at the same count may renew, forget or give it back.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from onevoice.bus.topology import QUARANTINE_QUEUE
from onevoice.errors import TransientError
from onevoice.store import Store
from onevoice.store.tables import queue_message as rows

LEASE_SECONDS = 5.0

_COUNT_FREE = (
    "select count(*) from (select 1 from queue_message"
    " where queue = ? and (leased_until is null or leased_until < ?) limit ?)"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """One row that is out."""

    id: int
    deliveries: int


_mine = (rows.c.id == bindparam("row_id"), rows.c.deliveries == bindparam("row_deliveries"))
_forget = delete(rows).where(*_mine)
_release = update(rows).where(*_mine).values(leased_until=None)
_renew = update(rows).where(*_mine).values(leased_until=bindparam("until"))
_lease = update(rows).where(rows.c.id == bindparam("row_id")).values(
    leased_until=bindparam("until"), deliveries=rows.c.deliveries + 1
)  # fmt: skip


def add(connection: Connection, messages: Sequence[tuple[str, str, bytes]]) -> None:
    """Append (queue, routing key, body) messages in their order."""
    connection.execute(
        insert(rows),
        [
            {"queue": queue, "headers": {"routing_key": key}, "body": body, "deliveries": 0}
            for queue, key, body in messages
        ],
    )


def lease(connection: Connection, queue: str, limit: int) -> list[Any]:
    """Hand out the oldest free rows of a queue; gives (id, headers, body, deliveries before)."""
    now = datetime.now(UTC)
    found = connection.execute(
        select(rows.c.id, rows.c.headers, rows.c.body, rows.c.deliveries)
        .where(rows.c.queue == queue, or_(rows.c.leased_until.is_(None), rows.c.leased_until < now))
        .order_by(rows.c.id)
        .limit(limit)
    ).all()
    if found:
        until = now + timedelta(seconds=LEASE_SECONDS)
        connection.execute(_lease, [{"row_id": row.id, "until": until} for row in found])
    return list(found)


def quarantine(connection: Connection, found: Iterable[Any], reason: str) -> None:
    """Move rows to the quarantine queue, freed and counted from nought."""
    for row in found:
        connection.execute(
            update(rows)
            .where(rows.c.id == row.id)
            .values(
                queue=QUARANTINE_QUEUE,
                headers=row.headers | {"dead_letter_reason": reason},
                deliveries=0,
                leased_until=None,
            )
        )


def forget(connection: Connection, leases: Iterable[Lease]) -> None:
    """Delete rows that are still held."""
    _each(connection, _forget, leases, {})


def release(connection: Connection, leases: Iterable[Lease]) -> None:
    """Free rows that are still held; they keep their place in the queue."""
    _each(connection, _release, leases, {})


def renew(connection: Connection, leases: Iterable[Lease]) -> None:
    """Hold rows for another lease time."""
    _each(connection, _renew, leases, {"until": datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)})


def bytes_in(connection: Connection, queue: str) -> int:
    """Return the bytes of all bodies in a queue."""
    found = connection.scalar(select(func.coalesce(func.sum(func.length(rows.c.body)), 0)).where(rows.c.queue == queue))
    return int(found or 0)


def count_free(store: Store, queue: str, *, at_most: int) -> int:
    """Count rows that could be handed out now, without taking the write lock that every transaction of ours takes.

    Raises:
        TransientError: the database did not answer.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        with closing(store.engine.raw_connection()) as raw:
            cursor = raw.cursor()
            cursor.execute(_COUNT_FREE, (queue, now, at_most))
            (count,) = cursor.fetchall()[0]
            return int(count)
    except sqlite3.OperationalError as error:
        raise TransientError("store: OperationalError; the work is tried again") from error


def _each(connection: Connection, statement: Any, leases: Iterable[Lease], extra: Mapping[str, object]) -> None:
    parameters = [{"row_id": one.id, "row_deliveries": one.deliveries, **extra} for one in leases]
    if parameters:
        connection.execute(statement, parameters)
