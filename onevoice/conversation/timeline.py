"""The customer's conversation with the company: interactions, orders and acts from every system on one line of time.

Takes the customer's records and contact points, gives entries, the newest first. The one rule: an entry hangs on a
record or a contact point, never on a customer, so that merge and unmerge move nothing; what hangs on a shared point and
was confirmed to be about one of its holders is told of that one alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, and_, cast, func, or_, select, tuple_

from onevoice.errors import RefusedError
from onevoice.messages import Act, Json, RecordRef
from onevoice.store.members import MEMBER, POINTS, looked_up
from onevoice.store.tables import source_record

_TYPES = ("interaction", "order")


LATEST = 200
_TOLD = [source_record.c[name] for name in ("id", "type", "system", "stream", "key", "occurred_at", "canonical")]
_IS_TOLD = (or_(*(source_record.c.type == name for name in _TYPES)), source_record.c.deleted.is_(False))
_MEMBERS = source_record.alias("members")
_NEWEST = (source_record.c.occurred_at.desc(), source_record.c.id.desc())
_OURS = (
    (source_record.c.system == MEMBER.c.system)
    & (source_record.c.party_stream == MEMBER.c.stream)
    & (source_record.c.party_key == MEMBER.c.key)
)


def _concerns(members: Select[Any]) -> ColumnElement[bool]:
    """That a record at a contact point was not confirmed to be about somebody else than who has these records."""
    confirmed = source_record.c.canonical["confirmed"].as_string()
    own = members.with_only_columns(func.replace(cast(members.selected_columns[0], Text), "-", ""))
    return or_(confirmed.is_(None), func.replace(confirmed, "-", "").in_(own))


CONVERSATION: Mapping[str, Select[Any]] = {
    "told_by_records": select(*_TOLD)
    .join_from(MEMBER, source_record, _OURS)
    .where(*_IS_TOLD)
    .order_by(*_NEWEST)
    .limit(LATEST),
    "told_at_points": select(*_TOLD)
    .where(looked_up(source_record.c.point, POINTS), *_IS_TOLD, _concerns(select(MEMBER.c.id)))
    .order_by(*_NEWEST)
    .limit(LATEST),
    "orders": select(source_record.c.canonical)
    .join_from(MEMBER, source_record, _OURS)
    .where(source_record.c.type == "order", source_record.c.deleted.is_(False)),
}
"""What the conversation with one customer is made of, to be gathered with other parts."""


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
    rows = _recorded(connection, records, points, limit, end)
    said = [one for one in acts if end is None or (one.time, one.id) < end]
    return _merged(rows, said, limit)


def entries_from(rows: Mapping[str, Sequence[Any]], acts: Sequence[Act]) -> list[Entry]:
    """Return the latest entries of the customer of whom the parts of `CONVERSATION` were gathered, the newest first."""
    return _merged([*rows["told_by_records"], *rows["told_at_points"]], acts, LATEST)


def orders_from(rows: Mapping[str, Sequence[Any]]) -> list[Json]:
    """Return all its orders in canonical shape, in no particular order."""
    return [row.canonical for row in rows["orders"]]


def _recorded(
    connection: Connection,
    records: Collection[RecordRef],
    points: Collection[str],
    limit: int,
    end: tuple[datetime, UUID] | None,
) -> list[Row[Any]]:
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
        members = select(_MEMBERS.c.id).where(tuple_(_MEMBERS.c.system, _MEMBERS.c.stream, _MEMBERS.c.key).in_(ours))
        rows += connection.execute(statement.where(source_record.c.point.in_(sorted(points)), _concerns(members)))
    return rows


def _merged(rows: Iterable[Any], acts: Iterable[Act], limit: int) -> list[Entry]:
    found = {row.id: _entry(row) for row in rows}
    entries = [*found.values(), *map(_act, acts)]
    return sorted(entries, key=lambda entry: (entry.time, entry.id), reverse=True)[:limit]


def _entry(row: Any) -> Entry:
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
