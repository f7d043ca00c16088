"""The obligations as rows: requested, taken, proven or failed. Retry time lives here and nowhere else."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, or_, select, update

from onevoice.messages import Lane, Work
from onevoice.store import give_notice, rows_by_keys, update_rows, upsert
from onevoice.store.tables import obligation, system_state

KEY = ("system", "lane", "stream", "target")
MAX_RETRY_SECONDS = 3600.0
URGENT_NOTICE = "onevoice_urgent"
"""Given on the store when suppressions become due."""
_TAKEN = (*KEY, "generation")
_READ = (*_TAKEN, "state", "attempts", "requested_at", "next_attempt_at", "announced_until")
_IN_DOUBT = "obligation.state = 'in_doubt'"
_OPEN = f"(obligation.next_attempt_at is not null or {_IN_DOUBT})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An obligation that a worker has taken on; `generation` is the request that it serves."""

    work: Work
    generation: int
    attempts: int
    requested_at: datetime


def request(connection: Connection, works: Iterable[Work], *, now: datetime, cause: str | None) -> int:
    """Make obligations due now; one that is due already keeps the time since which it is owed. Returns how many.

    What was refused is tried again, since what is owed may be another value by now. What is in doubt stays so until a
    person has looked and sends it again.
    """
    rows = [
        {
            "system": work.system,
            "lane": work.lane.value,
            "stream": work.stream,
            "target": work.target,
            "state": "due",
            "generation": 1,
            "requested_at": now,
            "next_attempt_at": now,
            "announced_until": None,
            "attempts": 0,
            "cause": cause,
        }
        for work in sorted(set(works), key=_key)  # one order for all, so that nobody waits in a circle
    ]
    upsert(
        connection,
        obligation,
        rows,
        key=KEY,
        update=["cause", "announced_until"],
        expressions={
            "state": f"case when {_IN_DOUBT} then obligation.state else excluded.state end",
            "generation": "obligation.generation + 1",
            "requested_at": f"case when {_OPEN} then obligation.requested_at else excluded.requested_at end",
            "next_attempt_at": f"case when {_IN_DOUBT} then null else excluded.next_attempt_at end",
            "attempts": f"case when {_OPEN} then obligation.attempts else 0 end",
        },
    )
    if any(row["lane"] == Lane.SUPPRESSION.value for row in rows):
        give_notice(connection, URGENT_NOTICE)  # the other lane is announced at its own pace
    return len(rows)


def take_due(
    connection: Connection,
    *,
    now: datetime,
    limit: int,
    visible_for: timedelta,
    lanes: Collection[Lane] = tuple(Lane),
) -> list[Work]:
    """Return works of the lanes whose time has come, suppressions first, and hide them for a while from other relays.

    Systems that are parked or paused wait.

    One that was sent and whose time has run out is due again: whoever took it on is gone.
    """
    waits = or_(system_state.c.parked, system_state.c.paused_until > now)
    statement = (
        select(*(obligation.c[name] for name in KEY))
        .where(obligation.c.next_attempt_at <= now)
        .where(obligation.c.lane.in_([lane.value for lane in lanes]))
        .where(obligation.c.system.not_in(select(system_state.c.system).where(waits)))
        .order_by(obligation.c.lane.desc(), obligation.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    works = [_work(row) for row in connection.execute(statement)]
    _postpone(connection, works, now + visible_for)
    return works


def claim_due(connection: Connection, works: Sequence[Work], *, now: datetime, lease: timedelta) -> list[Due]:
    """Take on those of the works whose time has come and that nobody else is at; mark them sent.

    A message may come twice: what has failed since it was announced waits for its own time.
    """
    return _take_on(connection, [row for row in _locked(connection, works) if _has_come(row, now)], now + lease, now)


def _has_come(row: Row[Any], now: datetime) -> bool:
    if row.state == "due" and row.announced_until is not None and row.announced_until > now:
        return True
    return row.state in ("due", "sent") and bool(row.next_attempt_at <= now)


def _take_on(connection: Connection, taken: Sequence[Row[Any]], until: datetime, now: datetime) -> list[Due]:
    works = [_work(row) for row in taken]
    change = {"state": "sent", "sent_at": now, "next_attempt_at": until, "announced_until": None}
    update_rows(connection, obligation, [_named(work) | change for work in works], key=KEY)
    return [
        Due(work=work, generation=row.generation, attempts=row.attempts, requested_at=row.requested_at)
        for work, row in zip(works, taken, strict=True)
    ]


def hold(connection: Connection, dues: Sequence[Due]) -> None:
    """Lock the dues in the order of their keys, for whoever changes them in several statements afterwards."""
    _locked(connection, [due.work for due in dues])


def release_all(connection: Connection, *, now: datetime) -> int:
    """Make due what was taken on by a process that is gone, where there is only ever one; returns how many."""
    taken = update(obligation).where(obligation.c.state == "sent").values(state="due", next_attempt_at=now)
    return int(connection.execute(taken).rowcount)


def claim_target(connection: Connection, system: str, stream: str, *, now: datetime, lease: timedelta) -> list[Due]:
    """Take on everything that is owed to one list, since a list is handed over whole, once the time of any has come."""
    statement = select(*(obligation.c[name] for name in KEY)).where(
        obligation.c.system == system,
        obligation.c.stream == stream,
        obligation.c.lane == Lane.SUPPRESSION.value,
        obligation.c.next_attempt_at.is_not(None),
    )
    rows = _locked(connection, [_work(row) for row in connection.execute(statement)])
    if not any(_has_come(row, now) for row in rows):
        return []
    return _take_on(connection, [row for row in rows if row.state == "due" or _has_come(row, now)], now + lease, now)


def close(connection: Connection, dues: Sequence[Due], *, now: datetime) -> None:
    """Mark proven what was not asked for anew in the meantime."""
    change = {"state": "verified", "verified_at": now, "next_attempt_at": None, "attempts": 0, "last_error": None}
    update_rows(connection, obligation, [_as_taken(due) | change for due in dues], key=_TAKEN)


def fail(
    connection: Connection,
    dues: Sequence[Due],
    *,
    reason: str,
    state: str,
    now: datetime,
    retry_seconds: float,
    retry_after: float | None = None,
) -> None:
    """Put obligations back with a reason: `due` again after a growing wait, or `refused` / `in_doubt` for a person.

    Args:
        retry_seconds: the first wait; each further attempt waits twice as long.
        retry_after: seconds that the system asked to wait; the next attempt is not made before.
    """
    rows = []
    for due in dues:
        wait = max(min(retry_seconds * 2 ** min(due.attempts, 10), MAX_RETRY_SECONDS), retry_after or 0.0)
        again = now + timedelta(seconds=wait) if state == "due" else None
        changed = {"state": state, "next_attempt_at": again, "attempts": due.attempts + 1, "last_error": reason}
        rows.append(_as_taken(due) | changed)
    update_rows(connection, obligation, rows, key=_TAKEN)  # what was asked for anew meanwhile stands as it was asked


def doubt(connection: Connection, dues: Sequence[Due], *, reason: str) -> None:
    """Leave obligations to a person, also those that were asked for anew in the meantime."""
    change = {"state": "in_doubt", "next_attempt_at": None, "last_error": reason}
    update_rows(connection, obligation, [_named(due.work) | change for due in dues], key=KEY)


def put_back(connection: Connection, dues: Sequence[Due], *, reason: str, until: datetime) -> None:
    """Make due again at `until` what was not attempted at all; it is no failure and no later wait grows by it."""
    change = {"state": "due", "next_attempt_at": until, "last_error": reason}
    update_rows(connection, obligation, [_as_taken(due) | change for due in dues], key=_TAKEN)


def wake(connection: Connection, system: str, *, now: datetime) -> None:
    """Make due now what a system is owed and was tried in vain, since it is back; no wait grows from before."""
    waits = and_(obligation.c.system == system, obligation.c.state == "due", obligation.c.attempts > 0)
    connection.execute(update(obligation).where(waits).values(next_attempt_at=now, announced_until=None, attempts=0))


def backlog(connection: Connection) -> list[Row[Any]]:
    """Return (system, lane, state, count, oldest requested_at) of everything not yet proven."""
    statement: Select[Any] = (
        select(
            obligation.c.system,
            obligation.c.lane,
            obligation.c.state,
            func.count().label("count"),
            func.min(obligation.c.requested_at).label("oldest"),
        )
        .where(obligation.c.state != "verified")
        .group_by(obligation.c.system, obligation.c.lane, obligation.c.state)
        .order_by(obligation.c.system, obligation.c.lane)
    )
    return list(connection.execute(statement))


def resend(connection: Connection, system: str, *, state: str, now: datetime) -> int:
    """Make a system's obligations in a state due again, as a person asked; returns how many."""
    result = connection.execute(
        update(obligation)
        .where(and_(obligation.c.system == system, obligation.c.state == state))
        .values(state="due", next_attempt_at=now, attempts=0, generation=obligation.c.generation + 1)
    )
    return int(result.rowcount)


def spread(connection: Connection, system: str, *, now: datetime, per_second: float) -> int:
    """Let what is due on the record lane of a system come due one after the other; returns how many that are."""
    statement = (
        select(*(obligation.c[name] for name in KEY))
        .where(obligation.c.system == system, obligation.c.lane == Lane.RECORD.value, obligation.c.state == "due")
        .order_by(obligation.c.stream, obligation.c.target)
        .with_for_update()
    )
    rows = [
        dict(zip(KEY, row, strict=True)) | {"next_attempt_at": now + timedelta(seconds=number / per_second)}
        for number, row in enumerate(connection.execute(statement))
    ]
    update_rows(connection, obligation, rows, key=KEY)
    return len(rows)


def forget_system(connection: Connection, system: str) -> int:
    """Take out all that a system was owed, since it is gone; returns how many of it were still open."""
    still = select(func.count()).where(obligation.c.system == system, obligation.c.state != "verified")
    count = int(connection.execute(still).scalar_one())
    connection.execute(delete(obligation).where(obligation.c.system == system))
    return count


def owed_to(connection: Connection, system: str) -> list[Work]:
    """Return what a system is owed and has not proven to know, in order."""
    statement = select(*(obligation.c[name] for name in KEY)).where(
        obligation.c.system == system, obligation.c.state.in_(("due", "sent"))
    )
    return [_work(row) for row in connection.execute(statement.order_by(obligation.c.stream, obligation.c.target))]


def _locked(connection: Connection, works: Sequence[Work]) -> list[Row[Any]]:
    keys = [_key(work) for work in works]
    columns = [obligation.c[name] for name in _READ]
    return list(rows_by_keys(connection, obligation, columns, key=KEY, keys=keys, lock=True))


def _postpone(connection: Connection, works: Sequence[Work], until: datetime) -> None:
    change = {"state": "due", "next_attempt_at": until, "announced_until": until}
    update_rows(connection, obligation, [_named(work) | change for work in works], key=KEY)


def _named(work: Work) -> dict[str, Any]:
    return dict(zip(KEY, _key(work), strict=True))


def _as_taken(due: Due) -> dict[str, Any]:
    """The row as long as nobody has asked for it anew."""
    return _named(due.work) | {"generation": due.generation}


def _key(work: Work) -> tuple[str, str, str, str]:
    return work.system, work.lane.value, work.stream, work.target


def _work(row: Row[Any]) -> Work:
    return Work(system=row.system, lane=Lane(row.lane), stream=row.stream, target=row.target)
