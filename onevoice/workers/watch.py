"""Is one system well? What the `watch__*` DAGs and any monitor ask: each measure with its limit.

Takes a hub, gives checks. The one rule: what cannot be measured is not well, and no check holds a record's contents.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from onevoice.errors import RefusedError, TransientError
from onevoice.store.tables import obligation, stream_state, system_state
from onevoice.store.tables import worker as worker_table
from onevoice.workers.door import MOST_WAITING, records_waiting
from onevoice.workers.hub import Hub
from onevoice.workers.status import FRESH

_POLLS_MISSED = 3
_ROLES = ("ingest", "relay", "delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One measure.

    Attributes:
        value: None where there is nothing to measure it on.
        unit: seconds, messages or obligations.
        advice: what to do where it is not ok.
    """

    name: str
    value: float | None
    limit: float
    unit: str
    ok: bool
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The verdict on one system: `ok` when every check is."""

    system: str
    at: datetime
    ok: bool
    checks: tuple[Check, ...]


def watch(hub: Hub, system: str) -> Watch:
    """Measure one system.

    Raises:
        RefusedError: it is not configured.
        TransientError: the store is away.
    """
    if system not in hub.config.systems:
        raise RefusedError(f"system {system}: not configured in onevoice.toml")
    now = datetime.now(UTC)
    waiting = _waiting(hub)
    with hub.store.transaction() as connection:
        checks = (
            _parked(connection, system),
            _read(connection, hub, system, now),
            _check("backlog_waiting", waiting, MOST_WAITING, "messages", "see whether ingest runs"),
            _owed(connection, hub, system, now),
            _refused(connection, system),
            _heartbeat(connection, now),
        )
    return Watch(system=system, at=now, ok=all(check.ok for check in checks), checks=checks)


def _waiting(hub: Hub) -> float | None:
    try:
        return records_waiting(hub.bus)
    except TransientError:
        return None


def _check(name: str, value: float | None, limit: float, unit: str, advice: str) -> Check:
    return Check(name=name, value=value, limit=limit, unit=unit, ok=value is not None and value <= limit, advice=advice)


def _parked(connection: Connection, system: str) -> Check:
    row = connection.execute(
        select(system_state.c.parked, system_state.c.failures).where(system_state.c.system == system)
    ).one_or_none()
    advice = "the system does not let the hub in: correct credentials or rights, then 'onevoice system resume'"
    return _check("parked", float(row.parked) if row else 0.0, 0, "yes or no", advice)


def _read(connection: Connection, hub: Hub, system: str, now: datetime) -> Check:
    """How long ago the stream was read to its end that was so the longest ago; a system that only pushes passes."""
    settings = hub.config.systems[system]
    limit = max(settings.max_backlog_seconds, _POLLS_MISSED * settings.poll_seconds)
    polled = [stream.name for stream in hub.catalog.streams_of(system) if stream.polled]
    rows = connection.execute(
        select(stream_state.c.stream, stream_state.c.succeeded_at).where(
            stream_state.c.system == system, stream_state.c.stream.in_(polled)
        )
    )
    read = {row.stream: row.succeeded_at for row in rows}
    ends = [read.get(name) for name in polled]
    known = [end for end in ends if end is not None]
    age = max(((now - end).total_seconds() for end in known), default=0.0) if len(known) == len(ends) else None
    return _check("backlog_age", age, limit, "seconds", "no complete read for too long: see 'onevoice status'")


def _owed(connection: Connection, hub: Hub, system: str, now: datetime) -> Check:
    oldest = connection.execute(
        select(obligation.c.requested_at)
        .where(obligation.c.system == system, obligation.c.state.in_(["due", "sent"]))
        .order_by(obligation.c.requested_at)
        .limit(1)
    ).scalar_one_or_none()
    age = (now - oldest).total_seconds() if oldest is not None else 0.0
    limit = hub.config.systems[system].max_backlog_seconds
    advice = "the system is owed something for too long: see 'onevoice obligation list'"
    return _check("obligation_age", age, limit, "seconds", advice)


def _refused(connection: Connection, system: str) -> Check:
    count = connection.execute(
        select(func.count())
        .select_from(obligation)
        .where(obligation.c.system == system, obligation.c.state.in_(["refused", "in_doubt"]))
    ).scalar_one()
    advice = "a person must look: 'onevoice obligation list', then 'onevoice obligation resend'"
    return _check("obligations_refused", count, 0, "obligations", advice)


def _heartbeat(connection: Connection, now: datetime) -> Check:
    """How long ago the role was last seen that was seen the longest ago."""
    seen: dict[str, datetime] = {}
    for row in connection.execute(select(worker_table.c.role, worker_table.c.heartbeat_at)):
        for role in row.role.split(","):
            seen[role] = max(row.heartbeat_at, seen.get(role, row.heartbeat_at))
    ages = [(now - seen[role]).total_seconds() if role in seen else None for role in _ROLES]
    known = [age for age in ages if age is not None]
    age = max(known) if len(known) == len(ages) else None
    advice = "no worker for ingest, relay or delivery is seen: start 'onevoice run'"
    return _check("worker_heartbeat", age, FRESH.total_seconds(), "seconds", advice)
