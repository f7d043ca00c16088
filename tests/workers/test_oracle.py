"""Live matching ends where a plain look at every pair ends, also while limits are crossed both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from onevoice.identity import Edge, JudgedPair, Limits, Member, Profile, group
from onevoice.store import tables as t
from onevoice.workers import oracle
from tests.laws.crowd import differences, explore, lowered
from tests.workers.walk import Walk, crm, shop

LEAST = 50


@pytest.fixture
def make(new_walk: Callable[[], Walk]) -> Callable[[], Walk]:
    return lambda: lowered(new_walk())


def test_live_matching_ends_where_all_pairs_end_in_some_crowds(make: Callable[[], Walk]) -> None:
    explore(make, examples=25)  # tests/laws has a thousand


def test_grouping_is_the_plain_one_while_bridges_of_two_and_two_are_held_and_taken() -> None:
    counted: Counter[str] = Counter()
    numbers = range(6)
    every = list(combinations(numbers, 2))

    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(st.sampled_from([-20.0, 10.0, 21.0, 22.0, 30.0]), min_size=len(every), max_size=len(every)),
        st.lists(st.sampled_from(["", "", "A", "B"]), min_size=6, max_size=6),
        st.dictionaries(st.sampled_from(every), st.sampled_from(["same", "different"]), max_size=2),
        st.sampled_from([3, 4, 6]),
    )
    def play(scores: list[float], ids: list[str], said: dict[tuple[int, int], str], largest: int) -> None:
        score_of = dict(zip(every, scores, strict=True))
        links = [Edge(a=a, b=b, score=s) for (a, b), s in score_of.items() if s > 20]
        links += [Edge(a=a, b=b, score=0, trusted=True) for a, b in [(0, 1)] if score_of[0, 1] <= 20]
        members = [
            Member(
                id=n,
                type="person",
                sort_key=("crm", "Contact", str(n)),
                own=[("national_id", ids[n])] if ids[n] else (),
            )
            for n in numbers
        ]
        judged = [JudgedPair(verdict=verdict, a=a, b=b) for (a, b), verdict in said.items()]
        limits = Limits(bridge=12.0, max_size=largest, link=20.0)
        found = group(members, links, judged, limits, lambda a, b: score_of[min(a, b), max(a, b)])

        scene = SimpleNamespace(
            rows={n: SimpleNamespace(system="crm", stream="Contact", key=str(n), type="person") for n in numbers},
            seen={n: replace(Profile(type="person"), national_id=ids[n]) for n in numbers},
            model=SimpleNamespace(
                marks=SimpleNamespace(bridge=12.0, link=20.0), max_size=largest, one_per_customer={"national_id"}
            ),
            score=lambda a, b: SimpleNamespace(score=score_of[min(a, b), max(a, b)]),
        )
        pairs = {(e.a, e.b): (e.score, "trusted" if e.trusted else "link") for e in links}
        same, different = ([p for p, verdict in said.items() if verdict == word] for word in ("same", "different"))
        plain = oracle._plain_groups(scene, set(numbers), pairs, same, different)  # type: ignore[arg-type]
        assert {frozenset(one) for one in plain.values()} == set(found)
        for one, other in combinations([g for g in found if len(g) > 1], 2):
            cross = [(min(a, b), max(a, b)) for a in one for b in other]
            linked = any(pair in pairs for pair in cross)
            counted["held"] += linked and sum(score_of[pair] for pair in cross) < 12.0 * len(cross)
        counted["taken"] += sum(len(one) >= 4 for one in found)

    play()
    assert min(counted["held"], counted["taken"]) >= LEAST, counted


def test_wrong_customer_and_a_lost_pair_are_named(make: Callable[[], Walk]) -> None:
    walk = make()
    walk.take(crm(1, Email="ann@example.com"), shop(2))
    assert differences(walk) == ()
    ids = sorted(row.id for row in walk.rows(t.source_record))
    with walk.store.transaction() as connection:
        connection.execute(update(t.source_record).values(customer_id=ids[1]))
        connection.execute(t.pair.delete())
    found = differences(walk)
    assert {difference.kind for difference in found} == {"pair", "grouping"}
    assert "rec:crm:Contact:003A" in found[0].subject
