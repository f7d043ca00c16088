"""The fold over outcomes: any order, any number of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onevoice.decisions.outcome import OUTCOMES, standing

NOW = datetime(2026, 11, 2, tzinfo=UTC)
_SAID = st.tuples(st.sampled_from(OUTCOMES), st.integers(0, 3).map(lambda n: NOW + timedelta(minutes=n)))


@given(said=st.lists(_SAID, max_size=8), more=_SAID, data=st.data())
def test_fold_knows_no_order_no_repetition_and_no_way_back(
    said: list[tuple[str, datetime]], more: tuple[str, datetime], data: st.DataObject
) -> None:
    stands = standing(said)

    assert standing(data.draw(st.permutations([*said, *said]))) == stands
    ranks = {None: -1, "shown": 0, "clicked": 1, "accepted": 2, "declined": 2}
    assert ranks[standing([*said, more])] >= ranks[stands]


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ([], None),
        ([("accepted", 2), ("declined", 1)], "declined"),
        ([("accepted", 1), ("declined", 2)], "accepted"),
        ([("accepted", 1), ("declined", 1)], "declined"),
        ([("clicked", 1), ("shown", 2)], "clicked"),
    ],
)
def test_earlier_end_stands(said: list[tuple[str, int]], stands: str | None) -> None:
    assert standing([(kind, NOW + timedelta(minutes=at)) for kind, at in said]) == stands
