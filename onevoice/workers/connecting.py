"""A system that comes, and one that goes.

One that comes is read whole and linked while nothing may be written into it: its parking holds all that it is owed.
What that is can be looked at; then it is written at a rate that the system can bear. Of one that goes, the obligations
end, and a person says whether what it said stands or is withdrawn.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, func, select

from onevoice.bus import RECORDS_QUEUE, URGENT_QUEUE
from onevoice.errors import ConfigurationError, OperatorError
from onevoice.messages import Lane, SourceRecord
from onevoice.obligations import forget_system, spread
from onevoice.store.tables import quarantine, reading, source_record, stream_state
from onevoice.store.tables import worker as worker_table
from onevoice.workers.hub import Hub
from onevoice.workers.loops import Loops
from onevoice.workers.status import FRESH

HELD = "is being added: what it is owed is held until 'onevoice system add' writes it"
GONE = "is removed: take its table out of onevoice.toml"
STILL_SECONDS = 5.0
PAGE = 500
_POLL_SECONDS = 0.05

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What would be written into a system.

    Attributes:
        fields: (stream, lane, field) -> in how many records.
        entries: list -> how many entries.
        creates: stream -> how many records that it lacks.
    """

    fields: Counter[tuple[str, Lane, str]]
    entries: Counter[str]
    creates: Counter[str]


def hold(hub: Hub, system: str) -> None:
    """Keep back all that the system is owed from now on.

    Raises:
        ConfigurationError: it is connected already.
    """
    with hub.store.transaction() as connection:
        read = connection.execute(
            select(func.count()).where(stream_state.c.system == system, stream_state.c.succeeded_at.is_not(None))
        ).scalar_one()
    if read and hub.systems.parked_for(system) != HELD:
        raise ConfigurationError(f"system {system} is connected already; see 'onevoice status'")
    hub.systems.park(system, HELD)


def taken_in(hub: Hub, system: str, progress: Progress) -> int:
    """Wait until what was read of a system is linked or set aside; returns how many records are neither.

    Where no process takes records in, this one does meanwhile.
    """
    return _waited(hub, lambda: _not_taken(hub, system), progress)


def outlook(hub: Hub, system: str) -> Outlook:
    """Return what the system is owed at this moment, field by field, and how many records would be made in it."""
    for one in hub.catalog.streams_of(system):
        hub.sync.lacking.owe(system, one.name)
    found = Outlook(fields=Counter(), entries=Counter(), creates=Counter(hub.delivery.creating.outlook(system)))
    for stream, lane, names in hub.delivery.outlook(system):
        found.fields.update((stream, lane, name) for name in names)
        if not names:
            found.entries[stream] += 1
    return found


def write(hub: Hub, system: str, *, per_second: float) -> int:
    """Let the system be written, suppressions at once and records at a rate; returns how many records that are."""
    with hub.store.transaction() as connection:
        count = spread(connection, system, now=datetime.now(UTC), per_second=per_second)
    hub.systems.resume(system)
    return count


def remove(hub: Hub, system: str, *, withdraw: bool, progress: Progress) -> tuple[int, int]:
    """End a system: no contact any more, no obligations. Returns the records withdrawn and the obligations closed.

    Args:
        withdraw: what it said counts as deleted there: its claims leave the golden records, its acts stand. Else all
            that it said stands as it was last.

    Raises:
        OperatorError: records are still not withdrawn; call it again.
    """
    hub.systems.park(system, GONE)
    withdrawn = _withdrawn(hub, system, progress) if withdraw else 0
    with hub.store.transaction() as connection:
        closed = forget_system(connection, system)
        connection.execute(delete(stream_state).where(stream_state.c.system == system))  # it may be added anew
    return withdrawn, closed


def _withdrawn(hub: Hub, system: str, progress: Progress) -> int:
    count = 0
    for rows in _standing(hub, system):
        gone = [
            SourceRecord(stream=stream, key=key.partition("#")[0], version=sequence, data=None, deleted=True)
            for stream, key, sequence in rows
        ]
        hub.door.publish(system, list({(one.stream, one.key): one for one in gone}.values()))
        count += len(rows)
    left = _waited(hub, lambda: _count_standing(hub, system), progress)
    if left:
        raise OperatorError(
            f"system {system}: {left} record(s) are not withdrawn yet; see 'onevoice status', then again"
        )
    return count


def _standing(hub: Hub, system: str) -> Iterator[list[tuple[str, str, str]]]:
    after = ("", "")
    own = source_record.c
    while True:
        statement = (
            select(own.stream, own.key, own.sequence)
            .where(own.system == system, own.deleted.is_(False))
            .where((own.stream > after[0]) | ((own.stream == after[0]) & (own.key > after[1])))
            .order_by(own.stream, own.key)
            .limit(PAGE)
        )
        with hub.store.transaction() as connection:
            rows = [(row.stream, row.key, row.sequence) for row in connection.execute(statement)]
        if not rows:
            return
        yield rows
        after = rows[-1][:2]


def _count_standing(hub: Hub, system: str) -> int:
    statement = select(func.count()).where(source_record.c.system == system, source_record.c.deleted.is_(False))
    with hub.store.transaction() as connection:
        return int(connection.execute(statement).scalar_one())


def _not_taken(hub: Hub, system: str) -> int:
    """Return how many records were read and are neither stored nor set aside."""
    with hub.store.transaction() as connection:
        read, *found = (
            {
                (row.stream, row.key.partition("#")[0])
                for row in connection.execute(select(table.c.stream, table.c.key).where(table.c.system == system))
            }
            for table in (reading, source_record, quarantine)
        )
        return len(read.difference(*found))


def _waited(hub: Hub, left: Callable[[], int], progress: Progress) -> int:
    """Return what is left at the end: nothing, or what did not become less while nothing waited on the bus."""
    with _taking_in(hub):
        before = left()
        still_since = time.monotonic()
        while before and time.monotonic() - still_since < STILL_SECONDS:
            time.sleep(_POLL_SECONDS)
            now = left()
            if now < before or any(hub.bus.depth(queue) for queue in (RECORDS_QUEUE, URGENT_QUEUE)):
                still_since = time.monotonic()
            progress(before - now)
            before = now
    return before


@contextmanager
def _taking_in(hub: Hub) -> Iterator[None]:
    """Take records in for a while, unless somebody else does."""
    fresh = datetime.now(UTC) - FRESH
    with hub.store.transaction() as connection:
        roles = connection.execute(select(worker_table.c.role).where(worker_table.c.heartbeat_at > fresh)).scalars()
        served = any("ingest" in role.split(",") for role in roles)
    if served:
        yield
        return
    loops = Loops(hub)
    loops.start(frozenset({"ingest"}))
    try:
        yield
    finally:
        loops.join()
