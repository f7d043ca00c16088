"""The suppression list: every contact point that the gate denies for marketing, as rows that say when they changed.

The rows are kept in the transaction of whatever changes the answer, by `refresh`; `denied_entries` computes the whole
list anew from the acts, for whoever doubts the rows. The one rule: a point counts if it is denied for any that holds
it, or held it when it said so, or by itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from onevoice.consent.gate import PROHIBITING, Gate
from onevoice.consent.holdings import act_of, acts_at, holdings_of
from onevoice.consent.question import Holding, points_on_channel
from onevoice.consent.registers import listed_acts, points_held
from onevoice.messages import Act, ListEntry, Permission, RecordRef
from onevoice.store import rows_by_keys, upsert
from onevoice.store.members import customers_at
from onevoice.store.tables import act, suppression_entry

MARKETING = "marketing"
CHANNELS = ("email", "phone", "sms")
"""Those that contact points are reached by."""

_KEY = ("channel", "point", "purpose")
Place = tuple[str, str]
"""A channel and a contact point."""


@dataclass(slots=True)
class _Denied:
    """Why a place is denied: the earliest act that says so, and the records that any such act is anchored at."""

    first: Act
    records: set[RecordRef] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What `refresh` looked at: all places, and those of them that are on the list now."""

    places: frozenset[Place]
    listed: frozenset[Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryChange:
    """One change of the list. `number` grows with each; give the last one seen back to go on after it."""

    number: int
    channel: str
    point: str
    purpose: str
    listed: bool
    reason: str
    since: datetime
    changed_at: datetime


def refresh(
    connection: Connection, gate: Gate, holdings: Iterable[Holding], points: Collection[str], *, now: datetime
) -> Refreshed:
    """Bring the rows of the holdings' points, and of further points, to what the gate says now.

    Whoever calls keeps every other writer of acts and records out of the same transaction.
    """
    holdings = list(holdings)
    every = set(points).union(*(holding.points | holding.former for holding in holdings))
    places = frozenset((channel, point) for channel in CHANNELS for point in points_on_channel(every, channel))
    rows = _rows(connection, places)
    denied = _denied(gate, holdings, MARKETING, CHANNELS)
    doubtful = {place[1] for place in places if place[1] in points or not _holds(rows.get(place), denied.get(place))}
    truth = _truth(connection, gate, doubtful, rows.values())
    listed = {place for place, row in rows.items() if row.listed}
    changed = []
    for place in sorted(place for place in places if place[1] in doubtful):
        row, because = rows.get(place), truth.get(place) or denied.get(place)
        if not _holds(row, because) and (row is not None or because is not None):
            changed.append(_row(place, because, row))
        (listed.add if because is not None else listed.discard)(place)
    _save(connection, changed, now)
    return Refreshed(places, frozenset(listed))


def suppression_list(connection: Connection, *, channels: Collection[str]) -> list[ListEntry]:
    """Return the list's entries on the channels as the rows have them, sorted."""
    entry = suppression_entry.c
    wanted = select(suppression_entry).where(entry.listed, entry.channel.in_(list(channels)))
    rows = connection.execute(wanted.order_by(entry.channel, entry.point)).all()
    return [_entry(row.channel, row.point, row.purpose, row.reason, row.since) for row in rows]


def changes_since(connection: Connection, number: int, *, channels: Collection[str], limit: int) -> list[EntryChange]:
    """Return how entries on the channels stand that changed after a change, in the order of their last change."""
    entry = suppression_entry.c
    wanted = select(suppression_entry).where(entry.number > number, entry.channel.in_(list(channels)))
    return [
        EntryChange(
            number=row.number,
            channel=row.channel,
            point=row.point.partition(":")[2],
            purpose=row.purpose,
            listed=row.listed,
            reason=row.reason,
            since=row.since,
            changed_at=row.changed_at,
        )
        for row in connection.execute(wanted.order_by(entry.number).limit(limit))
    ]


def denied_entries(connection: Connection, gate: Gate, *, channels: Sequence[str], purpose: str) -> list[ListEntry]:
    """Return the list's entries as the acts alone say, sorted: every act that prohibits is read."""
    denied = _all_denied(connection, gate, purpose, channels)
    return [
        _entry(channel, point, purpose, denied[channel, point].first.reason, denied[channel, point].first.time)
        for channel, point in sorted(denied)
    ]


def wrong_places(connection: Connection, gate: Gate) -> dict[Place, frozenset[RecordRef]]:
    """Return the places at which the rows say something else than the acts, with the records to look at.

    Without keeping anybody out, some of them may only have changed meanwhile; `correct` looks again.
    """
    denied = _all_denied(connection, gate, MARKETING, CHANNELS)
    rows = {(row.channel, row.point): row for row in connection.execute(select(suppression_entry)).all()}
    return {
        place: frozenset(denied[place].records if place in denied else ())
        for place in {*denied, *rows}
        if not _holds(rows.get(place), denied.get(place))
    }


def correct(
    connection: Connection, gate: Gate, wrong: Mapping[Place, frozenset[RecordRef]], *, now: datetime
) -> frozenset[Place]:
    """Bring the rows at some places to what the gate says now; return those that were wrong.

    Whoever calls keeps every other writer of acts and records out of the same transaction.
    """
    points = {point for _, point in wrong}
    holdings = _holdings(connection, points, {record for records in wrong.values() for record in records})
    before = {place: row.listed for place, row in _rows(connection, wrong).items()}
    refreshed = refresh(connection, gate, holdings, points, now=now)
    return frozenset(place for place in wrong if before.get(place, False) != (place in refreshed.listed))


def _all_denied(connection: Connection, gate: Gate, purpose: str, channels: Sequence[str]) -> dict[Place, _Denied]:
    # What a reason blocks is the table's to say, not the act's own purpose alone.
    statement = select(act).where(act.c.superseded_at.is_(None), act.c.kind.in_(sorted(PROHIBITING)))
    threads = [name for name, row in gate.rules.reasons.items() if row.blocks == "thread"]
    statement = statement.where(act.c.reason.not_in(threads))  # no list tells of single threads
    acts = [act_of(row) for row in connection.execute(statement)]
    acts += listed_acts(connection, points_held(connection))  # a register's numbers count where a customer holds them
    points = {a.anchor_point for a in acts if a.anchor_point}
    held = _holdings(connection, points, {a.anchor_record for a in acts if a.anchor_record})
    bare = _bare_points(connection, points.difference(*(holding.points for holding in held)))
    return _denied(gate, [*held, *bare], purpose, channels)


def _truth(connection: Connection, gate: Gate, points: Collection[str], rows: Iterable[Any]) -> dict[Place, _Denied]:
    """Return why points are denied, by all that hold them or said so of them before, and by the points themselves."""
    if not points:
        return {}
    said_by = {RecordRef(*record) for row in rows if row.point in points for record in row.said_by}
    held = _holdings(connection, points, said_by)
    bare = _bare_points(connection, set(points).difference(*(holding.points for holding in held)))
    found = _denied(gate, [*held, *bare], MARKETING, CHANNELS)
    return {place: because for place, because in found.items() if place[1] in points}


def _denied(gate: Gate, holdings: Iterable[Holding], purpose: str, channels: Iterable[str]) -> dict[Place, _Denied]:
    found: dict[Place, _Denied] = {}
    channels = list(channels)
    for holding in holdings:
        if not holding.acts:
            continue
        for channel in channels:
            for point in points_on_channel(holding.points | holding.former, channel):
                verdict = gate.fold(holding, channel, purpose, point)
                if verdict.permission is Permission.DENIED:
                    first = min(verdict.because, key=_age)
                    one = found.setdefault((channel, point), _Denied(first))
                    one.first = min(one.first, first, key=_age)
                    one.records.update(a.anchor_record for a in verdict.because if a.anchor_record is not None)
    return found


def _age(one: Act) -> tuple[datetime, str]:
    return one.time, str(one.id)


def _holds(row: Any, because: _Denied | None) -> bool:
    """Return whether a row says what is found; one that stands may rest on more than what was looked at."""
    if row is None or not row.listed:
        return because is None
    return because is not None and {(r.system, r.stream, r.key) for r in because.records} <= set(
        map(tuple, row.said_by)
    )


def _row(place: Place, because: _Denied | None, row: Any) -> dict[str, Any]:
    told = {
        "reason": because.first.reason if because else row.reason,
        "since": because.first.time if because else row.since,
        "said_by": sorted([r.system, r.stream, r.key] for r in because.records) if because else [],
    }
    return {"channel": place[0], "point": place[1], "purpose": MARKETING, "listed": because is not None} | told


def _save(connection: Connection, rows: Sequence[dict[str, Any]], now: datetime) -> None:
    if not rows:
        return
    last = connection.execute(select(func.max(suppression_entry.c.number))).scalar() or 0
    numbered = [row | {"number": last + at, "changed_at": now} for at, row in enumerate(rows, start=1)]
    upsert(connection, suppression_entry, numbered, key=_KEY, update=[name for name in numbered[0] if name not in _KEY])


def _rows(connection: Connection, places: Collection[Place]) -> dict[Place, Any]:
    keys = [(channel, point, MARKETING) for channel, point in places]
    rows = rows_by_keys(connection, suppression_entry, list(suppression_entry.c), key=_KEY, keys=keys)
    return {(row.channel, row.point): row for row in rows}


def _entry(channel: str, point: str, purpose: str, reason: str, since: datetime) -> ListEntry:
    return ListEntry(channel=channel, point=point.partition(":")[2], purpose=purpose, reason=reason, since=since)


def _holdings(connection: Connection, points: Collection[str], refs: Collection[RecordRef]) -> list[Holding]:
    """Return the customers that hold any of the points or records."""
    return list(holdings_of(connection, customers_at(connection, points, refs)).values())


def _bare_points(connection: Connection, points: Iterable[str]) -> list[Holding]:
    """What was said at points that nobody holds, grants and lifts included, as the gate itself would read it."""
    said: Mapping[str, list[Act]] = defaultdict(list)
    for one in acts_at(connection, (), points):
        if one.anchor_point:
            said[one.anchor_point].append(one)
    return [Holding(records=frozenset(), points=frozenset({p}), acts=some) for p, some in sorted(said.items())]
