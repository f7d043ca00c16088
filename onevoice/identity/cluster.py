"""Grouping: which records are one customer.

Takes records, scored edges and judgements, gives the groups. The one rule: the result is a function of the three as
sets. Edges are taken in one total order (judgements `same` first, then score from high to low, then the records' own
keys), so that neither arrival nor numbering changes it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Record = TypeVar("Record")

SortKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Generic[Record]):
    """A record to group: its id, its type ("person" or "organisation") and its (system, stream, key)."""

    id: Record
    type: str
    sort_key: SortKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Generic[Record]):
    """Two records whose score reaches the link mark."""

    a: Record
    b: Record
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair(Generic[Record]):
    """What a person said about two records: "same" or "different"; the latest word on that pair."""

    verdict: str
    a: Record
    b: Record


@dataclass(slots=True)
class _Group(Generic[Record]):
    members: set[Record]
    strangers: set[Record]


def group(
    members: Collection[Member[Record]], edges: Sequence[Edge[Record]], judgements: Sequence[JudgedPair[Record]]
) -> list[frozenset[Record]]:
    """Return the groups, singles included, ordered by their first member's sort key.

    An edge joins two groups unless a judgement `different` stands between any of their members, or their types differ.
    Edges and judgements about records that are not among the members have no effect.
    """
    by_id = {member.id: member for member in members}
    groups = {number: _Group({number}, set()) for number in by_id}
    for judged in judgements:
        if judged.verdict == "different" and judged.a in by_id and judged.b in by_id:
            groups[judged.a].strangers.add(judged.b)
            groups[judged.b].strangers.add(judged.a)
    for a, b in _in_order(by_id, edges, judgements):
        one, other = groups[a], groups[b]
        if one is not other and by_id[a].type == by_id[b].type and one.strangers.isdisjoint(other.members):
            _join(one, other, groups)
    distinct = {id(found): found.members for found in groups.values()}.values()
    return sorted(
        (frozenset(found) for found in distinct), key=lambda found: min(by_id[number].sort_key for number in found)
    )


def _in_order(
    by_id: dict[Record, Member[Record]], edges: Sequence[Edge[Record]], judgements: Sequence[JudgedPair[Record]]
) -> Iterator[tuple[Record, Record]]:
    def pair_key(a: Record, b: Record) -> tuple[SortKey, SortKey]:
        one, other = by_id[a].sort_key, by_id[b].sort_key
        return (one, other) if one <= other else (other, one)

    said_same = [
        (pair_key(judged.a, judged.b), judged.a, judged.b)
        for judged in judgements
        if judged.verdict == "same" and judged.a in by_id and judged.b in by_id
    ]
    scored = [
        (-edge.score, pair_key(edge.a, edge.b), edge.a, edge.b) for edge in edges if edge.a in by_id and edge.b in by_id
    ]
    yield from ((a, b) for _, a, b in sorted(said_same))
    yield from ((a, b) for _, _, a, b in sorted(scored))


def _join(one: _Group[Record], other: _Group[Record], groups: dict[Record, _Group[Record]]) -> None:
    large, small = (one, other) if len(one.members) >= len(other.members) else (other, one)
    large.members |= small.members
    large.strangers |= small.strangers
    for number in small.members:
        groups[number] = large
