"""Recovery: what must be done once after the store was put back to an older state, before the hub runs again.

Then the systems and the broker are ahead of the store: records are there that it has not, and some of what it believes
to owe was done. The one rule: nothing is made in a system on the word of the store alone. What was owed to be made
counts as begun, so that it is looked up, repeated under its reference, or left to a person as in doubt; and nothing new
is made before its stream was read once more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select, update

from onevoice.errors import OnevoiceError, RefusedError
from onevoice.obligations import release_all
from onevoice.store.tables import lease, stream_state, worker
from onevoice.workers.door import records_waiting
from onevoice.workers.hub import Hub
from onevoice.workers.status import FRESH

FENCES_LOST = 1_000_000
"""So many holders a lease may have had since the state that was put back; one of then must not commit now."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemAhead:
    """What one system had that the store had not.

    Attributes:
        read: records that were read from the older cursors on.
        news: those that are new or changed to the store, and are on the bus now.
        creations: records owed to be made there that may have been made already.
        pushed: streams that cannot be read again; their sender must push what came in between once more.
        trouble: why not all was read; 'onevoice sync' goes on there.
    """

    system: str
    read: int
    news: int
    creations: int
    pushed: tuple[str, ...]
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was found.

    Attributes:
        waiting: messages that the broker holds for the store.
        taken_on: obligations that were under way in the state that was put back; they are due again.
    """

    waiting: int
    taken_on: int
    systems: tuple[SystemAhead, ...]


def recover(hub: Hub, *, progress: Progress | None = None) -> Recovery:
    """Put the store in order with what went on without it; may be repeated.

    Raises:
        RefusedError: a worker is alive; it would write on what the older state says.
        TransientError: the store or the broker is away; begin again.
    """
    now = datetime.now(UTC)
    waiting = records_waiting(hub.bus)
    with hub.store.transaction() as connection:
        _refuse_while_alive(connection, now)
        connection.execute(update(lease).values(fence=lease.c.fence + FENCES_LOST, holder="", expires_at=now))
        connection.execute(update(stream_state).values(succeeded_at=None))  # nothing is made before the next full read
        taken_on = release_all(connection, now=now)
    begun = {system: hub.delivery.creating.assume_begun(system) for system in hub.config.systems}
    systems = tuple(_read_anew(hub, system, begun[system], progress) for system in hub.config.systems)
    return Recovery(waiting=waiting, taken_on=taken_on, systems=systems)


def _refuse_while_alive(connection: Connection, now: datetime) -> None:
    alive = select(worker.c.name).where(worker.c.heartbeat_at > now - FRESH, worker.c.role.not_in(["", "api"]))
    found = connection.execute(alive.order_by(worker.c.name).limit(1)).scalar()
    if found is not None:
        raise RefusedError(
            f"recover: worker {found} is alive, or was so just before the state that was put back; stop every "
            f"'onevoice run', wait {FRESH.total_seconds():.0f} s, then run this again"
        )


def _read_anew(hub: Hub, system: str, creations: int, progress: Progress | None) -> SystemAhead:
    read = news = 0
    trouble = None
    streams = hub.catalog.streams_of(system)
    for stream in streams:
        if stream.polled:
            try:
                report = hub.sync.sync(system, stream.name, progress=progress)
            except OnevoiceError as error:
                trouble = trouble or str(error)
            else:
                read, news = read + report.read, news + report.published
    pushed = tuple(stream.name for stream in streams if not stream.polled)
    return SystemAhead(system=system, read=read, news=news, creations=creations, pushed=pushed, trouble=trouble)
