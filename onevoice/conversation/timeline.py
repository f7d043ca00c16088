"""The customer's conversation with the company: interactions, orders and acts from every system on one line of time.

Takes the customer's records and contact points, gives entries, the newest first. The one rule: an entry hangs on a
record or a contact point, never on a customer, so that merge and unmerge move nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, or_, select, tuple_

from onevoice.errors import RefusedError
from onevoice.messages import Act, Json, RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import source_record

_TYPES = ("interaction", "order")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event.

    Attributes:
        id: of the record or act; with `time` the place on the line.
        type: interaction, order or act.
        time: when it happened; of an order, when it came to stand as it does.
        ref: the record that tells of it.
        details: the canonical interaction or order; of an act its kind, channel, purpose and reason.
    """

    id: UUID
    type: str
    time: datetime
    ref: RecordRef | None
    details: Json

    @property
    def cursor(self) -> str:
        """What to give as `before` to go on after this entry."""
        return f"{self.time.isoformat()}~{self.id}"


def timeline(
    connection: Connection,
    records: Collection[RecordRef],
    points: Collection[str],
    acts: Sequence[Act],
    *,
    limit: int,
    before: str | None = None,
) -> list[Entry]:
    """Return at most `limit` entries, the newest first.

    Args:
        records: the customer's member records.
        points: its contact points, `phone:…` and `email:…`.
        acts: what it said about being contacted.
        before: `cursor` of the last entry of the page before.

    Raises:
        RefusedError: `before` is no cursor.
    """
    end = _place(before) if before is not None else None
    found = {entry.id: entry for entry in _recorded(connection, records, points, limit, end)}
    said = [_act(one) for one in acts]
    entries = [*found.values(), *(entry for entry in said if end is None or (entry.time, entry.id) < end)]
    return sorted(entries, key=lambda entry: (entry.time, entry.id), reverse=True)[:limit]


def orders_of(connection: Connection, records: Collection[RecordRef]) -> list[Json]:
    """Return all orders of the customer's records in canonical shape, in no particular order."""
    rows = rows_by_keys(
        connection,
        source_record,
        [source_record.c.type, source_record.c.deleted, source_record.c.canonical],
        key=["system", "party_stream", "party_key"],
        keys=[(ref.system, ref.stream, ref.key) for ref in records],
    )
    return [row.canonical for row in rows if row.type == "order" and not row.deleted]


def _recorded(
    connection: Connection,
    records: Collection[RecordRef],
    points: Collection[str],
    limit: int,
    end: tuple[datetime, UUID] | None,
) -> list[Entry]:
    time, number = source_record.c.occurred_at, source_record.c.id
    statement = (
        select(source_record)
        .where(source_record.c.type.in_(_TYPES), source_record.c.deleted.is_(False))
        .order_by(time.desc(), number.desc())
        .limit(limit)
    )
    if end is not None:
        statement = statement.where(or_(time < end[0], and_(time == end[0], number < end[1])))
    party = tuple_(source_record.c.system, source_record.c.party_stream, source_record.c.party_key)
    ours = [(ref.system, ref.stream, ref.key) for ref in records]
    rows: list[Row[Any]] = []
    if ours:
        rows += connection.execute(statement.where(party.in_(ours)))
    if points:
        rows += connection.execute(statement.where(source_record.c.point.in_(sorted(points))))
    return [_entry(row) for row in rows]


def _entry(row: Row[Any]) -> Entry:
    ref = RecordRef(system=row.system, stream=row.stream, key=row.key)
    details = {name: value for name, value in (row.canonical or {}).items() if name not in ("party", "point")}
    return Entry(id=row.id, type=row.type, time=row.occurred_at, ref=ref, details=details)


def _act(act: Act) -> Entry:
    details = {"kind": act.kind, "channel": act.channel, "purpose": act.purpose, "reason": act.reason}
    return Entry(id=act.id, type="act", time=act.time, ref=act.source, details=details)


def _place(cursor: str) -> tuple[datetime, UUID]:
    try:
        time, _, number = cursor.partition("~")
        place = datetime.fromisoformat(time), UUID(number)
    except ValueError:
        place = None
    if place is None or place[0].tzinfo is None:
        raise RefusedError("timeline: 'before' is no cursor; give back the one that came with the page before")
    return place
