"""The suppression list as it should stand now: every contact point that the gate denies for a purpose."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from onevoice.consent.gate import PROHIBITING, Gate
from onevoice.consent.holdings import act_of, acts_at, holdings_of
from onevoice.consent.question import Holding, points_on_channel
from onevoice.consent.registers import listed_acts, points_held
from onevoice.messages import Act, ListEntry, Permission
from onevoice.store import rows_by_keys
from onevoice.store.tables import act, record_key, source_record


def denied_entries(connection: Connection, gate: Gate, *, channels: Sequence[str], purpose: str) -> list[ListEntry]:
    """Return the list's entries, sorted; a point counts if it is denied for any holder, or by itself."""
    # What a reason blocks is the table's to say, not the act's own purpose alone.
    statement = select(act).where(act.c.superseded_at.is_(None), act.c.kind.in_(sorted(PROHIBITING)))
    threads = [name for name, row in gate.rules.reasons.items() if row.blocks == "thread"]
    statement = statement.where(act.c.reason.not_in(threads))  # no list tells of single threads
    acts = [act_of(row) for row in connection.execute(statement)]
    acts += listed_acts(connection, points_held(connection))  # a register's numbers count where a customer holds them
    held = _holdings_touched(connection, acts)
    points = {a.anchor_point for a in acts if a.anchor_point}.difference(*(holding.points for holding in held))
    holdings = [*held, *_bare_points(connection, points)]
    entries: dict[tuple[str, str], ListEntry] = {}
    for holding in holdings:
        for channel in channels:
            for point in points_on_channel(holding.points | holding.former, channel):
                verdict = gate.fold(holding, channel, purpose, point)
                if verdict.permission is Permission.DENIED:
                    entries.setdefault((channel, point), _entry(channel, point, purpose, verdict.because))
    return [entries[key] for key in sorted(entries)]


def _entry(channel: str, point: str, purpose: str, because: Sequence[Act]) -> ListEntry:
    first = min(because, key=lambda a: (a.time, str(a.id)))
    return ListEntry(
        channel=channel, point=point.partition(":")[2], purpose=purpose, reason=first.reason, since=first.time
    )


def _holdings_touched(connection: Connection, acts: Iterable[Act]) -> list[Holding]:
    refs = {a.anchor_record for a in acts if a.anchor_record}
    points = {a.anchor_point for a in acts if a.anchor_point}
    holders = rows_by_keys(connection, record_key, [record_key.c.record_id], key=["key"], keys=[(p,) for p in points])
    columns = [source_record.c.customer_id]
    rows = [
        *rows_by_keys(
            connection,
            source_record,
            columns,
            key=("system", "stream", "key"),
            keys=[(r.system, r.stream, r.key) for r in refs],
        ),
        *rows_by_keys(connection, source_record, columns, key=["id"], keys=[(h.record_id,) for h in holders]),
    ]
    return list(holdings_of(connection, {row.customer_id for row in rows if row.customer_id}).values())


def _bare_points(connection: Connection, points: Iterable[str]) -> list[Holding]:
    """What was said at points that nobody holds, grants and lifts included, as the gate itself would read it."""
    said: dict[str, list[Act]] = defaultdict(list)
    for one in acts_at(connection, (), points):
        if one.anchor_point:
            said[one.anchor_point].append(one)
    return [Holding(records=frozenset(), points=frozenset({p}), acts=some) for p, some in sorted(said.items())]
