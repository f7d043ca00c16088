"""The oracle: every pair of records looked at, the plain way, and held against what the store has.

Takes the store and the model; changes nothing. It finds candidates, counts who holds a point and groups by code of its
own, slow and plain; the weights of a pair it takes from `onevoice.identity`, whose tests stand for themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text

from onevoice.errors import RefusedError
from onevoice.identity import Model, Profile, block_keys, contact_points, holders_of, profile, score
from onevoice.messages import PARTY_TYPES
from onevoice.store import Store
from onevoice.store.tables import judgement, pair, source_record
from onevoice.workers.rebuild import Difference, RebuildReport

MOST_RECORDS = 20_000

Progress = Callable[[int], None]
_Pairs = dict[tuple[UUID, UUID], tuple[float, str]]


def check_oracle(store: Store, model: Model, *, progress: Progress | None = None) -> RebuildReport:
    """Compare all records with each other, group them, and return where the store has it otherwise.

    Raises:
        RefusedError: there are more than `MOST_RECORDS` records.
        TransientError: the store is away.
    """
    with store.transaction() as connection:
        if store.dialect == "postgresql":
            connection.execute(text("set transaction isolation level repeatable read, read only"))
        found = select(source_record).where(source_record.c.type.in_(sorted(PARTY_TYPES)))
        rows = {row.id: row for row in connection.execute(found.order_by(source_record.c.id))}
        if len(rows) > MOST_RECORDS:
            raise RefusedError(f"oracle: {len(rows):,} records; it looks at every pair, so at most {MOST_RECORDS:,}")
        stored = _stored_pairs(connection)
        judged = connection.execute(select(judgement).where(judgement.c.retracted_at.is_(None))).all()
    # Outside the transaction: it takes minutes, and the database would take this for a worker that fell asleep.
    wanted = _all_pairs(rows, model, progress)
    differences = [*_wrong_pairs(rows, wanted, stored), *_wrong_groups(rows, wanted, judged)]
    customers = len({row.customer_id for row in rows.values()})
    return RebuildReport(records=len(rows), customers=customers, differences=tuple(differences))


def _all_pairs(rows: dict[UUID, Any], model: Model, progress: Progress | None) -> _Pairs:
    seen = {i: profile(row.canonical or {}, row.type, model) for i, row in rows.items()}
    keys = {i: set(block_keys(one)) for i, one in seen.items()}
    held = Counter(key for i, own in keys.items() for key in own | set(contact_points(rows[i].canonical or {})))
    usable = {i: {key for key in own if held[key] <= model.cap} for i, own in keys.items()}
    people = _people(seen, keys, held, model)
    wanted: _Pairs = {}
    left = None
    for a, b in combinations(sorted(rows), 2):
        if progress is not None and a != left:
            left = a
            progress(1)
        if not usable[a].isdisjoint(usable[b]) and seen[a].type == seen[b].type:
            found = score(seen[a], seen[b], model, people)
            if found.outcome != "apart":
                wanted[a, b] = (found.score, found.outcome)
    return wanted


def _people(seen: dict[UUID, Profile], keys: dict[UUID, set[str]], held: Counter[str], model: Model) -> dict[str, int]:
    """How many people hold each contact point; nobody's own where too many hold it."""
    holders: dict[str, list[Profile]] = defaultdict(list)
    for i, own in keys.items():
        for key in own:
            if key.startswith(("email:", "phone:")):
                holders[key].append(seen[i])
    return {
        key: holders_of(found, model) if held[key] <= model.cap else model.cap + 1 for key, found in holders.items()
    }


def _stored_pairs(connection: Connection) -> _Pairs:
    statement = select(pair.c.a, pair.c.b, pair.c.score, pair.c.outcome)
    return {(row.a, row.b): (row.score, row.outcome) for row in connection.execute(statement)}


def _wrong_pairs(rows: dict[UUID, Any], wanted: _Pairs, stored: _Pairs) -> Iterator[Difference]:
    for ids in sorted(stored.keys() | wanted.keys()):
        if stored.get(ids) != wanted.get(ids):
            what = f"stands as {_told(stored.get(ids))}, is {_told(wanted.get(ids))}"
            yield Difference(kind="pair", subject=" and ".join(_name(rows[i]) for i in ids), what=what)


def _told(found: tuple[float, str] | None) -> str:
    return "apart" if found is None else f"{found[1]} with {found[0]:g} bits"


def _wrong_groups(rows: dict[UUID, Any], wanted: _Pairs, judged: Iterable[Any]) -> Iterator[Difference]:
    by_name = {_name(row): i for i, row in rows.items()}
    same: list[tuple[UUID, UUID]] = []
    different: list[tuple[UUID, UUID]] = []
    for row in judged:
        a = by_name.get(f"rec:{row.a_system}:{row.a_stream}:{row.a_key}")
        b = by_name.get(f"rec:{row.b_system}:{row.b_stream}:{row.b_key}")
        if a is not None and b is not None:
            (same if row.verdict == "same" else different).append((a, b))

    def key(ids: tuple[UUID, UUID]) -> list[tuple[str, str, str]]:
        return sorted((rows[i].system, rows[i].stream, rows[i].key) for i in ids)

    links = [ids for ids, (_, outcome) in wanted.items() if outcome == "link"]
    edges = [*sorted(same, key=key), *sorted(links, key=lambda ids: (-wanted[ids][0], key(ids)))]
    group = {i: {i} for i in rows}
    for a, b in edges:
        one, other = group[a], group[b]
        apart = any((x in one and y in other) or (y in one and x in other) for x, y in different)
        if one is not other and not apart and rows[a].type == rows[b].type:
            for i in other:
                one.add(i)
            for i in one:
                group[i] = one
    for i, row in rows.items():
        if row.customer_id != min(group[i]):
            what = f"stands under customer {row.customer_id}, belongs to {min(group[i])}"
            yield Difference(kind="grouping", subject=_name(row), what=what)


def _name(row: Any) -> str:
    return f"rec:{row.system}:{row.stream}:{row.key}"
