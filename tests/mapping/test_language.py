"""The words of the language beyond plain paths: times in formats and zones, texts of several parts, several fields."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onevoice.contracts import Contracts
from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping import Mapping, Problem, compile_mapping, lint, measure, read_mapping
from onevoice.messages import Json, Lane
from onevoice.testing.round_trips import broken_laws

CONTRACTS = Contracts(Path(__file__).parents[2] / "schemas")
LAW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = {"type": ["string", "null"]}
FIELDS: Json = dict.fromkeys(("Id", "Stamp", "A", "B", "C"), TEXT) | {
    "Number": {"type": ["integer", "null"]},
    "Flag": {"type": ["boolean", "null"]},
}
SOURCE: Json = {"properties": FIELDS}
SECRET = "marked-value-7f3a"
words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=12)
texts = st.lists(words, min_size=1, max_size=4).map(" ".join) | st.text(max_size=20)


def written_file(folder: Path, rules: str, to: str = "person") -> Path:
    file = folder / "Contact.yaml"
    head = f"stream: Contact\nto: {to}\nkey: Id\nversion: Stamp\nwritable: true\nfields:\n"
    file.write_text(f"{head}  {rules}\n", encoding="utf-8")
    return file


def compiled(folder: Path, rules: str, to: str = "person") -> Mapping:
    file = read_mapping(written_file(folder, rules, to), "crm")
    return compile_mapping(file, source=SOURCE, canonical=CONTRACTS.canonical(to).schema, region="GB")


def linted(folder: Path, rules: str) -> list[Problem]:
    file = read_mapping(written_file(folder, rules), "crm")
    schema = {"properties": {"Id": TEXT, "Stamp": TEXT, **{path: FIELDS[path] for path in measured(file)}}}
    return lint(file, schema, CONTRACTS.canonical("person").schema)


def measured(file: Any) -> set[str]:
    coverage = measure(file, SOURCE)
    return {path for path in coverage.mapped | coverage.bookkeeping if path in FIELDS}


def read(mapping: Mapping, **fields: Any) -> Json:
    return mapping.to_canonical({"Id": "1", "Stamp": "1", **fields}).canonical


def write(mapping: Mapping, canonical: Json) -> Json:
    return mapping.to_source(canonical, {}, Lane.RECORD)


@pytest.mark.parametrize(
    ("rule", "raw", "value", "written"),
    [
        ('{from: A, as: datetime, zone: Europe/Berlin, format: "%d.%m.%Y %H:%M"}', "05.11.2024 15:00", "14:00", None),
        ("{from: A, as: datetime, zone: Europe/Berlin}", "2024-11-05T15:00:00", "14:00", None),
        ('{from: A, as: datetime, format: ["%Y%m%d%H%M%z", "%d/%m/%Y %H:%M%z"]}', "05/11/2024 14:00Z", "14:00", "x"),
        ("{from: Number, as: datetime, format: epoch}", 1730815200, "14:00", None),
        ("{from: Number, as: datetime, format: epoch-ms}", 1730815200000, "14:00", None),
    ],
)
def test_time_is_read_in_its_format_and_zone_and_written_so(
    tmp_path: Path, rule: str, raw: object, value: str, written: str | None
) -> None:
    mapping = compiled(tmp_path, f"placed_at: {rule}", to="order")
    path = "Number" if isinstance(raw, int) else "A"
    canonical = read(mapping, **{path: raw})
    assert canonical == {"placed_at": f"2024-11-05T{value}:00.000000Z"}
    assert write(mapping, canonical) == {path: raw if written is None else "202411051400+0000"}


def test_hour_that_comes_twice_is_not_written_where_it_would_read_back_as_the_other(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "placed_at: {from: A, as: datetime, zone: Europe/Berlin}", to="order")
    assert write(mapping, {"placed_at": "2024-10-27T00:30:00.000000Z"}) == {"A": "2024-10-27T02:30:00"}
    assert write(mapping, {"placed_at": "2024-10-27T01:30:00.000000Z"}) == {}


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("William George Marshall", {"given": "William George", "family": "Marshall"}),
        ("Dr. Ann Lee", {"prefix": "Dr.", "given": "Ann", "family": "Lee"}),
        ("de la Cruz, María", {"given": "María", "family": "de la Cruz"}),
        ("  Zoë ", {"family": "Zoë"}),
    ],
)
def test_whole_name_falls_into_parts(tmp_path: Path, raw: str, parts: Json) -> None:
    assert read(compiled(tmp_path, "name: {from: A, as: name}"), A=raw) == {"name": parts}


@pytest.mark.parametrize(
    ("style", "raw", "parts"),
    [
        ("postcode-city", "Hauptstr. 5, 10115 Berlin, DE", ("Hauptstr. 5", "10115", "Berlin", "DE")),
        (
            "city-postcode",
            "14 Mill Lane\nFlat 2\nManchester M14 5TP",
            ("14 Mill Lane\nFlat 2", "M14 5TP", "Manchester"),
        ),
    ],
)
def test_address_in_one_text_falls_into_parts_and_back(
    tmp_path: Path, style: str, raw: str, parts: tuple[str, ...]
) -> None:
    mapping = compiled(tmp_path, f"addresses[main]: {{from: A, as: address, style: {style}}}")
    canonical = read(mapping, A=raw)
    names = ("street", "postal_code", "city", "country")
    assert canonical == {"addresses": [{"kind": "main", **dict(zip(names, parts, strict=False))}]}
    assert read(mapping, **write(mapping, canonical)) == canonical


def test_split_takes_the_rest_into_its_last_part(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, 'name: {from: A, split: {by: " / ", into: [family, given]}}')
    assert read(mapping, A="Lee / Ann / Mary") == {"name": {"family": "Lee", "given": "Ann / Mary"}}
    assert write(mapping, {"name": {"family": "Lee", "given": "Ann"}}) == {"A": "Lee / Ann"}
    assert write(mapping, {"name": {"family": "A / B", "given": "Ann"}}) == {}


@pytest.mark.parametrize(
    "rule",
    [
        "name: {from: A, as: name}",
        "name: {from: A, as: name, style: family-first}",
        'name: {from: A, split: {by: "|", into: [given, middle, family]}}',
        "addresses[main]: {from: A, as: address}",
        "addresses[main]: {from: A, as: address, style: city-postcode}",
        'birth_date: {from: A, as: date, format: "%d.%m.%Y"}',
        "gender: {from: A, values: {m: male, f: female}, otherwise: drop}",
    ],
)
@LAW
@given(raw=texts, other=texts, day=st.dates())
@example(raw="Dr Dr Lee", other="1 1 1, 1 A", day=None)
def test_round_trip_is_law(tmp_path: Path, rule: str, raw: str, other: str, day: Any) -> None:
    mapping = compiled(tmp_path, rule.replace("as: date,", "as: date, invalid: drop,"))
    canonical = read(mapping, A=raw)
    assert read(mapping, **{"A": raw} | write(mapping, canonical)) == canonical
    wanted = {"birth_date": day.isoformat()} if day and "birth_date" in rule else read(mapping, A=other)
    written = write(mapping, wanted)
    if written:
        assert read(mapping, **written) == wanted
    else:
        assert read(mapping, A=raw) == canonical


@LAW
@given(st.datetimes(), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]))
def test_moment_that_is_written_reads_back(tmp_path: Path, moment: Any, zone: str) -> None:
    mapping = compiled(tmp_path, f"placed_at: {{from: A, as: datetime, zone: {zone}}}", to="order")
    canonical = {"placed_at": moment.isoformat(timespec="microseconds") + "Z"}
    written = write(mapping, canonical)
    assert not written or read(mapping, **written) == canonical


def test_first_of_several_fields_that_holds_something_counts(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "phones[main].number: {from: [A, B], as: phone, direction: in}")
    number = {"phones": [{"kind": "main", "number": "+441614960123"}]}
    assert read(mapping, A=" ", B="0161 496 0123") == number
    assert read(mapping, A="0161 496 0123", B="junk") == number
    assert mapping.to_canonical({"Id": "1"}).origins == {"phones[main].number": ("A", "B")}


def test_first_of_several_goes_back_where_it_came_from(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "phones[main].number: {from: [A, B], as: phone, write: if-empty}")
    wanted = {"phones": [{"kind": "main", "number": "+441614960123"}]}
    for record, place in (({"A": "0800"}, "A"), ({"A": " ", "B": "0161"}, "B"), ({}, "A"), (None, "A")):
        assert list(mapping.to_source(wanted, {}, Lane.RECORD, data=record)) == [place]
    assert mapping.writable_paths(Lane.RECORD) == mapping.if_empty == {"A", "B"}
    origins = mapping.to_canonical({"Id": "1", "Stamp": "1", "B": "0161 496 0123"}).origins
    assert origins["phones[main].number"] == ("B",), "an echo is judged by the field that the value is in"


def test_a_rule_under_a_condition_writes_the_records_that_it_reads(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "name.given: {from: A, when: {B: mobile}}")
    wanted = {"name": {"given": "Ann"}}
    assert mapping.to_source(wanted, {}, Lane.RECORD, data={"B": "mobile"}) == {"A": "Ann"}
    assert mapping.to_source(wanted, {}, Lane.RECORD, data={"B": "fixed"}) == {}
    assert mapping.to_source(wanted, {}, Lane.RECORD) == {}


@pytest.mark.parametrize(
    "rules",
    [
        "name.given: {from: [A, B]}\n  name.family: C",
        "name.given: {from: A, when: {B: [mobile, cell]}}\n  name.family: C",
    ],
)
def test_what_depends_on_the_record_keeps_the_law(tmp_path: Path, rules: str) -> None:
    file = read_mapping(written_file(tmp_path, rules), "crm")
    assert broken_laws(file, SOURCE, CONTRACTS.canonical("person").schema, "GB") == []


def test_two_rules_that_may_write_one_field_are_found(tmp_path: Path) -> None:
    problems = linted(tmp_path, "name.given: {from: [A, B]}\n  name.family: B")
    assert ["`B` is written by two rules" in p.message for p in problems if p.rule == "written-twice"] == [True]


def test_texts_of_several_fields_are_joined(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, 'addresses[main].street: {from: [A, B, C], join: ", ", direction: in}')
    assert (
        read(mapping, A="Mill House", B="", C=" 14 Mill Lane ")["addresses"][0]["street"] == "Mill House, 14 Mill Lane"
    )
    assert read(mapping) == {}
    with pytest.raises(RecordError, match="cannot read the value"):
        read(mapping, A=["x"])


@pytest.mark.parametrize(
    ("when", "fields", "reads"),
    [
        ("{B: mobile}", {"B": "mobile"}, True),
        ("{B: mobile}", {"B": "fixed"}, False),
        ("{B: [mobile, cell]}", {"B": "cell"}, True),
        ("{B: present}", {"B": " "}, False),
        ("{B: absent, C: present}", {"C": "x"}, True),
        ("{Flag: true}", {"Flag": True}, True),
        ("{Flag: true}", {"Flag": 1}, False),
    ],
)
def test_condition_rules_whether_a_field_is_read(tmp_path: Path, when: str, fields: Json, reads: bool) -> None:
    mapping = compiled(tmp_path, f"name.given: {{from: A, when: {when}, direction: in}}")
    assert (read(mapping, A="Ann", **fields) == {"name": {"given": "Ann"}}) is reads


def test_whole_and_part_of_one_object_are_put_together(tmp_path: Path) -> None:
    mapping = compiled(tmp_path, "name: {from: A, as: name}\n  name.suffix: B")
    assert read(mapping, A="Ann Lee", B="Jr") == {"name": {"given": "Ann", "family": "Lee", "suffix": "Jr"}}
    assert read(mapping, B="Jr") == {"name": {"suffix": "Jr"}}


def functions(folder: Path, code: str) -> None:
    (folder / "functions.py").write_text(code, encoding="utf-8")


def test_typed_function_makes_a_value_and_its_code_is_part_of_the_version(tmp_path: Path) -> None:
    functions(tmp_path, "def shout(a: str | None, n: int | None) -> str | None:\n    return a and a.upper() * n\n")
    mapping = compiled(tmp_path, "name.given: {python: shout, from: [A, Number], direction: in}")
    assert read(mapping, A="ann", Number=2) == {"name": {"given": "ANNANN"}}
    with pytest.raises(RecordError) as caught:
        read(mapping, A=SECRET)
    assert SECRET not in str(caught.value)
    functions(tmp_path, "def shout(a: str | None, n: int | None) -> str | None:\n    return a\n")
    again = compiled(tmp_path, "name.given: {python: shout, from: [A, Number], direction: in}")
    assert again.version_id != mapping.version_id


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def other(a: str) -> str: ...\n", "has no function `made`"),
        ("def made(a): ...\n", "must declare the types"),
        ("def made(a: int | None) -> str: ...\n", "takes integer for `A`, which is string"),
        ("def made(a: str | None) -> int: ...\n", "gives integer, but `name.given` is string"),
        ("def made(a: str, b: str) -> str: ...\n", "takes 2 values, but `from` lists 1"),
        ("nonsense(\n", "cannot be loaded (SyntaxError)"),
    ],
)
def test_lint_holds_a_function_to_its_declared_types(tmp_path: Path, code: str, message: str) -> None:
    functions(tmp_path, code)
    problems = linted(tmp_path, "name.given: {python: made, from: A, direction: in}")
    assert message in next(problem.message for problem in problems if problem.rule == "type-clash")


@pytest.mark.parametrize(
    ("rule", "line", "message"),
    [
        ("name: {from: A, split: {by: x, into: [given, famly]}}", 7, "has no `famly` (did you mean `family`?)"),
        ("birth_date: {from: A, as: name}", 7, "the rule gives an object, but `birth_date` is string"),
        (
            "name: {from: Number, split: {by: x, into: [given, family]}}",
            7,
            "`split` reads text, but `Number` is integer",
        ),
        ("name.given: {from: [A, Bb], direction: in}", 7, "has no field `Bb`"),
        ("name.given: {from: A, when: {Bb: present}, direction: in}", 7, "has no field `Bb`"),
    ],
)
def test_lint_finds_what_does_not_fit(tmp_path: Path, rule: str, line: int, message: str) -> None:
    problems = linted(tmp_path, rule)
    assert [p.line for p in problems if message in p.message] == [line]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("name.given: {from: [A, B], join: x}", "say `direction: in`"),
        ("name.given: {from: A, python: made}", "say `direction: in`"),
        ("name.given: {from: [A], direction: in}", "a list of two or more"),
        ("name.given: {from: A, join: x}", "`join` goes with a list"),
        ("name.given: {from: A, split: {by: x, into: [given]}}", "`split` must be"),
        ("addresses[main]: A", "names a whole entry"),
        ("birth_date: {from: A, as: date, format: epoch}", "stand alone, with `as: datetime`"),
        ("birth_date: {from: A, as: date, format: dd.mm.yyyy}", "a pattern such as"),
        ("birth_date: {from: A, as: datetime, zone: Europe/Berlim}", "(did you mean `Europe/Berlin`?)"),
        ("name.given: {from: A, zone: UTC}", "`zone` goes with `as: datetime`"),
    ],
)
def test_malformed_rule_says_what_to_write(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)) as caught:
        compiled(tmp_path, rule)
    assert re.match(r".*Contact\.yaml:7:\d+: ", str(caught.value))
