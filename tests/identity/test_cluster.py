import random
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.identity import Edge, JudgedPair, Limits, Member
from onevoice.identity import group as group_by_rules


def members(*numbers: int, record_type: str = "person") -> list[Member]:
    return [Member(id=number, type=record_type, sort_key=("crm", "Contact", f"{number:04d}")) for number in numbers]


def group(
    records: Sequence[Member],
    edges: Sequence[Edge],
    judgements: Sequence[JudgedPair],
    *,
    scores: dict[tuple[int, int], float] | None = None,
    bridge: float = -1e9,
    max_size: int = 99,
) -> list[frozenset[Any]]:
    """Group; `scores` has the scores of pairs without an edge, 0 where it has none."""
    found = {(e.a, e.b): e.score for e in edges} | (scores or {})

    def between(a: int, b: int) -> float:
        return found.get((a, b), found.get((b, a), 0.0))

    return group_by_rules(records, edges, judgements, Limits(bridge=bridge, max_size=max_size, link=15.0), between)


def same(a: int, b: int) -> JudgedPair[int]:
    return JudgedPair(verdict="same", a=a, b=b)


def different(a: int, b: int) -> JudgedPair[int]:
    return JudgedPair(verdict="different", a=a, b=b)


def test_edges_join_and_singles_stay() -> None:
    edges = [Edge(a=1, b=2, score=20), Edge(a=2, b=3, score=16)]
    assert group(members(1, 2, 3, 4), edges, []) == [frozenset({1, 2, 3}), frozenset({4})]


def test_different_stands_between_groups_not_only_between_the_two() -> None:
    edges = [Edge(a=1, b=2, score=30), Edge(a=3, b=4, score=29), Edge(a=2, b=3, score=20)]
    assert group(members(1, 2, 3, 4), edges, [different(1, 4)]) == [frozenset({1, 2}), frozenset({3, 4})]


def test_the_stronger_edge_wins_where_only_one_can() -> None:
    edges = [Edge(a=1, b=2, score=20), Edge(a=2, b=3, score=25)]
    assert group(members(1, 2, 3), edges, [different(1, 3)]) == [frozenset({1}), frozenset({2, 3})]


def test_same_joins_without_any_edge_and_comes_before_scores() -> None:
    found = group(members(1, 2, 3), [Edge(a=2, b=3, score=99)], [same(1, 2), different(1, 3)])
    assert found == [frozenset({1, 2}), frozenset({3})]


def test_equal_scores_are_decided_by_the_records_own_keys_not_by_numbers() -> None:
    keys = {7: "a", 3: "b", 5: "c"}
    records = [Member(id=number, type="person", sort_key=("crm", "Contact", key)) for number, key in keys.items()]
    edges = [Edge(a=3, b=5, score=20), Edge(a=3, b=7, score=20)]
    assert group(records, edges, [different(5, 7)]) == [frozenset({7, 3}), frozenset({5})]


def test_persons_and_organisations_never_merge() -> None:
    records = members(1) + members(2, record_type="organisation")
    assert group(records, [Edge(a=1, b=2, score=99)], [same(1, 2)]) == [frozenset({1}), frozenset({2})]


def test_judgements_about_records_yet_to_come_have_no_effect() -> None:
    edges = [Edge(a=1, b=2, score=20), Edge(a=2, b=9, score=20)]
    assert group(members(1, 2), edges, [same(1, 8), different(2, 8)]) == [frozenset({1, 2})]


_PAIRS = st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] != pair[1])
_EDGES = st.dictionaries(_PAIRS.map(lambda pair: (min(pair), max(pair))), st.sampled_from([15.0, 18.0, 20.0]))
_VERDICTS = st.dictionaries(
    _PAIRS.map(lambda pair: (min(pair), max(pair))), st.sampled_from(["same", "different"]), max_size=8
)


@settings(max_examples=400, deadline=None)
@given(_EDGES, _VERDICTS, st.randoms(use_true_random=False))
def test_the_groups_depend_on_the_sets_alone(
    scores: dict[tuple[int, int], float], verdicts: dict[tuple[int, int], str], chance: random.Random
) -> None:
    def run(numbers: list[int]) -> set[frozenset[int]]:
        """Group the ten records under other numbers, in another order, ends swapped; give them back as 0 to 9."""
        turn = [chance.random() < 0.5 for _ in range(len(scores) + len(verdicts))]
        records = [Member(id=numbers[at], type="person", sort_key=("crm", "Contact", f"{at:04d}")) for at in range(10)]
        edges = [Edge(a=numbers[a], b=numbers[b], score=score) for (a, b), score in scores.items()]
        judged = [JudgedPair(verdict=verdict, a=numbers[a], b=numbers[b]) for (a, b), verdict in verdicts.items()]
        edges = [Edge(a=edge.b, b=edge.a, score=edge.score) if turn.pop() else edge for edge in edges]
        judged = [JudgedPair(verdict=pair.verdict, a=pair.b, b=pair.a) if turn.pop() else pair for pair in judged]
        for found in (records, edges, judged):
            chance.shuffle(found)
        return {frozenset(numbers.index(number) for number in found) for found in group(records, edges, judged)}

    numbers = list(range(100, 110))
    first = run(numbers)
    chance.shuffle(numbers)
    assert run(numbers) == first
    assert sorted(number for found in first for number in found) == list(range(10))
    for found in first:
        for pair in combinations(sorted(found), 2):
            assert verdicts.get(pair) != "different"


@settings(max_examples=200, deadline=None)
@given(_EDGES)
def test_without_judgements_groups_are_the_connected_components(scores: dict[tuple[int, int], float]) -> None:
    edges = [Edge(a=a, b=b, score=score) for (a, b), score in scores.items()]
    found = {number: which for which in group(members(*range(10)), edges, []) for number in which}
    assert all(found[a] is found[b] for a, b in scores)
    joins = sum(len(which) - 1 for which in set(found.values()))
    assert joins == _joins_by_flooding(set(scores))


def _joins_by_flooding(pairs: set[tuple[int, int]]) -> int:
    waiting, components = set(range(10)), 0
    while waiting:
        components += 1
        border = {waiting.pop()}
        while border:
            border = {number for number in waiting if any({number, other} in map(set, pairs) for other in border)}
            waiting -= border
    return 10 - components


TWO_PAIRS = [Edge(a=1, b=2, score=40), Edge(a=3, b=4, score=39)]


def test_a_weak_bridge_between_two_groups_is_not_taken() -> None:
    bridge = Edge(a=2, b=3, score=20)
    assert group(members(1, 2, 3, 4), [*TWO_PAIRS, bridge], [], bridge=6) == [frozenset({1, 2}), frozenset({3, 4})]
    assert group(members(1, 2, 3, 4), [*TWO_PAIRS, bridge], [], bridge=5) == [frozenset({1, 2, 3, 4})]


def test_evidence_against_counts_on_a_bridge() -> None:
    edges = [*TWO_PAIRS, Edge(a=2, b=3, score=20)]
    found = group(members(1, 2, 3, 4), edges, [], bridge=0, scores={(1, 4): -21.0})
    assert found == [frozenset({1, 2}), frozenset({3, 4})]


def test_a_single_record_stands_on_its_edge_and_a_judgement_on_nothing_else() -> None:
    found = group(members(1, 2, 3), [Edge(a=1, b=2, score=40), Edge(a=2, b=3, score=15)], [], bridge=99)
    assert found == [frozenset({1, 2, 3})]
    assert group(members(1, 2, 3, 4), TWO_PAIRS, [same(1, 3)], bridge=99) == [frozenset({1, 2, 3, 4})]


def numbered(number: int, value: str) -> Member:
    return Member(id=number, type="person", sort_key=("crm", "Contact", f"{number:04d}"), own=[("national_id", value)])


def test_two_values_of_an_id_that_a_customer_has_one_of_keep_customers_apart() -> None:
    records = [numbered(1, "A"), *members(2), numbered(3, "B")]
    edges = [Edge(a=1, b=2, score=30), Edge(a=2, b=3, score=29)]
    assert group(records, edges, []) == [frozenset({1, 2}), frozenset({3})]
    assert group(records, edges, [same(1, 3)]) == [frozenset({1, 2, 3})]


def test_a_trusted_id_comes_before_any_score_and_after_judgements() -> None:
    edges = [Edge(a=1, b=2, score=-3, trusted=True), Edge(a=2, b=3, score=99)]
    assert group(members(1, 2, 3), edges, [different(1, 3)]) == [frozenset({1, 2}), frozenset({3})]
    assert group(members(1, 2, 3), edges, [different(1, 3), same(2, 3)]) == [frozenset({1}), frozenset({2, 3})]


def test_a_group_that_is_too_large_is_taken_apart_by_a_higher_mark() -> None:
    chain = [Edge(a=n, b=n + 1, score=20.0 + (n % 2)) for n in range(5)]
    found = group(members(*range(6)), chain, [], max_size=2)
    assert found == [frozenset({0}), frozenset({1, 2}), frozenset({3, 4}), frozenset({5})]
    assert group(members(*range(6)), chain, [], max_size=6) == [frozenset(range(6))]


def test_trusted_ids_give_way_last_and_judgements_never() -> None:
    trusted = [Edge(a=n, b=n + 1, score=0, trusted=True) for n in range(3)]
    scored = [Edge(a=0, b=3, score=50)]
    assert group(members(*range(4)), [*trusted, *scored], [], max_size=3) == [frozenset({n}) for n in range(4)]
    said = [same(n, n + 1) for n in range(3)]
    assert group(members(*range(4)), scored, said, max_size=3) == [frozenset(range(4))]
