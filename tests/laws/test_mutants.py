"""Each law has a mutant that its test must catch: a law that cannot fail says nothing.

The mutant that takes an echo for a claim is caught by `tests.workers.test_unmerge_story`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from math import log2
from typing import Any

import pytest

from onevoice.identity import Profile, cluster
from onevoice.store import tables as t
from onevoice.workers.ingest import compare, seen, surroundings
from tests.laws.crowd import CAP, explore
from tests.master.test_golden import test_only_how_much_older_a_claim_is_counts_and_never_the_date as law_of_age
from tests.workers.test_oracle import (
    test_grouping_is_the_plain_one_while_bridges_of_two_and_two_are_held_and_taken as law_of_bridges,
)
from tests.workers.walk import Walk

Mutate = Callable[[pytest.MonkeyPatch], None]


def reopens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_stirred", lambda *_: set())


def stops_at_the_first_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    upsert = compare.upsert

    def first_only(connection: Any, table: Any, rows: list[Any], **rest: Any) -> None:
        upsert(connection, table, rows[:1] if table is t.pair else rows, **rest)

    monkeypatch.setattr(compare, "upsert", first_only)


def caps_by_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    rows_up_to = surroundings.rows_up_to

    def earliest(*what: Any, most: int, **rest: Any) -> Any:
        return rows_up_to(*what, most=min(most, CAP - 2), **rest)

    monkeypatch.setattr(surroundings, "rows_up_to", earliest)


def counts_names_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """How rare a name is follows from the records seen so far, not from the model's tables."""
    profile, counted = seen.profile, Counter[str]()

    def by_what_was_seen(*what: Any) -> Profile:
        made: Profile = profile(*what)
        counted[made.given] += 1
        return replace(made, given_bits=round(log2(counted.total() / counted[made.given]), 3))

    monkeypatch.setattr(seen, "profile", by_what_was_seen)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutate", [reopens_nothing, stops_at_the_first_hit, caps_by_arrival, counts_names_live])
def test_mutant_of_grouping_is_caught(
    make: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch, mutate: Mutate
) -> None:
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        explore(make, examples=100, shrink=False)


def test_mutant_that_takes_weak_bridges_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster._Taking, "_carries", lambda *_: True)
    with pytest.raises(AssertionError):
        law_of_bridges()


def test_mutant_whose_trust_fades_by_the_clock_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    golden_room = import_module("onevoice.master.golden")
    order = golden_room._order

    def from_today(found: Any, rule: Any) -> Any:
        claims = list(found)
        return order([*claims, claims[0]._replace(time=datetime.now(UTC))], rule)

    monkeypatch.setattr(golden_room, "_order", from_today)
    with pytest.raises(AssertionError):
        law_of_age()
