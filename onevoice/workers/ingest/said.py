"""What was said, as rows: acts are written, and found where a contact point moved to or from somebody."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, update

from onevoice.consent import Gate
from onevoice.consent.gate import PROHIBITING
from onevoice.consent.holdings import acts_at
from onevoice.identity import contact_points
from onevoice.messages import Act
from onevoice.store import members, rows_up_to, upsert
from onevoice.store.tables import act as act_table
from onevoice.store.tables import record_key
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record


def save_acts(connection: Connection, acts: Iterable[Act], superseded: Sequence[UUID], now: datetime) -> None:
    """Write acts, and mark those that do not count any more."""
    upsert(connection, act_table, [_act_row(a, now) for a in acts], key=["id"], update=["superseded_at", "evidence"])
    if superseded:
        connection.execute(update(act_table).where(act_table.c.id.in_(superseded)).values(superseded_at=now))


def customers_at(connection: Connection, acts: Sequence[Act]) -> set[UUID]:
    """Return the customers that new acts bear on: those of the anchor records, and all holders of the points."""
    refs = {a.anchor_record for a in acts if a.anchor_record}
    return members.customers_at(connection, {a.anchor_point for a in acts if a.anchor_point}, refs)


def acts_at_moved_points(connection: Connection, parties: Iterable[Record]) -> list[Act]:
    """Return what was said at bare contact points that these records came to hold or hold no more."""
    moved: set[str] = set()
    for one in parties:
        before = one.stored.canonical if one.stored else {}
        moved |= set(contact_points(before)) ^ set(contact_points(one.canonical))
    return [act for act in acts_at(connection, (), moved) if act.anchor_record is None]


def holders_alone_or_two(loaded: Loaded, acts: Iterable[Act], gate: Gate, *, most: int) -> set[UUID]:
    """Return the customers for whom it may count now who else holds a point at which something was said.

    Only between one holder and two does it make a difference, and only to grants and to what spares a shared point.

    Args:
        most: the most records that one customer has.
    """
    rules = gate.rules
    points = {
        act.anchor_point
        for act in acts
        if act.anchor_point
        and (act.kind == "grant" or (act.kind in PROHIBITING and rules.reason(act.reason).spares_shared))
    }
    columns = [record_key.c.key, record_key.c.record_id]
    rows = rows_up_to(loaded.connection, record_key, columns, key="key", keys=sorted(points), most=2 * most + 1)
    records = loaded.by_ids({row.record_id for row in rows})
    holders: dict[str, set[UUID]] = defaultdict(set)
    for row in rows:
        record = records.get(row.record_id)
        if record is not None and record.customer_id is not None:
            holders[row.key].add(record.customer_id)
    return set().union(*(found for found in holders.values() if len(found) <= 2))


def _act_row(act: Act, now: datetime) -> dict[str, Any]:
    record, source = act.anchor_record, act.source
    return {
        "id": act.id,
        "kind": act.kind,
        "channel": act.channel,
        "purpose": act.purpose,
        "controller": act.controller,
        "reason": act.reason,
        "time": act.time,
        "earliest": act.earliest,
        "first_sight": act.first_sight,
        "anchor_system": record.system if record else None,
        "anchor_stream": record.stream if record else None,
        "anchor_key": record.key if record else None,
        "anchor_point": act.anchor_point,
        "valid_until": act.valid_until,
        "inbound": act.inbound,
        "thread": act.thread,
        "lifts": act.lifts,
        "terms": act.terms or None,
        "source_system": source.system,
        "source_stream": source.stream,
        "source_key": source.key,
        "evidence": act.evidence,
        "recorded_at": now,
        "superseded_at": None,
    }
