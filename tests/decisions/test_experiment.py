"""Intervals against published figures."""

from __future__ import annotations

import pytest

from onevoice.decisions.experiment import difference, proportion


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_of_a_proportion_is_wilsons(successes: int, trials: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    found = proportion(successes, trials)

    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_interval_of_a_difference_is_newcombes() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10: 56/70 - 48/80."""
    one, other = proportion(56, 70), proportion(48, 80)

    assert one is not None
    assert other is not None
    found = difference(one, other)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_nothing_tried_gives_no_interval() -> None:
    assert proportion(0, 0) is None
