"""A compiled mapping: what it reads, what it writes, what it leaves alone, and that errors carry no values."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.contracts import Contracts
from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping import Mapping, compile_mapping, read_mapping
from onevoice.messages import Json, Lane, Permission

ROOT = Path(__file__).parents[2]
CANONICAL = Contracts(ROOT / "schemas").canonical("person").schema
SECRET = "marked-value-7f3a"
HEAD = "stream: Contact\nto: person\nkey: Id\nversion: Stamp\noccurred_at: Stamp\nwritable: true\nfields:\n"
BASE = {"Id": "1", "Stamp": "2024-11-05T14:21:09Z"}
TEXT = {"type": ["string", "null"]}
SOURCE: Json = {
    "properties": {
        "Id": TEXT,
        "Stamp": TEXT,
        "A": TEXT,
        "B": TEXT,
        "Flag": {"type": "boolean"},
        "Home": {"type": ["object", "null"], "properties": {"City": TEXT, "Country": TEXT}},
    }
}


def compiled(folder: Path, fields: str) -> Mapping:
    file = folder / "Contact.yaml"
    file.write_text(HEAD + fields, encoding="utf-8")
    return compile_mapping(read_mapping(file, "crm"), source=SOURCE, canonical=CANONICAL, region="GB")


def read(mapping: Mapping, **fields: Any) -> Json:
    return mapping.to_canonical({**BASE, **fields}).canonical


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_blank_is_absent(tmp_path: Path, blank: object) -> None:
    mapped = compiled(tmp_path, "  name.given: A\n").to_canonical({**BASE, "A": blank})
    assert mapped.canonical == {}


def test_origins_name_the_sources_of_each_leaf_and_flag(tmp_path: Path) -> None:
    fields = "  addresses[main].city: Home.City\n  gender: {value: other}\n"
    fields += "  acts[email/marketing]: {in: {from: Flag, values: {true: withdrawn}, otherwise: no act}}\n"
    origins = compiled(tmp_path, fields).to_canonical({**BASE, "Home": {"City": "Bath"}}).origins
    assert origins == {"addresses[main].city": ("Home.City",), "gender": (), "acts[email/marketing]": ("Flag",)}


def test_entry_of_constants_alone_needs_something_beside_them(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "  addresses[main].city: Home.City\n  addresses[main].country: {value: GB}\n")
    assert read(mapping) == {}
    assert read(mapping, Home={"City": "Bath"}) == {"addresses": [{"kind": "main", "city": "Bath", "country": "GB"}]}


@pytest.mark.parametrize(
    ("rule", "value", "pointer"),
    [
        ("birth_date: {from: A, as: date}", SECRET, "/A"),
        ("emails[main].address: {from: A, as: email}", SECRET, "/A"),
        ("phones[main].number: {from: A, as: phone}", SECRET, "/A"),
        ("gender: {from: A, values: {m: male}}", SECRET, "/A"),
        ("gender: {from: A, values: {m: male}}", [SECRET], "/A"),
        ("language: {from: A, as: language}", f"?{SECRET}", "/A"),
        ("name.given: A", [SECRET], "/A"),
        ("addresses[main].country: {from: Home.Country, as: country}", {"Country": SECRET}, "/Home/Country"),
        ("name.given: {compute: $number(A), direction: in}", SECRET, "/A"),
        ("acts[email/marketing]: {in: {from: A, values: {x: withdrawn}}}", SECRET, "/A"),
    ],
)
def test_unreadable_value_names_step_and_pointer_and_not_the_value(
    tmp_path: Path, rule: str, value: object, pointer: str
) -> None:
    mapping = compiled(tmp_path, f"  {rule}\n")
    with pytest.raises(RecordError) as caught:
        read(mapping, **{pointer.split("/")[1]: value})
    assert caught.value.pointers == (pointer,)
    assert rule.partition(":")[0] in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_invalid_drop_keeps_the_record_and_loses_the_value(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "  name.given: B\n  phones[main].number: {from: A, as: phone, invalid: drop}\n")
    assert read(mapping, A="not-a-phone", B="Ann") == {"name": {"given": "Ann"}}


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("0161 496 0123", None, "+441614960123"),
        ("030 901820", "DE", "+4930901820"),
        ("030 901820", " de ", "+4930901820"),
        ("0161 496 0123", "nowhere", "+441614960123"),
        ("0044 (0)161 496 0123", "GB", "+441614960123"),
        ("+1 202 555 0123", "GB", "+12025550123"),
    ],
)
def test_phone_is_read_under_the_region_of_the_record(
    tmp_path: Path, text: str, country: str | None, number: str
) -> None:
    mapping = compiled(tmp_path, "  phones[main].number: {from: A, as: phone, region: $.Home.Country}\n")
    assert read(mapping, A=text, Home={"Country": country})["phones"] == [{"kind": "main", "number": number}]


@pytest.mark.parametrize(
    ("style", "number", "written"),
    [
        ("national", "+441614960123", "0161 496 0123"),
        ("national", "+4930901820", "+49 30 901820"),
        ("international", "+441614960123", "+44 161 496 0123"),
        ("e164", "+441614960123", "+441614960123"),
    ],
)
def test_phone_is_written_in_the_declared_style(tmp_path: Path, style: str, number: str, written: str) -> None:
    mapping = compiled(tmp_path, f"  phones[main].number: {{from: A, as: phone, region: GB, style: {style}}}\n")
    canonical = {"phones": [{"kind": "main", "number": number}]}
    assert mapping.to_source(canonical, {}, Lane.RECORD) == {"A": written}
    assert read(mapping, A=written) == canonical


def test_table_with_back_writes_the_named_value(tmp_path: Path) -> None:
    rule = "  gender: {from: A, values: {m: male, M: male, f: female}, back: {male: m}, otherwise: {value: other}}\n"
    mapping = compiled(tmp_path, rule)
    assert [read(mapping, A=raw)["gender"] for raw in ("m", "M", "x")] == ["male", "male", "other"]
    assert mapping.to_source({"gender": "male"}, {}, Lane.RECORD) == {"A": "m"}
    assert mapping.to_source({"gender": "other"}, {}, Lane.RECORD) == {}


def test_value_that_no_table_writes_is_a_record_error_without_it(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "  name.prefix: {from: A, values: {m: Mr}}\n")
    with pytest.raises(RecordError) as caught:
        mapping.to_source({"name": {"prefix": SECRET}}, {}, Lane.RECORD)
    assert SECRET not in str(caught.value)


def test_absent_values_and_unknown_permissions_are_not_written(tmp_path: Path) -> None:
    fields = "  name.given: A\n  acts[email/marketing]:\n"
    fields += "    out: {to: Flag, from: permission, values: {denied: true, allowed: false}}\n"
    mapping = compiled(tmp_path, fields)
    act = ("email", "marketing")
    assert mapping.acts == (act,)
    assert mapping.to_source({}, {act: Permission.DENIED}, Lane.RECORD) == {}
    assert mapping.to_source({"name": {"given": "Ann"}}, {act: Permission.UNKNOWN}, Lane.SUPPRESSION) == {}
    assert mapping.to_source({}, {}, Lane.SUPPRESSION) == {}
    assert mapping.to_source({}, {act: Permission.DENIED}, Lane.SUPPRESSION) == {"Flag": True}
    assert mapping.writable_paths(Lane.SUPPRESSION) == {"Flag"}
    assert mapping.writable_paths(Lane.RECORD) == {"A"}


def test_write_modes_and_directions_rule_what_is_written(tmp_path: Path) -> None:
    fields = "  name.given: {from: A, write: never}\n  name.family: {from: B, write: if-empty}\n"
    fields += "  addresses[main].city: {from: Home.City, direction: in}\n  gender: {from: Id, direction: out}\n"
    mapping = compiled(tmp_path, fields)
    canonical = {"name": {"given": "Ann", "family": "Lee"}, "gender": "other"}
    assert mapping.to_source(canonical, {}, Lane.RECORD) == {"B": "Lee", "Id": "other"}
    assert mapping.if_empty == {"B"}
    assert "gender" not in read(mapping)


def test_difference_is_judged_on_what_the_values_mean(tmp_path: Path) -> None:
    fields = (
        "  phones[main].number: {from: A, as: phone, invalid: drop}\n  emails[main].address: {from: B, as: email}\n"
    )
    mapping = compiled(tmp_path, fields)
    data = {**BASE, "A": "0161 496 0123", "B": "Ann@Example.com"}
    assert mapping.difference(data, {"A": "+441614960123", "B": "ann@example.com"}) == {}
    assert mapping.difference(data, {"A": "+441614960124", "B": "ann@example.com"}) == {"A": "+441614960124"}
    assert mapping.difference({**data, "A": "junk"}, {"A": "+441614960123"}) == {"A": "+441614960123"}
    assert mapping.difference({**data, "B": "junk"}, {"B": "ann@example.com"}) == {"B": "ann@example.com"}


def test_time_is_utc_and_needs_a_zone(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "  name.given: A\n")
    assert mapping.occurred_at({**BASE, "Stamp": "2024-11-05T15:00:00+01:00"}) == datetime(2024, 11, 5, 14, tzinfo=UTC)
    assert mapping.occurred_at({"Id": "1"}) is None
    with pytest.raises(RecordError) as caught:
        mapping.occurred_at({**BASE, "Stamp": "2024-11-05T15:00:00"})
    assert caught.value.pointers == ("/Stamp",)


@pytest.mark.parametrize("key", [None, "", True, 1.5, [SECRET]])
def test_record_without_key_is_refused(tmp_path: Path, key: object) -> None:
    with pytest.raises(RecordError) as caught:
        compiled(tmp_path, "  name.given: A\n").key({**BASE, "Id": key})
    assert caught.value.pointers == ("/Id",)


@pytest.mark.parametrize("version", [None, "", True, 1.5, [SECRET]])
def test_record_without_version_is_refused(tmp_path: Path, version: object) -> None:
    with pytest.raises(RecordError) as caught:
        compiled(tmp_path, "  name.given: A\n").version({**BASE, "Stamp": version})
    assert caught.value.pointers == ("/Stamp",)


def test_two_rules_that_write_one_field_do_not_compile(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="written by two rules"):
        compiled(tmp_path, "  name.given: A\n  name.family: A\n")


def test_malformed_expression_does_not_compile(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a JSONata expression"):
        compiled(tmp_path, "  name.given: {compute: A &, direction: in}\n")


def test_computed_field_reads_and_names_its_sources(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "  name.given: {compute: \"$join([A, B], ' ')\", direction: in}\n")
    mapped = mapping.to_canonical({**BASE, "A": "Ann", "B": "Mary"})
    assert mapped.canonical == {"name": {"given": "Ann Mary"}}
    assert mapped.origins == {"name.given": ("A", "B")}
