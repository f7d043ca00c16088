"""Neither order nor batches matter, and a merge that is taken back leaves nothing behind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from onevoice.errors import RefusedError
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from tests.laws.crowd import PEOPLE, arrival
from tests.workers.walk import Walk, at_rest

EXAMPLES, LEAST = 500, 50


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", [1, 2])
def test_any_order_comes_to_one_rest_and_unmerge_is_exact_in_a_thousand_crowds(
    make: Callable[[], Walk], part: int
) -> None:
    happened: Counter[str] = Counter()

    @seed(part)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(PEOPLE, min_size=4, max_size=14), st.integers(1, 5), st.randoms(use_true_random=False))
    def play(people: list[dict[str, Any]], batch: int, chance: random.Random) -> None:
        one, other = make(), make()
        told = [arrival(person, 1 + day) for day, person in enumerate(people)]
        one.take(*told, batch=batch)
        chance.shuffle(told)
        other.take(*told, batch=chance.randint(1, 5))
        rest = at_rest(one)
        assert at_rest(other) == rest
        happened["joined"] += any(len(found) > 1 for found in rest["groups"])
        customers = sorted(row.id for row in one.rows(t.customer))
        if len(customers) > 1:
            happened["merged"] += merged_and_back(one, *chance.sample(customers, 2))
            assert at_rest(one) == rest

    play()
    assert min(happened["joined"], happened["merged"]) >= LEAST, happened


def merged_and_back(walk: Walk, a: Any, b: Any) -> bool:
    """Merge two customers by hand and take it back; returns whether they could be merged."""
    judging = Judging(walk.store, walk.ingest)
    try:
        merged = judging.merge(a, b, actor="ann", reason="a slip")
    except RefusedError:
        return False
    judging.retract(merged.judgements[0].id, actor="ann")
    return True
