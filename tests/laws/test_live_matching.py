"""Grouping is a function of records, judgements and model: live matching ends where a look at all pairs ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.laws.crowd import CROSSINGS, explore
from tests.workers.walk import Walk

LEAST = 50


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", [1, 2])
def test_live_matching_ends_where_all_pairs_end_in_a_thousand_crowds(make: Callable[[], Walk], part: int) -> None:
    seen = explore(make, examples=500, part=part)
    assert {name: seen[name] for name in CROSSINGS if seen[name] < LEAST} == {}


@pytest.mark.timeout(1200)
def test_live_matching_ends_where_all_pairs_end_on_postgresql(make_pg: Callable[[], Walk]) -> None:
    seen = explore(make_pg, examples=100, part=3)
    assert {name: seen[name] for name in CROSSINGS if seen[name] < LEAST // 2} == {}
