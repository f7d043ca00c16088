"""What differs between a record and its schema is told by path and type, and the proposed patch lets it through."""

import json
from pathlib import Path
from typing import Any

import pytest

from onevoice.contracts import Contracts, Drift, apply_patch, proposed_patch
from onevoice.contracts.contract import Contract
from onevoice.contracts.validators import FORMATS
from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import Json

SECRET = "marked-value-7f3a"
SCHEMA: Json = {
    "type": "object",
    "required": ["id", "mail"],
    "properties": {
        "id": {"type": "integer"},
        "mail": {"type": "string", "maxLength": 30},
        "kind": {"enum": ["a", "b"]},
        "home": {"type": ["object", "null"], "properties": {"city": {"type": ["string", "null"]}}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"no": {"type": "integer"}}}},
        "free": {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
    },
}
GOOD: Json = {
    "id": 1, "mail": "a", "kind": "a", "home": {"city": "Bath"}, "lines": [{"no": 1}], "free": {"any": "thing"},
}  # fmt: skip
CONTRACT = Contract("x/y", SCHEMA)


def differences(**fields: Any) -> set[tuple[str, str]]:
    return {(found.path, found.what) for found in CONTRACT.drift(GOOD | fields)}


def test_what_fits_has_no_drift() -> None:
    assert CONTRACT.drift(GOOD) == ()
    assert CONTRACT.drift({"id": 1, "mail": "a"}) == ()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"vip": True}, {("vip", "new boolean")}),
        ({"mail": 5}, {("mail", "type integer")}),
        ({"mail": None}, {("mail", "type null")}),
        ({"mail": SECRET * 9}, {("mail", "maxLength")}),
        ({"kind": SECRET}, {("kind", "enum")}),
        ({"home": {"city": [SECRET], "floor": 3}}, {("home.city", "type array"), ("home.floor", "new integer")}),
        (
            {"lines": [{"no": 1}, {"no": "x", "art": "y"}]},
            {("lines[].no", "type string"), ("lines[].art", "new string")},
        ),
        ({"free": {SECRET: 5}}, {("free.*", "type integer")}),
        ({SECRET: 5, "a@b.example": 6}, {("*", "new integer")}),
        ({f"n{number}": 1 for number in range(30)}, {("*", "new integer")}),
    ],
)
def test_differences_are_told_by_path_and_type_and_never_by_value(fields: Json, found: set[tuple[str, str]]) -> None:
    assert differences(**fields) == found
    assert SECRET not in repr(CONTRACT.drift(GOOD | fields))


def test_what_is_missing_is_told_and_no_object_at_all_too() -> None:
    assert {(one.path, one.what) for one in CONTRACT.drift({"id": 1})} == {("mail", "missing")}
    assert {(one.path, one.what) for one in CONTRACT.drift([])} == {("", "type array")}


@pytest.mark.parametrize(
    ("fields", "left", "taken"),
    [
        ({"mail": 5}, {"mail"}, ("/mail",)),
        ({"home": {"city": 5}}, {"city"}, ("/home/city",)),
        ({"lines": [{"no": 1}, {"no": "x"}]}, {"no"}, ("/lines/1/no",)),
        ({"lines": [5]}, {"lines"}, ("/lines",)),
    ],
)
def test_what_fits_is_left_when_the_fields_at_fault_are_taken_out(
    fields: Json, left: set[str], taken: tuple[str, ...]
) -> None:
    bad = GOOD | fields
    before = json.dumps(bad)
    fitting, pointers = CONTRACT.fitting_part(bad)
    assert pointers == taken
    assert json.dumps(bad) == before
    assert not any(one.what.startswith("type") for one in CONTRACT.drift(fitting))
    assert {name for name in ("mail", "lines") if name not in fitting} <= left


def test_what_lacks_a_field_of_itself_is_not_taken_in_by_parts() -> None:
    with pytest.raises(RecordError):
        CONTRACT.fitting_part({"mail": 5})


@pytest.mark.parametrize(
    "bad",
    [
        GOOD | {"vip": True, "mail": 5, "kind": "c"},
        {"id": "x"},
        GOOD | {"home": {"city": [], "floor": 3}, "lines": [{"no": None, "art/icle": 1}]},
    ],
)
def test_the_proposed_patch_lets_through_what_was_seen(bad: Json) -> None:
    patch = proposed_patch(SCHEMA, CONTRACT.drift(bad))
    patched = Contract("x/y", apply_patch(SCHEMA, patch, "y.json"))
    assert [one for one in patched.drift(bad) if one.path.rpartition(".")[2] != "*"] == []
    assert patched.drift(GOOD) == ()
    assert CONTRACT.version != patched.version


def test_what_the_schema_forbids_is_not_taken_for_new() -> None:
    contract = Contract(
        "x/z", {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    )
    assert Drift("", "unfit", "") in contract.drift({"a": "x", "b": 1})


@pytest.mark.parametrize("form", FORMATS)
def test_a_value_of_a_wrong_format_is_found_whatever_the_format(form: str) -> None:
    contract = Contract("x/z", {"type": "object", "properties": {"a": {"type": "string", "format": form}}})
    wrong = next(text for text in ("\\ {(", "%%", "", "x y", "[") if not contract._fits({"a": text}))
    assert {(one.path, one.what) for one in contract.drift({"a": wrong})} == {("a", "format")}


def test_two_types_of_one_field_make_one_operation() -> None:
    drift = [Drift("vip", "new boolean", "/properties"), Drift("vip", "new string", "/properties")]
    [operation] = proposed_patch(SCHEMA, drift)
    assert operation == {"op": "add", "path": "/properties/vip", "value": {"type": ["boolean", "string", "null"]}}


def test_a_type_is_widened_by_what_was_seen_and_no_more() -> None:
    drift = [Drift("mail", "type integer", "/properties/mail/type")]
    assert proposed_patch(SCHEMA, drift)[0]["value"] == ["string", "integer"]
    both = [*drift, Drift("mail", "type null", "/properties/mail/type")]
    assert proposed_patch(SCHEMA, both)[0]["value"] == ["string", "integer", "null"]


def test_what_a_schema_says_by_reference_is_not_patched(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    raw = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}
    (tmp_path / "x" / "y.json").write_text(json.dumps(raw))
    contract = Contracts(tmp_path).source("x", "y")
    with pytest.raises(ConfigurationError, match="by hand"):
        apply_patch(raw, proposed_patch(contract.schema, contract.drift({"a": 1})), "y.json")
