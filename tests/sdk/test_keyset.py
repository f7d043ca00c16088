"""Positions in a stream: read from a cursor, written to one, moved back by the overlap, never backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onevoice.errors import OperatorError
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.versions import version_text


def test_a_cursor_survives_being_stored() -> None:
    position = Keyset("2025-01-01T00:00:00.000001Z", "K1")
    assert Keyset.of(position.cursor()) == position
    assert Keyset.of({"after": ["2025-01-01T01:00:00+01:00", 7]}) == Keyset("2025-01-01T00:00:00.000000Z", "7")
    assert Keyset.of(None) is None
    assert Keyset.of({}) is None


@pytest.mark.parametrize("after", ["2025", ["2025-01-01"], ["yesterday", "K1"], 5, [None, None]])
def test_a_cursor_of_another_make_is_refused_without_being_quoted(after: object) -> None:
    with pytest.raises(OperatorError, match="clear it") as caught:
        Keyset.of({"after": after})
    assert "yesterday" not in str(caught.value)


def test_a_read_begins_the_overlap_before_its_cursor_and_before_every_key_of_that_moment() -> None:
    assert Keyset("2025-01-01T00:01:00.000000Z", "K1").back(120) == Keyset("2024-12-31T23:59:00.000000Z", "")


def test_re_reading_does_not_move_a_cursor_back() -> None:
    early, late = Keyset("2025-01-01T00:00:00.000000Z", "K2"), Keyset("2025-01-01T00:00:00.000000Z", "K3")
    assert furthest(late, early) == late
    assert furthest(None, early) == early
    assert furthest(early, early, late) == late


BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
OVERLAP = 120

change = st.tuples(
    st.integers(0, 600),  # second at which the transaction stamped its row
    st.integers(0, OVERLAP - 1),  # seconds until it was committed
    st.sampled_from("abcdef"),
)


def at(second: int) -> str:
    return version_text(BEGIN + timedelta(seconds=second))


@given(st.lists(change, max_size=30), st.lists(st.integers(0, 800), min_size=1, max_size=8), st.integers(1, 4))
def test_what_is_committed_within_the_overlap_is_read_whatever_the_polls_passed(
    changes: list[tuple[int, int, str]], polls: list[int], page: int
) -> None:
    """A poll sees what was committed before it; the cursor passes later stamps; nothing that committed late is lost."""
    cursor: Keyset | None = None
    read: set[tuple[str, str]] = set()
    for now in [*sorted(polls), 900]:
        start = cursor.back(OVERLAP) if cursor else None
        visible = sorted({Keyset(at(stamped), key) for stamped, late, key in changes if stamped + late <= now})
        found = [place for place in visible if start is None or place > start]
        for first in range(0, len(found), page):
            some = found[first : first + page]
            before, cursor = cursor, furthest(cursor, *some)
            assert before is None or cursor >= before, "a cursor never goes back"
            read |= {(place.time, place.key) for place in some}
            if first:  # killed here, and begun again from the cursor: all that is left lies behind it
                assert {place for place in found[first + page :] if place <= cursor.back(OVERLAP)} == set()
    assert read == {(at(stamped), key) for stamped, _, key in changes}


@given(st.integers(0, 10**12), st.integers(0, 10**6), st.text("abc", max_size=3))
def test_a_place_of_numbers_goes_back_and_survives_being_stored(number: int, overlap: int, key: str) -> None:
    position = Keyset(version_text(number), key)
    assert Keyset.of(position.cursor()) == position
    assert position.back(overlap) == Keyset(version_text(max(0, number - overlap)), "")
    assert position.back(overlap) <= position
