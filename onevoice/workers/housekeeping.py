"""Housekeeping: takes away what is over, so that a hub that runs for years stays as large as its work.

Takes the periods of `[retention]`. Two rules: nothing that still counts is touched, however old (records, acts, what is
owed, what waits in quarantine, contacts that were made, what was said of offers); and it goes in small transactions,
so that nobody waits for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, select, tuple_

from onevoice.config import Retention
from onevoice.store import Lease, Store
from onevoice.store.tables import confirmation, contact, decision, drift, message, quarantine, shadow_decision
from onevoice.workers.clock_mark import mark

TIDIED = "tidied"
BATCH = 2000
LEASE_SECONDS = 60.0

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """Rows of one table that are over once the condition holds of them."""

    what: str
    table: Table
    days: float
    condition: ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was taken away of one kind, and after how many days that is due."""

    what: str
    days: float
    removed: int


def tidy(store: Store, retention: Retention, *, holder: str, progress: Progress | None = None) -> list[Tidied] | None:
    """Take away all that is over; None where somebody else is at it.

    Raises:
        TransientError: the store is away; what went is gone, and the next run goes on.
    """
    lease = Lease.take(store, "housekeeping", holder, seconds=LEASE_SECONDS)
    if lease is None:
        return None
    now = datetime.now(UTC)
    try:
        done = [_tidied(store, lease, over, progress) for over in _all(retention, now)]
        with store.transaction() as connection:
            mark(connection, TIDIED, now)
        return done
    finally:
        lease.release(store)


def _all(retention: Retention, now: datetime) -> list[_Over]:
    before: Mapping[str, datetime] = {
        name: now - timedelta(seconds=seconds)
        for name, seconds in (
            ("messages", retention.message_seconds),
            ("quarantine", retention.quarantine_seconds),
            ("decisions", retention.decision_seconds),
        )
    }
    days = {name: (now - at) / timedelta(days=1) for name, at in before.items()}
    ended = contact.c.committed_at.is_(None) & (contact.c.expires_at < before["messages"])
    unconfirmed = confirmation.c.confirmed_at.is_(None) & (confirmation.c.expires_at < before["messages"])
    kinds: tuple[tuple[str, Table, str, ColumnElement[bool]], ...] = (
        ("messages in the ledger", message, "messages", message.c.finished_at < before["messages"]),
        ("contacts offered and never made", contact, "messages", ended),
        ("confirmations that never came", confirmation, "messages", unconfirmed),
        ("settled quarantine", quarantine, "quarantine", quarantine.c.resolved_at < before["quarantine"]),
        ("drift not seen any more", drift, "quarantine", drift.c.last_seen_at < before["quarantine"]),
        ("decisions of a shadow", shadow_decision, "decisions", shadow_decision.c.made_at < before["decisions"]),
        ("decisions", decision, "decisions", decision.c.made_at < before["decisions"]),
    )
    return [_Over(what=what, table=table, days=days[after], condition=over) for what, table, after, over in kinds]


def _tidied(store: Store, lease: Lease, over: _Over, progress: Progress | None) -> Tidied:
    key = tuple_(*over.table.primary_key.columns)
    some = delete(over.table).where(key.in_(select(*over.table.primary_key.columns).where(over.condition).limit(BATCH)))
    removed = 0
    while True:
        with store.transaction() as connection:
            lease.hold(connection)
            gone = int(connection.execute(some).rowcount)
        removed += gone
        if progress is not None:
            progress(gone)
        if gone < BATCH:
            return Tidied(what=over.what, days=over.days, removed=removed)
