"""The trial of a message that was handed out before: who ends a worker is told from who stood next to it.

A worker's end raises the count of all that it had fetched, so the count accuses many. The one rule: a message is
guilty only when two workers ended while each had it alone; the note of that is committed before the message is touched.
"""

from sqlalchemy import Connection, delete

from onevoice.bus import Delivery
from onevoice.store import rows_by_keys
from onevoice.store.tables import quarantine
from onevoice.workers.ingest.set_aside import TRIAL, announce, quarantine_row, store

REASONS = (
    "being tried alone, since a worker ended that had fetched it",
    "being tried alone again: a worker ended while it had this message alone",
    "three workers ended over it, two of them while they had it alone",
)


def begin_trial(connection: Connection, delivery: Delivery) -> bool:
    """Note that the message is about to be tried alone; False when it is not to be tried any more."""
    row_id = quarantine_row(delivery, step=TRIAL, reason="")["id"]
    columns = [quarantine.c.step, quarantine.c.reason, quarantine.c.resolved_at]
    rows = rows_by_keys(connection, quarantine, columns, key=["id"], keys=[(row_id,)])
    before = next((r.reason for r in rows if r.step == TRIAL and r.resolved_at is None), None)
    reason = REASONS[min(REASONS.index(before) + 1, len(REASONS) - 1)] if before in REASONS else REASONS[0]
    condemned = reason == REASONS[-1]
    row = quarantine_row(delivery, step=TRIAL, reason=reason)
    store(connection, [row])
    if condemned and before != reason:
        announce(connection, [row])
    return not condemned


def end_trial(connection: Connection, delivery: Delivery) -> None:
    """Take the note back."""
    row_id = quarantine_row(delivery, step=TRIAL, reason="")["id"]
    connection.execute(delete(quarantine).where(quarantine.c.id == row_id, quarantine.c.step == TRIAL))
