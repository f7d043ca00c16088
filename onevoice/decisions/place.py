"""Places: with how many conversations everybody is busy, so that nobody is given more than they take at once.

Takes a connection whose transaction the caller ends. The one rule: a place is a row, and taking it is one conditional
statement, so that no two decisions take the same; one whose end nobody reports is free again by its time.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from onevoice.store.tables import route_place
from onevoice.store.types import UtcDateTime

PLACES: Select[Any] = (
    select(route_place.c.target, route_place.c.channel, func.count().label("taken"))
    .where(route_place.c.until > bindparam("now", type_=UtcDateTime()))
    .group_by(route_place.c.target, route_place.c.channel)
)
"""The places that are taken, to be gathered with other parts; see `taken_from`."""
_KEY = ("target", "channel", "slot")


def taken_places(connection: Connection, now: datetime) -> tuple[tuple[str, str, int], ...]:
    """Return (target, channel, how many) of all places that are taken, in their order."""
    return taken_from(connection.execute(PLACES, {"now": now}))


def taken_from(rows: Iterable[Any]) -> tuple[tuple[str, str, int], ...]:
    """Return (target, channel, how many) of the rows that `PLACES` gathered, in their order."""
    return tuple(sorted((row.target, row.channel, row.taken) for row in rows))


def take_place(
    connection: Connection, target: str, channel: str, *, most: int, decision: UUID, now: datetime, until: datetime
) -> bool:
    """Take one of the `most` places that a target has on a channel; returns whether there was one."""
    place = route_place.c
    busy = select(place.slot).where(place.target == target, place.channel == channel, place.until > now)
    taken = set(connection.execute(busy).scalars())
    for slot in range(1, most + 1):
        if slot in taken:
            continue
        row = {"target": target, "channel": channel, "slot": slot, "decision_id": decision, "until": until}
        if connection.execute(_taking(connection, row, now)).one_or_none() is not None:
            return True
    return False


def free_place(connection: Connection, decision: UUID, now: datetime) -> bool:
    """Give back what a decision took; returns whether it still had a place."""
    place = route_place.c
    ended = update(route_place).where(place.decision_id == decision, place.until > now).values(until=now)
    return connection.execute(ended).rowcount > 0


def _taking(connection: Connection, row: dict[str, Any], now: datetime) -> Any:
    insert: Any = (postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert)(route_place)
    free = route_place.c.until <= now
    changed = {name: insert.excluded[name] for name in row if name not in _KEY}
    taking = insert.values(row).on_conflict_do_update(index_elements=list(_KEY), set_=changed, where=free)
    return taking.returning(route_place.c.slot)
