"""Suppression lists go out whole: handed over for everything that is owed to them, proven by reading back.

The rule: one delivery of a list at a time, and what changed while it was under way is asked for anew.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, delete

from onevoice.consent import Gate
from onevoice.consent.lists import suppression_list
from onevoice.errors import OperatorError, TransientError
from onevoice.messages import Lane, ListEntry, Work
from onevoice.obligations import claim_target, close, put_back, request
from onevoice.sdk import ListWriter
from onevoice.store import INGEST, Lease, Store, keep_out, upsert
from onevoice.store.tables import delivered
from onevoice.workers.catalog import Catalog
from onevoice.workers.clock import ensure_list
from onevoice.workers.clock_mark import mark
from onevoice.workers.delivery.failure import LEASE, SOON_SECONDS, put_off, put_off_over
from onevoice.workers.ingest.oblige import list_target
from onevoice.workers.systems import WRITE, Systems

PROOF_WAIT_SECONDS = 3.0
PROOF_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ListDelivery:
    """Delivers and compares the lists of the systems."""

    store: Store
    catalog: Catalog
    systems: Systems
    gate: Gate
    retry_seconds: float

    def deliver(self, system: str, name: str) -> None:
        """Hand the whole list over once for everything that is owed to it, and wait a moment for the proof.

        One delivery of a list at a time: of two, the one that read the list first might hand it over last.
        """
        lease = Lease.take(self.store, f"list {system} {name}", uuid4().hex, seconds=LEASE.total_seconds())
        now = datetime.now(UTC)
        if lease is None:
            with self.store.transaction() as connection:
                dues = claim_target(connection, system, name, now=now, lease=LEASE)
                soon = now + timedelta(seconds=SOON_SECONDS)
                put_back(connection, dues, reason="another delivery of this list is under way", until=soon)
            return
        try:
            self._hand_over(system, name)
        finally:
            lease.release(self.store)

    def compare(self, system: str, name: str) -> tuple[int, int]:
        """Hold the list that a system has in force to the one that stands, entry by entry, and owe it the difference.

        Returns how many entries it lacks, and how many it has that should not be there.

        Raises:
            TransientError, OperatorError: the system did not answer, or refuses us.
        """
        writer = self.systems.connector(system, Lane.SUPPRESSION)
        if not isinstance(writer, ListWriter):
            return 0, 0
        ensure_list(self.store, self.gate)
        with self.systems.contact(system, WRITE):
            in_force = writer.readback_list(name) or frozenset()
        stands = {_target(*entry) for entry in in_force}
        now = datetime.now(UTC)
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
            wanted = {_target(e.channel, e.point, e.purpose) for e in entries}
            works = [Work(system=system, lane=Lane.SUPPRESSION, stream=name, target=t) for t in wanted ^ stands]
            request(connection, works, now=now, cause=None)
            mark(connection, f"list {system} {name}", now)
        return len(wanted - stands), len(stands - wanted)

    def _hand_over(self, system: str, name: str) -> None:
        now = datetime.now(UTC)
        ensure_list(self.store, self.gate)
        with self.store.transaction() as connection:
            dues = claim_target(connection, system, name, now=now, lease=LEASE)
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
        if not dues:
            return
        writer = self.systems.connector(system, Lane.SUPPRESSION)
        if not isinstance(writer, ListWriter):
            put_off(
                self.store,
                dues,
                f"system {system} takes no lists any more",
                "refused",
                retry_seconds=self.retry_seconds,
            )
            return
        try:
            with self.systems.contact(system, WRITE):
                in_force = _handed_over(writer, name, entries)
        except (TransientError, OperatorError) as error:
            put_off_over(self.store, dues, error, retry_seconds=self.retry_seconds)
            return
        handed = {_target(e.channel, e.point, e.purpose) for e in entries}
        stands = None if in_force is None else {_target(*entry) for entry in in_force}
        now = datetime.now(UTC)
        shown = [d for d in dues if stands is not None and (d.work.target in stands) == (d.work.target in handed)]
        if stands is not None:
            with self.store.transaction() as connection:
                _save_listed(connection, system, name, stands, now)
                close(connection, shown, now=now)
        missing = [due for due in dues if due not in shown]
        put_off(
            self.store,
            missing,
            f"system {system}: list {name} handed over, not yet loaded there",
            "due",
            retry_seconds=self.retry_seconds,
        )
        self._ask_anew(system, name, handed)

    def _ask_anew(self, system: str, name: str, handed: set[str]) -> None:
        """Ask for what changed while the list was under way: ingest compares with what stood there before.

        A batch that still saw the old list has ended before the new one is compared, and a later one sees the new.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
        with self.store.transaction() as connection:
            entries = suppression_list(connection, channels=self.catalog.lists[system, name])
            changed = handed ^ {_target(e.channel, e.point, e.purpose) for e in entries}
            works = [Work(system=system, lane=Lane.SUPPRESSION, stream=name, target=target) for target in changed]
            request(connection, works, now=datetime.now(UTC), cause=None)


def _handed_over(writer: ListWriter, name: str, entries: Sequence[ListEntry]) -> frozenset[tuple[str, str, str]] | None:
    """Return what the system has in force at last; None while it has nothing."""
    wanted = frozenset((e.channel, e.point, e.purpose) for e in entries)
    in_force = writer.readback_list(name)
    if in_force == wanted:
        return in_force
    writer.write_list(name, entries)
    deadline = time.monotonic() + PROOF_WAIT_SECONDS
    while in_force != wanted and time.monotonic() < deadline:
        time.sleep(PROOF_POLL_SECONDS)
        in_force = writer.readback_list(name)
    return in_force


def _target(channel: str, point: str, purpose: str) -> str:
    """Return the obligation's target of an entry as the list names it, without the kind of its contact point."""
    kind = {"sms": "phone"}.get(channel, channel)
    return list_target(channel, f"{kind}:{point}", purpose)


def _save_listed(connection: Connection, system: str, name: str, targets: Collection[str], now: datetime) -> None:
    """Remember which entries the system is proven to hold; those that left the list are forgotten."""
    connection.execute(delete(delivered).where(delivered.c.system == system, delivered.c.stream == name))
    rows = [
        {"system": system, "stream": name, "key": target, "fields": {"listed": True}, "updated_at": now}
        for target in sorted(targets)
    ]
    upsert(connection, delivered, rows, key=("system", "stream", "key"))
