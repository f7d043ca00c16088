"""Lift: shares with intervals that agree with the published ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onevoice.decisions.lift import accepted_share, difference


def test_intervals_are_those_of_the_papers() -> None:
    wilson = accepted_share(81, 263)
    apart = difference(accepted_share(56, 70), accepted_share(48, 80))

    assert (round(wilson.low, 4), round(wilson.high, 4)) == (0.2553, 0.3662)
    assert (round(apart.share, 4), round(apart.low, 4), round(apart.high, 4)) == (0.2, 0.0524, 0.3339)


def test_of_nobody_anything_is_possible() -> None:
    assert (accepted_share(0, 0).low, accepted_share(0, 0).high) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 500), st.integers(1, 500))
def test_intervals_hold_their_shares_and_turn_with_the_arms(a: int, m: int, b: int, n: int) -> None:
    one, other = accepted_share(min(a, m), m), accepted_share(min(b, n), n)
    forth, back = difference(one, other), difference(other, one)

    for share in (one, other):
        assert 0 <= share.low <= share.share <= share.high <= 1
    assert -1 <= forth.low <= forth.share <= forth.high <= 1
    assert forth.low == pytest.approx(-back.high)
