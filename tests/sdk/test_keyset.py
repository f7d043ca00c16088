"""Positions in a stream: read from a cursor, written to one, moved back by the overlap, never backwards."""

from __future__ import annotations

import pytest

from onevoice.errors import OperatorError
from onevoice.sdk.keyset import Keyset, furthest


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
