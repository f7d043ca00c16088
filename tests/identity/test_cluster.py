import random
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.identity import Edge, JudgedPair, Member, group


def members(*numbers: int, record_type: str = "person") -> list[Member]:
    return [Member(id=number, type=record_type, sort_key=("crm", "Contact", f"{number:04d}")) for number in numbers]


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
