"""The oracle: every pair of records looked at, the plain way, and held against what the store has.

Takes the store and the model; changes nothing. It finds candidates, counts who holds a point and groups by code of its
own, slow and plain; the weights of a pair it takes from `onevoice.identity`, whose tests stand for themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from math import fsum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, text

from onevoice.errors import RefusedError
from onevoice.identity import (
    Model,
    PairScore,
    Profile,
    block_keys,
    contact_points,
    declared_ids,
    people_at,
    profile,
    score,
)
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
    scene = _Scene(rows, model)
    wanted = scene.all_pairs(progress)
    differences = [*_wrong_pairs(rows, wanted, stored), *_wrong_groups(scene, wanted, judged)]
    customers = len({row.customer_id for row in rows.values()})
    return RebuildReport(records=len(rows), customers=customers, differences=tuple(differences))


class _Scene:
    """All records, with what matching sees of them and how many people hold each contact point."""

    def __init__(self, rows: dict[UUID, Any], model: Model) -> None:
        self.rows, self.model = rows, model
        self.seen = {i: profile(row.canonical or {}, row.type, model) for i, row in rows.items()}
        keys = {i: set(block_keys(one)) for i, one in self.seen.items()}
        held = Counter(key for i, own in keys.items() for key in own | set(contact_points(rows[i].canonical or {})))
        self.usable = {i: {key for key in own if held[key] <= model.cap} for i, own in keys.items()}
        self.people = _people(self.seen, keys, held, model)

    def score(self, a: UUID, b: UUID) -> PairScore:
        return score(self.seen[a], self.seen[b], self.model, self.people)

    def all_pairs(self, progress: Progress | None) -> _Pairs:
        wanted: _Pairs = {}
        left = None
        for a, b in combinations(sorted(self.rows), 2):
            if progress is not None and a != left:
                left = a
                progress(1)
            if not self.usable[a].isdisjoint(self.usable[b]) and self.seen[a].type == self.seen[b].type:
                found = self.score(a, b)
                if found.outcome != "apart":
                    wanted[a, b] = (found.score, found.outcome)
        return wanted


def _people(seen: dict[UUID, Profile], keys: dict[UUID, set[str]], held: Counter[str], model: Model) -> dict[str, int]:
    """How many people are at each contact point and home; nobody's own where too many hold it."""
    holders: dict[str, list[Profile]] = defaultdict(list)
    for i, own in keys.items():
        for key in own:
            if key.startswith(("email:", "phone:", "ad:")):
                holders[key].append(seen[i])
    return {
        key: people_at(key, found, model) if held[key] <= model.cap else model.cap + 1 for key, found in holders.items()
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


def _wrong_groups(scene: _Scene, wanted: _Pairs, judged: Iterable[Any]) -> Iterator[Difference]:
    rows = scene.rows
    by_name = {_name(row): i for i, row in rows.items()}
    same: list[tuple[UUID, UUID]] = []
    different: list[tuple[UUID, UUID]] = []
    for row in judged:
        a = by_name.get(f"rec:{row.a_system}:{row.a_stream}:{row.a_key}")
        b = by_name.get(f"rec:{row.b_system}:{row.b_stream}:{row.b_key}")
        if a is not None and b is not None:
            (same if row.verdict == "same" else different).append((a, b))
    group = _plain_groups(scene, set(rows), wanted, same, different)
    for i, row in rows.items():
        if row.customer_id != min(group[i]):
            what = f"stands under customer {row.customer_id}, belongs to {min(group[i])}"
            yield Difference(kind="grouping", subject=_name(row), what=what)


def _plain_groups(
    scene: _Scene,
    ids: set[UUID],
    pairs: _Pairs,
    same: list[tuple[UUID, UUID]],
    different: list[tuple[UUID, UUID]],
) -> dict[UUID, set[UUID]]:
    """Take all edges among some records in their order; then once more, with a higher mark, what came out too large."""
    model, rows = scene.model, scene.rows

    def key(ids: tuple[UUID, UUID]) -> list[tuple[str, str, str]]:
        return sorted((rows[i].system, rows[i].stream, rows[i].key) for i in ids)

    inside = {ids_ for ids_ in pairs if ids.issuperset(ids_)}
    trusted = sorted((p for p in inside if pairs[p][1] == "trusted"), key=key)
    links = sorted((p for p in inside if pairs[p][1] == "link"), key=lambda p: (-pairs[p][0], key(p)))
    said = sorted((p for p in same if ids.issuperset(p)), key=key)
    group = {i: {i} for i in ids}
    for place, (a, b) in enumerate([*said, *trusted, *links]):
        one, other = group[a], group[b]
        if one is other:
            continue
        apart = any((x in one and y in other) or (y in one and x in other) for x, y in different)
        stopped = place >= len(said) and (_two_ids(scene, one, other) or _weak_bridge(scene, one, other))
        if not apart and rows[a].type == rows[b].type and not stopped:
            for i in other:
                one.add(i)
            for i in one:
                group[i] = one
    for large in {id(found): found for found in group.values() if len(found) > model.max_size}.values():
        within = {p: pairs[p] for p in inside if large.issuperset(p) and pairs[p][1] != "review"}
        scores = [score for score, outcome in within.values() if outcome == "link"]
        if within:
            least = max(model.marks.link, min(scores, default=0.0))
            kept = {p: v for p, v in within.items() if scores and (v[1] == "trusted" or v[0] >= least + 1)}
            group.update(_plain_groups(scene, set(large), kept, same, different))
    return group


def _two_ids(scene: _Scene, one: set[UUID], other: set[UUID]) -> bool:
    for name in scene.model.one_per_customer:
        a, b = ({v for i in side for n, v in declared_ids(scene.seen[i], [name])} for side in (one, other))
        if a and b and not a <= b and not b <= a:
            return True
    return False


def _weak_bridge(scene: _Scene, one: set[UUID], other: set[UUID]) -> bool:
    if min(len(one), len(other)) < 2 or max(len(one), len(other)) > scene.model.max_size:
        return False
    scores = [scene.score(a, b).score for a in one for b in other]
    return fsum(scores) < scene.model.marks.bridge * len(scores)


def _name(row: Any) -> str:
    return f"rec:{row.system}:{row.stream}:{row.key}"
