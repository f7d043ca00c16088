"""Compare: score every pair of records whose answer may have changed, and keep those that link or need a person.

Takes the records whose identity changed; changes block keys and pairs. The one rule: a pair's score is a function of
the records alone, so a pair is scored anew also where neither record changed but the people on a contact point that
they share did, or a block key became too crowded to use, or usable again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from onevoice.identity import Model, PairScore, Profile, block_keys, contact_points, holders_of, profile, score
from onevoice.store import count_by_key, delete_by_keys, delete_pairs, rows_by_keys, rows_up_to, upsert
from onevoice.store.tables import pair, record_key
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record

_POINTS = ("email:", "phone:")


def compare(
    loaded: Loaded, changed: Mapping[UUID, Record], now: Mapping[UUID, Profile], model: Model
) -> dict[UUID, Record]:
    """Bring block keys and pairs up to date; returns the other records that were compared anew.

    Args:
        loaded: what the batch has read so far, the changed records included.
        changed: the records whose identity changed.
        now: their profiles.
    """
    connection = loaded.connection
    before = {r.id: profile(r.stored, r.type, model) for r in changed.values() if r.stored is not None}
    held_before, held_now = _by_key(before), _by_key(now)
    _reindex(connection, changed, held_now)
    around = _Surroundings(loaded, model, profiles=dict(now))
    around.look(held_before.keys() | held_now.keys())
    stirred = _stirred(around, before, held_before, held_now, model)
    around.look(key for record_id in stirred for key in block_keys(around.profiles[record_id]))
    _rescore(connection, changed, stirred, around, model)
    return {record_id: around.records[record_id] for record_id in stirred}


@dataclass(slots=True)
class _Surroundings:
    """Who holds the keys: `held` has the usable ones, `crowded` how many hold each of those that too many do."""

    loaded: Loaded
    model: Model
    profiles: dict[UUID, Profile]
    records: dict[UUID, Record] = field(default_factory=dict)
    held: dict[str, set[UUID]] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    def look(self, keys: Iterable[str]) -> None:
        """Find the holders of those keys that were not looked at yet, and the people on each contact point."""
        asked = sorted(set(keys) - self.held.keys() - self.crowded.keys())
        columns, connection = [record_key.c.key, record_key.c.record_id], self.loaded.connection
        found: dict[str, set[UUID]] = {key: set() for key in asked}
        for row in rows_up_to(connection, record_key, columns, key="key", keys=asked, most=self.model.cap + 1):
            found[row.key].add(row.record_id)
        crowded = [key for key, ids in found.items() if len(ids) > self.model.cap]
        self.crowded |= count_by_key(connection, record_key, key="key", keys=crowded)
        for key in crowded:
            del found[key]
        self._load({record_id for ids in found.values() for record_id in ids})
        self.held |= found
        self.people |= {
            key: holders_of([self.profiles[i] for i in ids], self.model)
            for key, ids in found.items()
            if key.startswith(_POINTS)
        }
        # Too many to count one by one: nobody's own.
        self.people |= dict.fromkeys(crowded, self.model.cap + 1)

    def holders(self, keys: Collection[str]) -> set[UUID]:
        """Return all holders of keys, crowded or not."""
        columns = [record_key.c.record_id]
        rows = rows_by_keys(self.loaded.connection, record_key, columns, key=["key"], keys=[(key,) for key in keys])
        found = {row.record_id for row in rows}
        self._load(found)
        return found

    def _load(self, ids: set[UUID]) -> None:
        for record in self.loaded.by_ids(ids - self.profiles.keys()).values():
            self.records[record.id] = record
            self.profiles[record.id] = profile(record.canonical, record.type, self.model)


def _by_key(profiles: Mapping[UUID, Profile]) -> dict[str, set[UUID]]:
    held: dict[str, set[UUID]] = defaultdict(set)
    for record_id, one in profiles.items():
        for key in block_keys(one):
            held[key].add(record_id)
    return dict(held)


def _reindex(connection: Connection, changed: Mapping[UUID, Record], held: Mapping[str, set[UUID]]) -> None:
    """Bring the keys of the changed records up to date; most stay as they are, and those are not written again."""
    pairs = {(key, record_id) for key, ids in held.items() for record_id in ids}
    pairs |= {(point, r.id) for r in changed.values() for point in contact_points(r.canonical)}
    standing = {
        (row.key, row.record_id)
        for row in rows_by_keys(
            connection,
            record_key,
            [record_key.c.key, record_key.c.record_id],
            key=["record_id"],
            keys=[(r.id,) for r in changed.values() if not r.fresh],
        )
    }
    delete_pairs(connection, record_key, key=("key", "record_id"), keys=sorted(standing - pairs))
    rows = [{"key": key, "record_id": record_id} for key, record_id in sorted(pairs - standing)]
    upsert(connection, record_key, rows, key=["key", "record_id"])


def _stirred(
    around: _Surroundings,
    before: Mapping[UUID, Profile],
    held_before: Mapping[str, set[UUID]],
    held_now: Mapping[str, set[UUID]],
    model: Model,
) -> set[UUID]:
    """Return the records that did not change themselves, but hold a key whose meaning did."""
    stirred: set[UUID] = set()
    for key, ids in around.held.items():
        others, left = ids - held_now.get(key, set()), held_before.get(key, set())
        if not others:
            continue
        if len(others) + len(left) > model.cap:
            stirred |= others  # it was crowded
        elif key.startswith(_POINTS):
            people = holders_of([*(around.profiles[i] for i in others), *(before[i] for i in left)], model)
            if _kind(people, model) != _kind(around.people[key], model):
                stirred |= others
    filled = {
        key
        for key, number in around.crowded.items()
        if number - len(held_now.get(key, ())) + len(held_before.get(key, ())) <= model.cap
    }
    changed = {record_id for ids in held_now.values() for record_id in ids} | before.keys()
    return (stirred | (around.holders(filled) if filled else set())) - changed


def _kind(people: int, model: Model) -> int:
    """A contact point is one person's, a household's, or nobody's own; within a kind the number means nothing."""
    return 0 if people <= 1 else 1 if people <= model.household_limit else 2


def _rescore(
    connection: Connection,
    changed: Mapping[UUID, Record],
    stirred: set[UUID],
    around: _Surroundings,
    model: Model,
) -> None:
    profiles, anew = around.profiles, stirred | changed.keys()
    pairs: dict[tuple[UUID, UUID], PairScore] = {}
    for ids in around.held.values():
        for one in ids & anew:
            for other in ids:
                a, b = min(one, other), max(one, other)
                if a != b and (a, b) not in pairs and profiles[a].type == profiles[b].type:
                    pairs[a, b] = score(profiles[a], profiles[b], model, around.people)
    known = [*stirred, *(r.id for r in changed.values() if not r.fresh)]
    for side in ("a", "b"):
        delete_by_keys(connection, pair, key=side, keys=known)
    rows = [
        {
            "a": a,
            "b": b,
            "score": result.score,
            "outcome": result.outcome,
            "evidence": [[e.comparison, e.level, e.weight] for e in result.evidence],
        }
        for (a, b), result in pairs.items()
        if result.outcome != "apart"
    ]
    upsert(connection, pair, rows, key=["a", "b"], update=["score", "outcome", "evidence"])
