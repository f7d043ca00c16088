"""Compare: score every pair of records whose answer may have changed, and keep those that link or need a person.

Takes the records whose identity changed; changes block keys and pairs. The one rule: a pair's score is a function of
the records alone, so a pair is scored anew also where neither record changed but the people on a contact point that
they share did, or a block key became too crowded to use, or usable again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Connection

from onevoice.identity import Model, PairScore, Profile, block_keys, contact_points, holders_of, profile, weigh
from onevoice.store import count_by_key, delete_by_keys, delete_pairs, rows_by_keys, rows_up_to, upsert
from onevoice.store.tables import pair, record_key
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record

_POINTS = ("email:", "phone:")

Number: TypeAlias = int
"""A record's id as a plain number: sets of these are several times as fast as sets of UUIDs, and sort alike."""


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
    before = {r.id.int: profile(r.stored, r.type, model) for r in changed.values() if r.stored is not None}
    around = _Surroundings(loaded, model, profiles={i.int: one for i, one in now.items()})
    keys = {number: block_keys(one) for number, one in around.profiles.items()}
    held_before, held_now = _by_key({number: block_keys(one) for number, one in before.items()}), _by_key(keys)
    _reindex(connection, changed, held_now)
    around.look(held_before.keys() | held_now.keys())
    stirred = _stirred(around, before, held_before, held_now, model)
    keys |= {number: block_keys(around.profiles[number]) for number in stirred}
    around.look(key for number in stirred for key in keys[number])
    _rescore(connection, changed, keys, around, model)
    return {around.records[number].id: around.records[number] for number in stirred}


@dataclass(slots=True)
class _Surroundings:
    """Who holds the keys: `held` has the usable ones, `crowded` how many hold each of those that too many do."""

    loaded: Loaded
    model: Model
    profiles: dict[Number, Profile]
    records: dict[Number, Record] = field(default_factory=dict)
    held: dict[str, set[Number]] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    def look(self, keys: Iterable[str]) -> None:
        """Find the holders of those keys that were not looked at yet, and the people on each contact point."""
        asked = sorted(set(keys) - self.held.keys() - self.crowded.keys())
        columns, connection = [record_key.c.key, record_key.c.record_id], self.loaded.connection
        found: dict[str, set[Number]] = {key: set() for key in asked}
        for row in rows_up_to(connection, record_key, columns, key="key", keys=asked, most=self.model.cap + 1):
            found[row.key].add(row.record_id.int)
        crowded = [key for key, numbers in found.items() if len(numbers) > self.model.cap]
        self.crowded |= count_by_key(connection, record_key, key="key", keys=crowded)
        for key in crowded:
            del found[key]
        self._load(set().union(*found.values()))
        self.held |= found
        self.people |= {
            key: holders_of([self.profiles[number] for number in numbers], self.model)
            for key, numbers in found.items()
            if key.startswith(_POINTS)
        }
        # Too many to count one by one: nobody's own.
        self.people |= dict.fromkeys(crowded, self.model.cap + 1)

    def holders(self, keys: Collection[str]) -> set[Number]:
        """Return all holders of keys, crowded or not."""
        columns = [record_key.c.record_id]
        rows = rows_by_keys(self.loaded.connection, record_key, columns, key=["key"], keys=[(key,) for key in keys])
        found = {row.record_id.int for row in rows}
        self._load(found)
        return found

    def _load(self, numbers: set[Number]) -> None:
        missing = [UUID(int=number) for number in numbers - self.profiles.keys()]
        for record in self.loaded.by_ids(missing).values():
            self.records[record.id.int] = record
            self.profiles[record.id.int] = profile(record.canonical, record.type, self.model)


def _by_key(keys: Mapping[Number, Iterable[str]]) -> dict[str, set[Number]]:
    held: dict[str, set[Number]] = defaultdict(set)
    for number, own in keys.items():
        for key in own:
            held[key].add(number)
    return dict(held)


def _reindex(connection: Connection, changed: Mapping[UUID, Record], held: Mapping[str, set[Number]]) -> None:
    """Bring the keys of the changed records up to date; most stay as they are, and those are not written again."""
    pairs = {(key, number) for key, numbers in held.items() for number in numbers}
    pairs |= {(point, r.id.int) for r in changed.values() for point in contact_points(r.canonical)}
    standing = {
        (row.key, row.record_id.int)
        for row in rows_by_keys(
            connection,
            record_key,
            [record_key.c.key, record_key.c.record_id],
            key=["record_id"],
            keys=[(r.id,) for r in changed.values() if not r.fresh],
        )
    }
    ids = {i.int: i for i in changed}
    gone = [(key, ids[number]) for key, number in sorted(standing - pairs)]
    delete_pairs(connection, record_key, key=("key", "record_id"), keys=gone)
    rows = [{"key": key, "record_id": ids[number]} for key, number in sorted(pairs - standing)]
    upsert(connection, record_key, rows, key=["key", "record_id"])


def _stirred(
    around: _Surroundings,
    before: Mapping[Number, Profile],
    held_before: Mapping[str, set[Number]],
    held_now: Mapping[str, set[Number]],
    model: Model,
) -> set[Number]:
    """Return the records that did not change themselves, but hold a key whose meaning did."""
    stirred: set[Number] = set()
    for key, numbers in around.held.items():
        others, left = numbers - held_now.get(key, set()), held_before.get(key, set())
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
    changed = set().union(*held_now.values(), before)
    return (stirred | (around.holders(filled) if filled else set())) - changed


def _kind(people: int, model: Model) -> int:
    """A contact point is one person's, a household's, or nobody's own; within a kind the number means nothing."""
    return 0 if people <= 1 else 1 if people <= model.household_limit else 2


def _rescore(
    connection: Connection,
    changed: Mapping[UUID, Record],
    keys: Mapping[Number, Iterable[str]],
    around: _Surroundings,
    model: Model,
) -> None:
    """Score the pairs of the records with these keys anew, and keep those that are not apart."""
    profiles, held = around.profiles, around.held
    pairs: dict[tuple[Number, Number], PairScore] = {}
    for one, own in keys.items():
        mine = profiles[one]
        for other in set().union(*[held[key] for key in own if key in held]):
            if (other > one or other not in keys) and other != one and profiles[other].type == mine.type:
                found = weigh(mine, profiles[other], model, around.people)
                if found is not None:
                    pairs[(one, other) if one < other else (other, one)] = found
    known = [UUID(int=one) for one in keys]
    known = [i for i in known if i not in changed or not changed[i].fresh]
    for side in ("a", "b"):
        delete_by_keys(connection, pair, key=side, keys=known)
    rows = [
        {
            "a": UUID(int=a),
            "b": UUID(int=b),
            "score": result.score,
            "outcome": result.outcome,
            "evidence": [[e.comparison, e.level, e.weight] for e in result.evidence],
        }
        for (a, b), result in pairs.items()
    ]
    upsert(connection, pair, rows, key=["a", "b"], update=["score", "outcome", "evidence"])
