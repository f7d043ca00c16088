"""Compare: score every pair of records whose answer may have changed, and keep those that link or need a person.

Takes the records whose identity changed, or any under a model that changed; changes block keys and pairs. The one rule:
a pair's score is a function of the records alone, so a pair is scored anew also where neither record changed but the
people at a contact point or home of theirs did, or a block key became too crowded to use, or usable again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Connection

from onevoice.identity import COUNTED, Model, PairScore, Profile, block_keys, contact_points, people_at, weigh
from onevoice.store import delete_by_keys, delete_pairs, rows_by_keys, upsert
from onevoice.store.tables import pair, record_key
from onevoice.workers.ingest.record import Record
from onevoice.workers.ingest.surroundings import Number, Surroundings


def compare(around: Surroundings, changed: Mapping[UUID, Record], now: Mapping[UUID, Profile]) -> frozenset[UUID]:
    """Bring block keys and pairs up to date; returns the customers of the other records that were compared anew.

    Args:
        around: of this batch; the changed records are loaded, and no key was looked up yet.
        changed: the records whose identity changed.
        now: their profiles.
    """
    connection, model = around.loaded.connection, around.seen.model
    around.profiles |= {i.int: one for i, one in now.items()}
    before = {
        r.id.int: around.seen.profile(r.stored.canonical, r.type, r.stored.identity_hash)
        for r in changed.values()
        if r.stored is not None
    }
    keys = {number: block_keys(one) for number, one in around.profiles.items()}
    held_before, held_now = _by_key({number: block_keys(one) for number, one in before.items()}), _by_key(keys)
    _reindex(connection, changed, held_now)
    around.look(held_before.keys() | held_now.keys())
    stirred = _stirred(around, before, held_before, held_now, model)
    keys |= {number: block_keys(around.profiles[number]) for number in stirred}
    around.look(key for number in stirred for key in keys[number])
    _rescore(connection, changed, keys, around, model)
    return frozenset(customer for number in stirred if (customer := around.customers[number]) is not None)


def index_anew(around: Surroundings, records: Mapping[UUID, Record], now: Mapping[UUID, Profile]) -> None:
    """Bring the block keys of records up to date whose profiles the model changed; no pair is looked at."""
    _reindex(around.loaded.connection, records, _by_key({i.int: block_keys(one) for i, one in now.items()}))


def score_anew(around: Surroundings, records: Mapping[UUID, Record], now: Mapping[UUID, Profile]) -> None:
    """Score the pairs of records anew where nothing about them changed but the model; all keys are up to date."""
    around.profiles |= {i.int: one for i, one in now.items()}
    keys = {i.int: block_keys(one) for i, one in now.items()}
    around.look(key for own in keys.values() for key in own)
    _rescore(around.loaded.connection, records, keys, around, around.seen.model)


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
    around: Surroundings,
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
        elif key.startswith(COUNTED):
            people = people_at(key, [*(around.profiles[i] for i in others), *(before[i] for i in left)], model)
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
    """A contact point or home is one person's, a household's, or nobody's; within a kind the number means nothing."""
    return 0 if people <= 1 else 1 if people <= model.household_limit else 2


def _rescore(
    connection: Connection,
    changed: Mapping[UUID, Record],
    keys: Mapping[Number, Iterable[str]],
    around: Surroundings,
    model: Model,
) -> None:
    """Score the pairs of the records with these keys anew, and keep those that are not apart."""
    profiles, held = around.profiles, around.held
    compared: dict[Number, list[Number]] = {}
    homes: set[str] = set()
    for one, own in keys.items():
        mine = profiles[one]
        compared[one] = [
            other
            for other in set().union(*[held[key] for key in own if key in held])
            if (other > one or other not in keys) and other != one and profiles[other].type == mine.type
        ]
        if mine.birth:  # without one nobody asks who else lives there
            homes.update(home for other in compared[one] if profiles[other].birth for home in profiles[other].homes)
    around.look(homes)
    pairs: dict[tuple[Number, Number], PairScore] = {}
    for one, others in compared.items():
        for other in others:
            found = weigh(profiles[one], profiles[other], model, around.people)
            if found is not None:
                pairs[(one, other) if one < other else (other, one)] = found
    known = [UUID(int=one) for one in keys]
    known = [i for i in known if i not in changed or not changed[i].fresh]
    delete_by_keys(connection, pair, key=("a", "b"), keys=known)
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
