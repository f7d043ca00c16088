"""A consent field's series of observations: the same acts in whatever order its versions arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from onevoice.consent import FlagAct, Observation, acts_of_flag, observe, points_since

START = datetime(2026, 1, 1, tzinfo=UTC)
OBSERVED = st.sampled_from(["withdrawn", "granted", None])


def version(number: int) -> tuple[str, int]:
    return f"2026-01-{number // 3 + 1:02}T00:00:00.000000Z", number % 3


def series_of(said: list[tuple[int, str | None]]) -> tuple[Observation, ...]:
    series: tuple[Observation, ...] = ()
    for number, observed in said:
        series = observe(series, version(number), observed, START + timedelta(days=number))
    return series


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def turned(said: list[tuple[int, str | None]]) -> list[FlagAct]:
    """What must come out, written down plainly: each version that is a withdrawal after one that is none."""
    found = []
    last: str | None = None
    before: datetime | None = None
    for number, observed in sorted(dict(said).items()):
        if observed == "withdrawn" and last != "withdrawn":
            found.append(FlagAct(version(number), before, day(number)))
        last, before = observed, day(number)
    return found


@given(st.data())
def test_any_order_and_any_repetition_gives_the_same_acts(data: st.DataObject) -> None:
    said = list(enumerate(data.draw(st.lists(OBSERVED, max_size=12))))
    arrived = data.draw(
        st.permutations(said + data.draw(st.lists(st.sampled_from(said), max_size=4) if said else st.just([])))
    )
    assert acts_of_flag(series_of(arrived)) == turned(said)


@given(st.data())
def test_two_words_on_one_version_are_the_same_series_in_either_order(data: st.DataObject) -> None:
    said = data.draw(st.lists(st.tuples(st.integers(0, 3), OBSERVED), max_size=6))
    assert series_of(said) == series_of(data.draw(st.permutations(said)))


def test_a_withdrawal_stands_against_another_word_on_the_same_version() -> None:
    assert [act.version for act in acts_of_flag(series_of([(1, None), (1, "withdrawn")]))] == [version(1)]


def test_unticking_takes_no_act_away_and_makes_none() -> None:
    ticked = acts_of_flag(series_of([(0, None), (1, "withdrawn")]))
    assert acts_of_flag(series_of([(0, None), (1, "withdrawn"), (2, None), (3, "granted")])) == ticked


def test_a_late_version_parts_one_withdrawal_into_two_at_their_own_times() -> None:
    found = acts_of_flag(series_of([(1, "withdrawn"), (2, "withdrawn"), (4, "withdrawn"), (5, "withdrawn"), (3, None)]))
    assert found == [FlagAct(version(1), None, day(1)), FlagAct(version(4), day(3), day(4))]


@given(st.data())
def test_the_points_of_an_act_are_those_of_its_version_and_all_later_ones_in_any_order(data: st.DataObject) -> None:
    points = st.sets(st.sampled_from("abc"), max_size=2)
    said = data.draw(st.lists(st.tuples(st.integers(0, 4), OBSERVED, points), max_size=8))
    series: tuple[Observation, ...] = ()
    for number, observed, carried in data.draw(st.permutations(said)):
        series = observe(series, version(number), observed, START, carried)
    for first in range(5):
        expected = {point for number, _, carried in said for point in carried if number >= first}
        assert points_since(series, version(first)) == sorted(expected)
