"""What one record is owed: only what differs, nothing that the system keeps in its own form, and its own value back."""

from __future__ import annotations

from typing import Any

from onevoice.messages import Json
from onevoice.obligations import Owed, owed_fields

OLD, NEW, OWN = "old@example.com", "new@example.com", "own@example.com"


def owed(wanted: Json, payload: Json, marks: dict[str, Json] | None = None, *, if_empty: tuple[str, ...] = ()) -> Owed:
    return owed_fields(
        wanted,
        {path: value for path, value in wanted.items() if payload.get(path) != value},
        payload,
        marks or {},
        writable=("Email", "Phone"),
        if_empty=if_empty,
        read=lambda data, path: data.get(path),
    )


def written(value: Any, *, given: Any = None, replaced: Any = OLD) -> Json:
    return {"sent": value, "written": value if given is None else given, "version": "v2", "replaced": replaced}


def test_what_differs_is_owed_with_the_value_that_it_replaces() -> None:
    assert owed({"Email": NEW, "Phone": "1"}, {"Email": OLD, "Phone": "1"}) == Owed(
        fields={"Email": NEW}, replaced={"Email": OLD}
    )


def test_nothing_is_owed_where_the_system_keeps_the_value_in_its_own_form() -> None:
    marks = {"Phone": written("+441614960123", given="0161 496 0123")}
    assert owed({"Phone": "+441614960123"}, {"Phone": "0161 496 0123"}, marks).fields == {}
    assert owed({"Phone": "+441614960999"}, {"Phone": "0161 496 0123"}, marks).fields == {"Phone": "+441614960999"}


def test_a_second_change_stays_owed_after_an_attempt_that_got_no_answer() -> None:
    under_way = {"Email": written(OLD) | {"sent": NEW, "base": ["v2", 0]}}
    assert owed({"Email": NEW}, {"Email": OLD}, under_way).fields == {"Email": NEW}


def test_a_field_for_gaps_is_filled_and_never_overwritten() -> None:
    for empty in (None, ""):
        assert owed({"Phone": "1"}, {"Phone": empty}, if_empty=("Phone",)).fields == {"Phone": "1"}
    assert owed({"Phone": "1"}, {"Phone": "2"}, if_empty=("Phone",)).fields == {}
    filled = {"Phone": written("1", replaced=None)}
    assert owed({"Phone": "3"}, {"Phone": "1"}, filled, if_empty=("Phone",)).fields == {"Phone": "3"}


def test_a_gap_that_somebody_filled_while_the_hub_was_writing_is_left_alone() -> None:
    under_way = {"Phone": {"sent": "1", "replaced": None, "base": ["v1", 0]}}
    assert owed({"Phone": "1"}, {"Phone": "2"}, under_way, if_empty=("Phone",)).fields == {}


def test_what_the_hub_filled_is_given_back_once_nothing_is_wanted_there() -> None:
    assert owed({}, {"Email": NEW}, {"Email": written(NEW)}).fields == {"Email": OLD}
    assert owed({}, {"Email": NEW}, {"Email": written(NEW, replaced=None)}).fields == {"Email": None}


def test_only_what_the_hub_wrote_and_still_stands_is_given_back() -> None:
    assert owed({}, {"Email": OWN}, {"Email": written(NEW)}).fields == {}
    assert owed({}, {"Email": NEW}, {"Email": written(NEW, replaced=NEW)}).fields == {}
    assert owed({}, {"Email": NEW}, {"Email": {"sent": NEW, "written": NEW, "version": "v2"}}).fields == {}
    assert owed({}, {"Email": NEW}, {"Other": written(NEW)}).fields == {}


def test_the_first_own_value_stays_the_replaced_one_over_several_writes() -> None:
    assert owed({"Email": "third@example.com"}, {"Email": NEW}, {"Email": written(NEW)}).replaced == {"Email": OLD}
