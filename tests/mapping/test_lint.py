"""Lint finds each kind of mistake at its place, without running the mapping."""

from pathlib import Path

import pytest

from onevoice.contracts import Contracts
from onevoice.mapping import Problem, lint, read_mapping
from onevoice.messages import Json

ROOT = Path(__file__).parents[2]
CONTRACTS = Contracts(ROOT / "schemas")
TEXT = {"type": ["string", "null"]}
SOURCE: Json = {
    "properties": {
        "Id": TEXT,
        "Stamp": TEXT,
        "FirstName": TEXT,
        "Born": TEXT,
        "Amount": {"type": "number"},
        "Flag": {"type": "boolean"},
        "Sex": {"enum": ["m", "f", "F"]},
    }
}
WRONG_WAY_ROUND = (
    "acts[email/marketing]: {in: {from: Flag, values: {true: withdrawn}, otherwise: no act},"
    " out: {to: Flag, from: permission, values: {denied: false}}}"
)
IGNORE = "ignore: {FirstName: x, Born: x, Amount: x, Flag: x, Sex: x}\n"


def problems(folder: Path, fields: str, *, to: str = "person", ignore: str = IGNORE, head: str = "") -> list[Problem]:
    text = f"stream: Contact\nto: {to}\nkey: Id\nversion: Stamp\n{head}fields:\n{fields}{ignore}"
    file = folder / "Contact.yaml"
    file.write_text(text, encoding="utf-8")
    return lint(read_mapping(file, "crm"), SOURCE, CONTRACTS.canonical(to).schema)


@pytest.mark.parametrize(
    ("rule", "check", "line", "column", "words"),
    [
        ("name.gven: Id", "unknown-canonical-path", 6, 3, "did you mean `name.given`"),
        ("emails[mail].address: {from: Id, as: email}", "unknown-canonical-path", 6, 3, "emails[main].address"),
        ("emails: Id", "unknown-canonical-path", 6, 3, "no `emails`"),
        ("name.given: FirstNam", "unknown-source-path", 6, 3, "did you mean `FirstName`"),
        ("name.given: {from: FirstNam}", "unknown-source-path", 6, 16, "did you mean `FirstName`"),
        ("phones[main].number: {from: Id, as: phone, region: $.Cuntry}", "unknown-source-path", 6, 46, "`Cuntry`"),
        ("name.given: {from: Flag, as: text}", "type-clash", 6, 28, "boolean"),
        ("name.given: Flag", "type-clash", 6, 3, "string"),
        ("name.given: {from: Flag, as: bool}", "type-clash", 6, 28, "boolean"),
        ("birth_date: Born", "type-clash", 6, 3, "as: date"),
        ("gender: {value: mail}", "type-clash", 6, 12, "constant"),
        ("gender: {from: Sex, values: {m: male, f: femal, F: other}}", "type-clash", 6, 41, "does not fit"),
        (
            "gender: {from: Sex, values: {m: male, f: female, F: other, x: other}, back: {other: F}}",
            "type-clash",
            6,
            62,
            "never holds",
        ),
        ("gender: {from: Sex, values: {m: male, f: female}}", "outside-table", 6, 23, "lacks F"),
        ("name.prefix: {from: Id, values: {m: Mr}}", "outside-table", 6, 27, "free field"),
        ("gender: {from: Sex, values: {m: male, f: female, F: female}}", "many-to-one", 6, 23, "`back`"),
        (
            "gender: {from: Sex, values: {m: male, f: female, F: female}, back: {female: m}}",
            "many-to-one",
            6,
            64,
            "read back",
        ),
        ("name.given: {from: Amount, as: decimal}", "not-invertible", 6, 3, "direction: in"),
        (
            "acts[mail/marketing]: {in: {from: Flag, values: {true: withdrawn, false: no act}}}",
            "unknown-channel",
            6,
            3,
            "no channel",
        ),
        ("acts[email/marketing]: {in: {from: Flag, values: {true: withdrawn}}}", "outside-table", 6, 44, "lacks False"),
        (
            "acts[email/marketing]: {out: {to: Flag, from: permission, values: {denied: yes}}}",
            "type-clash",
            6,
            70,
            "does not fit",
        ),
        (
            WRONG_WAY_ROUND,
            "flag-round-trip",
            6,
            134,
            "must be observed as withdrawn",
        ),
    ],
)
def test_mistake_in_a_rule_is_found_at_its_place(
    tmp_path: Path, rule: str, check: str, line: int, column: int, words: str
) -> None:
    found = [problem for problem in problems(tmp_path, f"  {rule}\n") if problem.rule == check]
    assert [(problem.line, problem.column) for problem in found] == [(line, column)]
    assert words in found[0].message
    assert str(found[0]).startswith(f"{tmp_path / 'Contact.yaml'}:{line}:{column}: ")


def test_missing_required_targets_are_named(tmp_path: Path) -> None:
    found = problems(tmp_path, "  total.amount: Id\n  number: {from: Amount, as: text}\n  status: Id\n", to="order")
    missing = [problem.message for problem in found if problem.rule == "missing-target"]
    assert any("`party`" in message for message in missing)
    assert any("`placed_at`" in message for message in missing)
    assert any("`currency`" in message for message in missing)
    assert not any("`number`" in message for message in missing)
    assert "order requires `status`, and `Id` may be null: such a record waits in quarantine" in missing


def test_forgotten_field_is_named_and_ignoring_it_helps(tmp_path: Path) -> None:
    found = problems(tmp_path, "  name.given: FirstName\n", ignore="ignore: {Born: x, Amount: x, Sex: x}\n")
    assert [problem.rule for problem in found] == ["forgotten-field"]
    assert "`Flag`" in found[0].message
    ignore = "ignore: {Born: x, Amount: x, Sex: x, Flag: x}\n"
    assert problems(tmp_path, "  name.given: FirstName\n", ignore=ignore) == []


def test_field_that_is_ignored_and_mapped_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, "  name.given: FirstName\n")
    assert [(problem.rule, problem.line) for problem in found] == [("ignored-but-mapped", 7)]


def test_writable_stream_under_80_percent_two_way_fails(tmp_path: Path) -> None:
    fields = "  name.given: {from: FirstName, direction: in}\n  birth_date: {from: Born, as: date}\n"
    ignore = "ignore: {Amount: x, Flag: x, Sex: x}\n"
    assert problems(tmp_path, fields, ignore=ignore) == []
    found = problems(tmp_path, fields, ignore=ignore, head="writable: true\n")
    assert [problem.rule for problem in found] == ["two-way-coverage"]
    assert "50%" in found[0].message


def test_writable_table_that_lacks_a_canonical_value_is_named(tmp_path: Path) -> None:
    fields = "  gender: {from: Sex, values: {m: male, f: female, F: female}, back: {female: f}}\n"
    ignore = "ignore: {FirstName: x, Born: x, Amount: x, Flag: x}\n"
    found = problems(tmp_path, fields, ignore=ignore, head="writable: true\n")
    assert ["other" in problem.message for problem in found if problem.rule == "outside-table"] == [True]


def test_field_written_by_two_rules_is_named(tmp_path: Path) -> None:
    fields = "  name.given: FirstName\n  name.family: FirstName\n"
    found = problems(tmp_path, fields, head="writable: true\n")
    assert [problem.line for problem in found if problem.rule == "written-twice"] == [8]
