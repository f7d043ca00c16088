"""Grouping: which records are one customer.

Takes records, edges and judgements, gives the groups. The one rule: the result is a function of the three as sets and
of the evidence between records. Edges are taken in one total order (judgements `same`, trusted ids, score from high to
low, then the records' own keys), so that neither arrival nor numbering changes it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import fsum, inf
from typing import Generic, Self, TypeAlias, TypeVar

from onevoice.identity.model import Model

Record = TypeVar("Record")

SortKey = tuple[str, str, str]
Between: TypeAlias = Callable[[Record, Record], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Generic[Record]):
    """A record to group.

    Attributes:
        id: its id.
        type: "person" or "organisation".
        sort_key: its (system, stream, key).
        own: ids of which a customer has one only, as (name, value).
    """

    id: Record
    type: str
    sort_key: SortKey
    own: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Generic[Record]):
    """Two records whose score reaches the link mark, or that share a trusted id."""

    a: Record
    b: Record
    score: float
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair(Generic[Record]):
    """What a person said about two records: "same" or "different"; the latest word on that pair."""

    verdict: str
    a: Record
    b: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What keeps a chain of links from growing.

    Attributes:
        bridge: bits; two groups of two or more records join only where the mean score over all their cross pairs
            reaches it.
        max_size: a group of more records is taken apart by a higher link mark.
        link: the link mark, in bits.
    """

    bridge: float
    max_size: int
    link: float

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return those of a model."""
        return cls(bridge=model.marks.bridge, max_size=model.max_size, link=model.marks.link)


@dataclass(slots=True, eq=False)
class _Group(Generic[Record]):
    members: set[Record]
    strangers: set[Record] = field(default_factory=set)
    own: dict[str, set[str]] = field(default_factory=dict)


def group(
    members: Collection[Member[Record]],
    edges: Sequence[Edge[Record]],
    judgements: Sequence[JudgedPair[Record]],
    limits: Limits,
    between: Between[Record],
) -> list[frozenset[Record]]:
    """Return the groups, singles included, ordered by their first member's sort key.

    An edge joins two groups unless their types differ, a judgement `different` stands between any of their members,
    they have different values of an id that a customer has one of, or both have several records and all their evidence
    together is too weak. Only the first two stop a judgement `same`. Edges and judgements about records that are not
    among the members have no effect. A group that is too large through judgements alone stays as it is.

    Args:
        between: the score of two members, whether or not an edge stands between them.
    """
    by_id = {member.id: member for member in members}
    known = [judged for judged in judgements if judged.a in by_id and judged.b in by_id]
    taking = _Taking(by_id, known, limits, between)
    found = taking.apart(by_id, [edge for edge in edges if edge.a in by_id and edge.b in by_id], limits.link)
    return sorted(found, key=lambda group: min(by_id[number].sort_key for number in group))


class _Taking(Generic[Record]):
    """Takes edges of one component after the other, each by the same rules."""

    def __init__(
        self,
        by_id: dict[Record, Member[Record]],
        judgements: Sequence[JudgedPair[Record]],
        limits: Limits,
        between: Between[Record],
    ) -> None:
        self._by_id = by_id
        self._different = [judged for judged in judgements if judged.verdict == "different"]
        self._same = sorted(
            (self._pair_key(judged.a, judged.b), judged.a, judged.b)
            for judged in judgements
            if judged.verdict == "same"
        )
        self._limits = limits
        self._between = between
        self._scores: dict[tuple[Record, Record], float] = {}

    def apart(self, ids: Iterable[Record], edges: Sequence[Edge[Record]], mark: float) -> list[frozenset[Record]]:
        """Group the records, and what comes out too large once more with a mark a bit higher."""
        found: list[frozenset[Record]] = []
        for members in self._take(ids, edges):
            large = len(members) > self._limits.max_size
            inside = [edge for edge in edges if edge.a in members and edge.b in members] if large else []
            if not inside:
                found.append(members)
                continue
            # Trusted ids give way last, when no scored edge is left.
            scored = [edge for edge in inside if not edge.trusted]
            higher = max(mark, min((edge.score for edge in scored), default=mark)) + 1
            stronger = [edge for edge in inside if edge.trusted or edge.score >= higher] if scored else []
            found += self.apart(members, stronger, higher)
        return found

    def _take(self, ids: Iterable[Record], edges: Sequence[Edge[Record]]) -> list[frozenset[Record]]:
        groups = {number: self._alone(number) for number in ids}
        for judged in self._different:
            if judged.a in groups and judged.b in groups:
                groups[judged.a].strangers.add(judged.b)
                groups[judged.b].strangers.add(judged.a)
        for _, a, b in self._same:
            if a in groups and b in groups and self._may(groups[a], groups[b], a, b):
                _join(groups[a], groups[b], groups)
        for edge in sorted(edges, key=self._order):
            one, other = groups[edge.a], groups[edge.b]
            if self._may(one, other, edge.a, edge.b) and not _conflict(one, other) and self._carries(one, other):
                _join(one, other, groups)
        return [frozenset(found.members) for found in {id(found): found for found in groups.values()}.values()]

    def _alone(self, number: Record) -> _Group[Record]:
        own: dict[str, set[str]] = {}
        for name, value in self._by_id[number].own:
            own.setdefault(name, set()).add(value)
        return _Group({number}, own=own)

    def _may(self, one: _Group[Record], other: _Group[Record], a: Record, b: Record) -> bool:
        same_type = self._by_id[a].type == self._by_id[b].type
        return one is not other and same_type and one.strangers.isdisjoint(other.members)

    def _carries(self, one: _Group[Record], other: _Group[Record]) -> bool:
        """Whether an edge between two groups is more than a weak bridge; a single record stands on its edge."""
        sizes = len(one.members), len(other.members)
        if min(sizes) < 2 or max(sizes) > self._limits.max_size:  # what is too large already is taken apart anyway
            return True
        total = fsum(self._score(a, b) for a, b in product(one.members, other.members))
        return total >= self._limits.bridge * sizes[0] * sizes[1]

    def _score(self, a: Record, b: Record) -> float:
        pair = (a, b) if self._by_id[a].sort_key <= self._by_id[b].sort_key else (b, a)
        if pair not in self._scores:
            self._scores[pair] = self._between(*pair)
        return self._scores[pair]

    def _order(self, edge: Edge[Record]) -> tuple[float, tuple[SortKey, SortKey]]:
        return -inf if edge.trusted else -edge.score, self._pair_key(edge.a, edge.b)

    def _pair_key(self, a: Record, b: Record) -> tuple[SortKey, SortKey]:
        one, other = self._by_id[a].sort_key, self._by_id[b].sort_key
        return (one, other) if one <= other else (other, one)


def _conflict(one: _Group[Record], other: _Group[Record]) -> bool:
    """Whether two groups have an id of which a customer has one, each with a value that the other lacks."""
    return any(
        not (values <= other.own[name] or other.own[name] <= values)
        for name, values in one.own.items()
        if name in other.own
    )


def _join(one: _Group[Record], other: _Group[Record], groups: dict[Record, _Group[Record]]) -> None:
    large, small = (one, other) if len(one.members) >= len(other.members) else (other, one)
    large.members |= small.members
    large.strangers |= small.strangers
    for name, values in small.own.items():
        large.own.setdefault(name, set()).update(values)
    for number in small.members:
        groups[number] = large
