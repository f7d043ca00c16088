"""Conversions agree with the canonical contract: what they let through, the contract accepts."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.contracts import Contracts
from onevoice.mapping.conversion import make_conversion
from onevoice.mapping.paths import Target
from onevoice.mapping.rule import Rule

ROOT = Path(__file__).parents[2]
PERSON = Contracts(ROOT / "schemas").canonical("person")
TARGET = Target(head="name", leaf="given")


def get(convert: str, raw: Any, types: str = "string") -> Any:
    rule = Rule(target=TARGET, source="A", convert=convert)
    conversion = make_conversion(rule, {"type": types}, "GB")
    return conversion.get(raw, {}) if conversion.of_record else conversion.get(raw)


@given(st.emails() | st.from_regex(r"[^\s@]{1,30}@[^\s@]{1,30}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_address_that_is_read_fits_the_contract(text: str) -> None:
    try:
        address = get("email", text)
    except ValueError:
        return
    PERSON.check({"emails": [{"kind": "main", "address": address}]})


@given(st.from_regex(r"\+?[0-9 ()./-]{4,20}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_number_that_is_read_fits_the_contract(text: str) -> None:
    try:
        number = get("phone", text)
    except ValueError:
        return
    if number is not None:
        PERSON.check({"phones": [{"kind": "main", "number": number}]})


@pytest.mark.parametrize(
    ("convert", "raw", "value"),
    [
        ("date", "1974-03-18", "1974-03-18"),
        ("datetime", "2024-11-05T15:00:00+01:00", "2024-11-05T14:00:00.000000Z"),
        ("email", " Ann@Example.COM ", "ann@example.com"),
        ("country", "gb", "GB"),
        ("language", "de-CH", "de"),
        ("language", "EN", "en"),
        ("decimal", "129.90", "129.90"),
        ("decimal", 1e3, "1000.0"),
        ("decimal", "1e3", "1000"),
        ("bool", "True", True),
        ("bool", False, False),
        ("text", 90001, "90001"),
    ],
)
def test_value_is_read_in_its_canonical_form(convert: str, raw: object, value: object) -> None:
    assert get(convert, raw, "integer" if isinstance(raw, int) else "string") == value


@pytest.mark.parametrize(
    ("convert", "raw"),
    [
        ("date", "18.03.1974"),
        ("date", "1974-02-30"),
        ("datetime", "2024-11-05T15:00:00"),
        ("datetime", 1730815200),
        ("email", "Ann <ann@example.com>"),
        ("email", "ann@localhost"),
        ("country", "United Kingdom"),
        ("language", "?"),
        ("decimal", "NaN"),
        ("decimal", "1e999999"),
        ("decimal", True),
        ("decimal", "12,50"),
        ("bool", "yes"),
        ("bool", 1),
        ("phone", "not-a-phone"),
        ("phone", "12"),
        ("phone", 441614960123),
    ],
)
def test_value_that_cannot_be_read_is_a_value_error_without_it(convert: str, raw: object) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message must not say more
        get(convert, raw)
    assert str(raw) not in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "point"),
    [("0161 496 0123", "phone:+441614960123"), ("Ann@Example.com", "email:ann@example.com"), (" ", None)],
)
def test_point_names_its_kind(raw: str, point: str | None) -> None:
    assert get("point", raw) == point


def test_text_that_may_be_a_number_too_is_read_from_both_and_written_as_text() -> None:
    conversion = make_conversion(
        Rule(target=TARGET, source="A", convert="text"), {"type": ["string", "integer", "null"]}, "GB"
    )
    assert [conversion.get(raw) for raw in (7, "7", " ")] == ["7", "7", None]
    assert conversion.put is not None
    assert conversion.put("7") == "7"
