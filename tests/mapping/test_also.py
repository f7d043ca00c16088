"""One source record that gives several: what each becomes, how keys and references hold together, what lint says."""

from pathlib import Path

import pytest

from onevoice.contracts import Contracts
from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping import Mapping, Problem, compile_mapping, lint, measure, read_mapping, run_tests
from onevoice.messages import Json, Lane
from onevoice.testing.round_trips import broken_laws
from tests.mapping.desk import MAPPING, SCHEMA, TICKET, call, lay_out, partner

ROOT = Path(__file__).parents[2]
CONTRACTS = Contracts(ROOT / "schemas")
PERSON = CONTRACTS.canonical("person")
OTHERS = {to: CONTRACTS.canonical(to) for to in ("person", "relationship", "interaction", "act")}


def slots(folder: Path) -> dict[str, Mapping]:
    lay_out(folder)
    file = read_mapping(folder / "mappings/desk/ticket.yaml", "desk")
    return {
        name: compile_mapping(slot, source=SCHEMA, canonical=OTHERS[slot.to].schema, region="GB")
        for name, slot in file.also.items()
    }


def given(folder: Path, record: Json) -> dict[str, Json]:
    return {ending: mapped.canonical for slot in slots(folder).values() for ending, _, mapped in slot.records(record)}


def problems(folder: Path, old: str, new: str) -> list[Problem]:
    assert old in MAPPING
    lay_out(folder, MAPPING.replace(old, new))
    file = read_mapping(folder / "mappings/desk/ticket.yaml", "desk")
    return lint(file, SCHEMA, PERSON.schema, {to: one.schema for to, one in OTHERS.items()})


def test_the_file_is_sound_and_its_test_holds_and_so_do_the_laws(tmp_path: Path) -> None:
    assert problems(tmp_path, "a bill", "a bill") == []
    file = read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk")
    contracts = Contracts(tmp_path / "schemas")
    [result] = run_tests(file, source=contracts.source("desk", "ticket"), canonical=PERSON, region="GB", others=OTHERS)
    assert result.problems == ()
    for part in (file, file.also["partner"]):
        assert part.writable
        assert broken_laws(part, SCHEMA, PERSON.schema, "GB") == []
    assert not file.also["call"].writable


def test_a_test_that_expects_something_else_says_of_which_record(tmp_path: Path) -> None:
    lay_out(tmp_path, MAPPING.replace("      partner: {name: {family: Marsh}", "      partner: {name: {family: Lee}"))
    file = read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk")
    source = Contracts(tmp_path / "schemas").source("desk", "ticket")
    [wrong] = run_tests(file, source=source, canonical=PERSON, region="GB", others=OTHERS)
    assert wrong.problems == ("partner: name.family is not what the test expects",)
    lay_out(tmp_path, MAPPING.replace("      call/1:", "      call/2:"))
    file = read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk")
    [missing] = run_tests(file, source=source, canonical=PERSON, region="GB", others=OTHERS)
    assert missing.problems == (
        "call/1: is not given as the test expects",
        "call/2: is not given as the test expects",
    )


def test_each_record_has_a_key_that_does_not_depend_on_the_order_of_entries(tmp_path: Path) -> None:
    calls = [call(1, 3), call(2, 4), {"no": 3, "at": None}]
    record = TICKET | {"partner": partner(), "calls": calls, "stop": {"at": "2026-01-05T00:00:00Z", "words": "no!"}}
    found = given(tmp_path, record)
    assert found.keys() == {"#partner", "#couple", "#call/1", "#call/2", "#stop"}
    assert found["#couple"]["to"] == {"stream": "ticket", "key": "7#partner"}
    assert found["#call/2"]["party"] == {"stream": "ticket", "key": "7"}
    assert given(tmp_path, record | {"calls": calls[::-1]}) == found
    assert given(tmp_path, TICKET) == {}


@pytest.mark.parametrize(
    ("calls", "pointer"),
    [
        ([call(1, 3), call(1, 4)], "/calls/1"),
        ([call(1, 3), {"at": "2026-01-05T00:00:00Z"}], "/calls/1"),
        (["x"], "/calls/0"),
        ("x", "/calls"),
        ([call(1, 3), call(2, 3) | {"at": "yesterday"}], "/calls/1/at"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named_by_its_place(tmp_path: Path, calls: object, pointer: str) -> None:
    with pytest.raises(RecordError) as caught:
        given(tmp_path, TICKET | {"calls": calls})
    assert caught.value.pointers == (pointer,)
    assert "yesterday" not in str(caught.value)


def test_a_pointer_into_the_whole_record_is_not_taken_for_one_into_the_entry(tmp_path: Path) -> None:
    mapping = MAPPING.replace("subject: about", "subject: {from: $.given, as: email}")
    lay_out(tmp_path, mapping)
    file = read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk").also["call"]
    compiled = compile_mapping(file, source=SCHEMA, canonical=OTHERS["interaction"].schema, region="GB")
    with pytest.raises(RecordError) as caught:
        compiled.records(TICKET | {"calls": [call(1, 3)]})
    assert caught.value.pointers == ("/given",)


def test_what_goes_back_is_the_partners_own(tmp_path: Path) -> None:
    golden = {"name": {"given": "Bob", "family": "Marsh"}, "emails": [{"kind": "main", "address": "b@example.com"}]}
    mapping = slots(tmp_path)["partner"]
    assert mapping.to_source(golden, {}, Lane.RECORD) == {"partner.given": "Bob", "partner.family": "Marsh"}
    assert mapping.acts == (("phone", "marketing"),)


@pytest.mark.parametrize(
    ("old", "new", "check", "words"),
    [
        ("slot: partner}", "slot: partnr}", "unknown-slot", "did you mean `partner`"),
        ("each: calls", "each: cals", "unknown-source-path", "did you mean `calls`"),
        ("by: no\n", "by: nr\n", "unknown-source-path", "no field `nr`"),
        (
            "person\n    when: {partner.family",
            "person\n    when: {partner.famly",
            "unknown-source-path",
            "partner.family",
        ),
        ("subject: about", "subject: abut", "unknown-source-path", "did you mean `about`"),
        ("subject: about", "subjct: about", "unknown-canonical-path", "did you mean `subject`"),
        ("name.given: partner.given", "name.given: given", "written-twice", "`given` is written by two"),
        ("  calls[].done: the desk's own bookkeeping\n", "  stop.words: x\n", "forgotten-field", "calls[].done"),
        ("kind: {value: objection}", "reason: {value: objection}", "missing-target", "requires `kind`"),
    ],
)
def test_lint_finds_mistakes_under_also_at_their_line(
    tmp_path: Path, old: str, new: str, check: str, words: str
) -> None:
    found = [problem for problem in problems(tmp_path, old, new) if problem.rule == check]
    assert any(words in problem.message and problem.line > 6 for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    by: no\n", "", "go together"),
        ("    by: no\n", "    buy: no\n", "did you mean `by`"),
        ("  call:\n    to: interaction", "  call:\n    to: person", "not a person"),
        ("  call:\n    to: interaction", "  Call 1:\n    to: interaction", "lower-case word"),
        ("      subject: about", "      subject: {from: about, as: txt}", "did you mean `text`"),
    ],
)
def test_what_stands_wrongly_under_also_is_told_at_load(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in MAPPING
    lay_out(tmp_path, MAPPING.replace(old, new))
    with pytest.raises(ConfigurationError, match=words):
        read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk")


def test_what_only_tells_of_the_past_does_not_count_against_the_way_back(tmp_path: Path) -> None:
    lay_out(tmp_path)
    coverage = measure(read_mapping(tmp_path / "mappings/desk/ticket.yaml", "desk"), SCHEMA)
    assert coverage.two_way == 1.0
    assert coverage.one_way == {"id", "calls[].at", "calls[].about", "stop.at", "stop.words"}
    assert coverage.forgotten == ()
