"""How the hub is: its systems, what waits, what is owed, who works. Counts, names and times; no record's contents.

Takes a configuration and asks store and bus; what does not answer is said, not raised, so that there is always a
status.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from onevoice.bus import QUARANTINE_QUEUE, RECORDS_QUEUE, URGENT_QUEUE, Bus, open_bus, work_queue
from onevoice.config import Config, reveal
from onevoice.errors import OperatorError, TransientError
from onevoice.identity import Model
from onevoice.obligations.ledger import backlog
from onevoice.store import Store, open_store
from onevoice.store.tables import customer as customer_table
from onevoice.store.tables import quarantine, source_record, stream_state, system_state
from onevoice.store.tables import worker as worker_table
from onevoice.workers.catalog import Catalog, load_catalog
from onevoice.workers.drift import drift_counts
from onevoice.workers.hub import topology_of
from onevoice.workers.model import load_model
from onevoice.workers.rejudge import Rejudging, latest, outdated

FRESH = timedelta(seconds=20)
"""A worker whose last heartbeat is older is taken for dead."""
SHOWN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What one system is owed on one lane; `state` is due, sent, in_doubt or refused."""

    lane: str
    state: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """One stream; `read_at` is the end of its last complete read, None for one that pushes or was never read."""

    name: str
    polled: bool
    read_at: datetime | None
    reconciled_at: datetime | None
    published: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """One system.

    Attributes:
        state: reachable, failing, parked, or unknown as long as nothing was tried.
        reason: why it is failing or parked.
        backlog: messages of its lanes that wait on the bus.
        drift: in how many ways its records are not what its schemas say.
    """

    name: str
    title: str
    connector: str
    state: str
    reason: str | None
    last_contact_at: datetime | None
    failures: int
    backlog: int | None
    quarantined: int
    drift: int
    streams: tuple[StreamStatus, ...]
    owed: tuple[Owed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """One process; `alive` when its heartbeat is fresh."""

    name: str
    roles: tuple[str, ...]
    heartbeat_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingStatus:
    """The model that says who is who.

    Attributes:
        model: its version.
        outdated: some records were judged by another one.
        rejudging: the last change of the model on its way to all records, if there was any.
    """

    model: str
    outdated: bool
    rejudging: Rejudging | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubStatus:
    """All of it at one moment.

    Attributes:
        bus: `ok`, or why it does not answer; `queues` is empty then.
        queues: queue -> messages that wait.
    """

    at: datetime
    name: str
    stack: str
    bus: str
    queues: dict[str, int]
    records: int
    customers: int
    quarantined: int
    matching: MatchingStatus
    systems: tuple[SystemStatus, ...]
    workers: tuple[WorkerStatus, ...]

    @property
    def working(self) -> bool:
        """Whether what comes in is taken in and what is owed is delivered."""
        roles = {role for worker in self.workers if worker.alive for role in worker.roles}
        return {"ingest", "relay", "delivery"} <= roles


def read_status(config: Config) -> HubStatus:
    """Open store and bus, look, and close them.

    Raises:
        ConfigurationError: a setting is wrong.
        TransientError: the store is away.
    """
    catalog = load_catalog(config)
    store = open_store(reveal(config.store_url))
    try:
        if store.dialect == "sqlite":
            store.create_tables()
        with ExitStack() as open_things:
            bus, trouble = None, ""
            try:
                bus = open_bus(reveal(config.bus_url), store, topology_of(config, catalog))
                open_things.callback(bus.close)
            except (TransientError, OperatorError) as error:
                trouble = str(error)
            return status_of(config, catalog, store, bus, trouble=trouble)
    finally:
        store.close()


def status_of(config: Config, catalog: Catalog, store: Store, bus: Bus | None, *, trouble: str = "") -> HubStatus:
    """Return the status as store and bus have it now.

    Raises:
        TransientError: the store is away.
    """
    now = datetime.now(UTC)
    queues, said = _queues(catalog, bus, trouble)
    with store.transaction() as connection:
        owed = backlog(connection)
        waiting = _waiting(connection)
        return HubStatus(
            at=now,
            name=config.name,
            stack="embedded" if config.embedded else "rabbitmq",
            bus=said,
            queues=queues,
            records=_count(connection, source_record),
            customers=_count(connection, customer_table),
            quarantined=sum(waiting.values()),
            matching=_matching(connection, load_model(config)),
            systems=tuple(_systems(connection, catalog, owed, waiting, queues)),
            workers=tuple(_workers(connection, now)),
        )


def _matching(connection: Connection, model: Model) -> MatchingStatus:
    return MatchingStatus(model=model.version, outdated=outdated(connection, model), rejudging=latest(connection))


def _queues(catalog: Catalog, bus: Bus | None, trouble: str) -> tuple[dict[str, int], str]:
    if bus is None:
        return {}, trouble
    names = [URGENT_QUEUE, RECORDS_QUEUE, QUARANTINE_QUEUE, *(work_queue(s, lane) for s, lane in catalog.lanes())]
    try:
        return {name: bus.depth(name) for name in names}, "ok"
    except TransientError as error:
        return {}, str(error)


def _systems(
    connection: Connection, catalog: Catalog, owed: Iterable[Any], waiting: dict[str, int], queues: dict[str, int]
) -> Iterable[SystemStatus]:
    states = {row.system: row for row in connection.execute(select(system_state))}
    drifted = drift_counts(connection, catalog)
    streams = {(row.system, row.stream): row for row in connection.execute(select(stream_state))}
    owed = list(owed)
    for name, system in catalog.systems.items():
        row = states.get(name)
        lanes = [work_queue(s, lane) for s, lane in catalog.lanes() if s == name]
        yield SystemStatus(
            name=name,
            title=system.title,
            connector=system.connector,
            state=_state(row),
            reason=(row.reason or row.last_error) if row is not None and (row.parked or row.failures) else None,
            last_contact_at=row.last_contact_at if row else None,
            failures=row.failures if row else 0,
            backlog=sum(queues[lane] for lane in lanes) if queues else None,
            quarantined=waiting.get(name, 0),
            drift=drifted.get(name, 0),
            streams=tuple(_stream(s.name, s.polled, streams.get((name, s.name))) for s in catalog.streams_of(name)),
            owed=tuple(
                Owed(lane=o.lane, state=o.state, count=o.count, oldest=_aware(o.oldest))
                for o in owed
                if o.system == name
            ),
        )


def _state(row: Any) -> str:
    if row is None:
        return "unknown"
    if row.parked:
        return "parked"
    return "failing" if row.failures else "reachable"


def _stream(name: str, polled: bool, row: Any) -> StreamStatus:
    return StreamStatus(
        name=name,
        polled=polled,
        read_at=row.succeeded_at if row else None,
        reconciled_at=row.reconciled_at if row else None,
        published=row.records_published if row else 0,
    )


def _workers(connection: Connection, now: datetime) -> Iterable[WorkerStatus]:
    statement = select(worker_table).where(worker_table.c.heartbeat_at > now - SHOWN).order_by(worker_table.c.name)
    for row in connection.execute(statement):
        yield WorkerStatus(
            name=row.name,
            roles=tuple(role for role in row.role.split(",") if role),
            heartbeat_at=row.heartbeat_at,
            alive=now - row.heartbeat_at < FRESH,
        )


def _waiting(connection: Connection) -> dict[str, int]:
    statement = (
        select(quarantine.c.system, func.count())
        .where(quarantine.c.resolved_at.is_(None))
        .group_by(quarantine.c.system)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def _count(connection: Connection, table: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _aware(moment: datetime | str) -> datetime:
    """An aggregate loses the column's type on SQLite, where times are text."""
    return datetime.fromisoformat(moment) if isinstance(moment, str) else moment
