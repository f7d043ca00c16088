"""Full sweeps: what changed is always among what is given, after a kill as well, and little else is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from onevoice.sdk import SourceRecord
from onevoice.sdk.sweep import swept_pages

States = st.dictionaries(st.integers(0, 400).map(str), st.integers(0, 3), max_size=120)


def records(state: dict[str, int]) -> list[SourceRecord]:
    return [SourceRecord(stream="s", key=key, version="0", data={"value": value}) for key, value in state.items()]


def sweep(state: dict[str, int], cursor: Any, *, killed_after: int = 10_000) -> tuple[dict[str, int], Any]:
    found: dict[str, int] = {}
    for number, page in enumerate(swept_pages(records(state), cursor, size=10)):
        if number == killed_after:
            break
        found |= {one.key: one.data["value"] for one in page.records if one.data is not None}
        cursor = page.cursor
    return found, cursor


@given(States, States, st.integers(0, 12))
def test_no_change_is_missed_whenever_a_sweep_is_killed(
    before: dict[str, int], after: dict[str, int], killed: int
) -> None:
    first, cursor = sweep(before, None)
    assert first == before
    some, cursor = sweep(after, cursor, killed_after=killed)
    rest, cursor = sweep(after, cursor)
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    assert changed.items() <= (some | rest).items() <= after.items()
    assert sweep(after, cursor)[0] == {}


def test_a_change_costs_its_bucket_and_the_cursor_stays_small() -> None:
    state = dict.fromkeys(map(str, range(20_000)), 0)
    _, cursor = sweep(state, None)
    found, _ = sweep({**state, "17": 1}, cursor)
    assert "17" in found
    assert len(found) < 200
    assert len(str(cursor)) < 12_000
