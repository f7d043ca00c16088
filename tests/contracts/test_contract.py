"""A contract says what fails and where, and never repeats a value of the record."""

import json
from pathlib import Path

import pytest

from onevoice.contracts import Contracts
from onevoice.errors import ConfigurationError, RecordError

ROOT = Path(__file__).parents[2]
SECRET = "marked-value-7f3a"
CONTRACTS = Contracts(ROOT / "schemas")
CANONICAL = ("person", "organisation", "relationship", "interaction", "act", "order")
TIME = "2024-11-05T14:21:09.482113Z"


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"birth_date": SECRET}, "/birth_date"),
        ({"emails": [{"kind": "main", "address": SECRET}]}, "/emails/0/address"),
        ({"phones": [{"kind": SECRET, "number": "+447400123456"}]}, "/phones/0/kind"),
        ({SECRET: 1}, ""),
        ({"name": {SECRET: SECRET}}, "/name"),
        ({"gender": [SECRET]}, "/gender"),
        ({"language": f"{SECRET}\n"}, "/language"),
    ],
)
def test_bad_person_is_refused_with_pointer_and_without_value(document: object, pointer: str) -> None:
    with pytest.raises(RecordError) as caught:
        CONTRACTS.canonical("person").check(document)
    assert caught.value.pointers == (pointer,)
    assert "canonical/person" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.pointers)


@pytest.mark.parametrize("document", [{1: 2}, {"name": {"given": object()}}])
def test_what_json_cannot_hold_is_a_record_error(document: object) -> None:
    with pytest.raises(RecordError):
        CONTRACTS.canonical("person").check(document)


def test_a_cap_that_a_customer_wishes_is_counted_in_a_year_of_days_at_most() -> None:
    wish = {"kind": "preference", "channel": "any", "purpose": "any", "time": TIME}
    CONTRACTS.canonical("act").check({**wish, "terms": {"most": 1, "days": 366}})
    with pytest.raises(RecordError) as caught:
        CONTRACTS.canonical("act").check({**wish, "terms": {"most": 1, "days": 367}})
    assert caught.value.pointers == ("/terms/days",)


def test_time_must_be_utc_with_six_digits() -> None:
    call = {"channel": "phone", "direction": "inbound", "kind": "call", "time": TIME}
    CONTRACTS.canonical("interaction").check(call)
    with pytest.raises(RecordError):
        CONTRACTS.canonical("interaction").check({**call, "time": "2024-11-05T15:21:09+01:00"})


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("person", "emails[].address"),
        ("person", "name.given"),
        ("person", "addresses[].street"),
        ("organisation", "phones[].number"),
        ("interaction", "subject"),
        ("act", "evidence.text"),
    ],
)
def test_personal_fields_are_marked(type_: str, path: str) -> None:
    assert path in CONTRACTS.canonical(type_).personal_paths()


@pytest.mark.parametrize("type_", CANONICAL)
def test_canonical_schemas_are_closed(type_: str) -> None:
    assert CONTRACTS.canonical(type_).schema["additionalProperties"] is False


def test_every_source_schema_compiles() -> None:
    files = sorted((ROOT / "schemas").glob("sample_*/*.json"))
    assert files
    for file in files:
        assert CONTRACTS.source(file.parent.name, file.stem).schema["title"] == file.stem


def test_contract_is_loaded_once() -> None:
    assert CONTRACTS.canonical("person") is CONTRACTS.canonical("person")


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref": "gone.json"}',
        '{"$ref": "#/$defs/none"}',
        '{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}',
        '{"$ref": "../../outside.json"}',
        '{"pattern": "("}',
        "[]",
        "no json",
    ],
)
def test_broken_schema_is_a_configuration_error_that_names_it(tmp_path: Path, schema: str) -> None:
    folder = tmp_path / "schemas" / "canonical"
    folder.mkdir(parents=True)
    (tmp_path / "outside.json").write_text("{}", encoding="utf-8")
    (folder / "person.json").write_text(schema, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"canonical/|outside|gone"):
        Contracts(tmp_path / "schemas").canonical("person")


def test_references_are_inlined_and_keep_what_stands_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "canonical"
    folder.mkdir()
    (folder / "parts.json").write_text(json.dumps({"$defs": {"word": {"type": "string", "description": "general"}}}))
    person = {"properties": {"name": {"$ref": "parts.json#/$defs/word", "description": "special"}}}
    (folder / "person.json").write_text(json.dumps(person))
    schema = Contracts(tmp_path).canonical("person").schema
    assert schema["properties"]["name"] == {"type": "string", "description": "special"}
