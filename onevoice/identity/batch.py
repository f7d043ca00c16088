"""Grouping of many records at once, in memory: the same profiles, keys, scores and groups as live.

Takes profiles by record, gives the groups and the pairs that link or need a person. The one rule: nothing is decided
here; the result is what records taken in one by one would come to.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from onevoice.identity.block import block_keys
from onevoice.identity.cluster import Edge, JudgedPair, Limits, Member, SortKey, group
from onevoice.identity.model import Model
from onevoice.identity.people import COUNTED, people_at
from onevoice.identity.profile import Profile, declared_ids
from onevoice.identity.score import PairScore, score, weigh

Record: TypeAlias = SortKey
Advance: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What matching many records came to.

    Attributes:
        groups: the customers, singles included, ordered by their first record.
        pairs: every pair that links or needs a person, with its score; `a` < `b`.
        holders: contact point or home -> people there, where more than one record holds it.
    """

    groups: list[frozenset[Record]]
    pairs: dict[tuple[Record, Record], PairScore]
    holders: dict[str, int]


def group_all(
    profiles: Mapping[Record, Profile],
    model: Model,
    advance: Advance = lambda _: None,
    judgements: Iterable[JudgedPair[Record]] = (),
) -> Grouping:
    """Group records by the evidence, and by what people said.

    Args:
        profiles: the records, by (system, stream, key); their order does not matter.
        model: the model with its settings.
        advance: told how many records were compared since it was told last.
        judgements: the latest word on each pair; those on records that are not here have no effect.
    """
    records = sorted(profiles)
    seen = [profiles[record] for record in records]
    blocks = _blocks(seen)
    holders = _holders(seen, blocks, model)
    found: dict[tuple[int, int], PairScore] = {}
    for number, others in _candidates(seen, blocks, model):
        one = seen[number]
        for other in others:
            scored = weigh(one, seen[other], model, holders)
            if scored is not None:
                found[number, other] = scored
        advance(1)
    members = [
        Member(id=number, type=one.type, sort_key=record, own=declared_ids(one, model.one_per_customer))
        for number, (record, one) in enumerate(zip(records, seen, strict=True))
    ]
    edges = [
        Edge(a=a, b=b, score=scored.score, trusted=scored.outcome == "trusted")
        for (a, b), scored in found.items()
        if scored.outcome != "review"
    ]

    def between(a: int, b: int) -> float:
        return score(seen[a], seen[b], model, holders).score

    number_of = {record: number for number, record in enumerate(records)}
    judged = [
        JudgedPair(verdict=said.verdict, a=number_of[said.a], b=number_of[said.b])
        for said in judgements
        if said.a in number_of and said.b in number_of
    ]
    found_groups = group(members, edges, judged, Limits.of(model), between)
    groups = [frozenset(records[number] for number in numbers) for numbers in found_groups]
    pairs = {(records[a], records[b]): scored for (a, b), scored in found.items()}
    return Grouping(groups=groups, pairs=pairs, holders=holders)


def candidates(
    profiles: Mapping[Record, Profile], model: Model
) -> Iterator[tuple[Profile, Profile, set[str], dict[str, int]]]:
    """Yield all pairs that are compared, with the usable keys that they share, and the people at each contact point."""
    records = sorted(profiles)
    seen = [profiles[record] for record in records]
    blocks = _blocks(seen)
    usable = {key for key, numbers in blocks.items() if len(numbers) <= model.cap}
    holders = _holders(seen, blocks, model)
    keys = [usable.intersection(block_keys(one)) for one in seen]
    for number, others in _candidates(seen, blocks, model):
        for other in sorted(others):
            yield seen[number], seen[other], keys[number] & keys[other], holders


def _holders(seen: Sequence[Profile], blocks: Mapping[str, list[int]], model: Model) -> dict[str, int]:
    return {
        key: people_at(key, [seen[number] for number in numbers], model) if len(numbers) <= model.cap else model.cap + 1
        for key, numbers in blocks.items()
        if key.startswith(COUNTED)
    }


def _blocks(seen: Sequence[Profile]) -> dict[str, list[int]]:
    """Block key -> the records that hold it, those of one record left out."""
    blocks: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(seen):
        for key in block_keys(one):
            blocks[key].append(number)
    return {key: numbers for key, numbers in blocks.items() if len(numbers) > 1}


def _candidates(
    seen: Sequence[Profile], blocks: Mapping[str, list[int]], model: Model
) -> Iterator[tuple[int, set[int]]]:
    """For each record the later ones of its type that it shares a usable key with."""
    for number, one in enumerate(seen):
        others: set[int] = set()
        for key in block_keys(one):
            numbers = blocks.get(key)
            if numbers is not None and len(numbers) <= model.cap:
                others.update(numbers)
        yield number, {other for other in others if other > number and seen[other].type == one.type}
