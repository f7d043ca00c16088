"""A mapping file that is malformed names file, line, column and what to write."""

from pathlib import Path

import pytest

from onevoice.errors import ConfigurationError
from onevoice.mapping import MappingFile, load_mappings, read_mapping

HEAD = "stream: Contact\nto: person\nkey: Id\nversion: Stamp\nfields:\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "Contact.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ("  birth_date: {from: Born, as: dat}\n", "6:28", "did you mean `date`"),
        ("  birth_date: {fron: Born}\n", "6:16", "did you mean `from`"),
        ("  birth_date: {from: Born, value: x}\n", "6:3", "exactly one of"),
        ("  emails[main]: Email\n", "6:3", "part by part"),
        ("  emails[]: Email\n", "6:3", "no canonical path"),
        ("  name.given: A\n  name.given: B\n", "7:3", "stands twice"),
        ("  name.given: {compute: A}\n", "6:16", "direction: in"),
        ("  party: {from: A, as: reference}\n", "6:20", "stream"),
        ("  gender: {from: A, region: GB}\n", "6:21", "as: phone"),
        ("  phones[main].number: {from: A, as: phone, style: national}\n", "6:45", "literal `region`"),
        ("  gender: {from: A, values: {m: male}, otherwise: male}\n", "6:40", "drop"),
        ("  gender: {from: A, values: {m: male}, as: text}\n", "6:21", "stands for itself"),
        ("  acts[email]: {in: {from: A, values: {true: withdrawn}}}\n", "6:3", "acts[channel/purpose]"),
        ("  acts[email/marketing]: {in: {from: A, values: {true: maybe}}}\n", "6:41", "withdrawn"),
        (
            "  acts[email/marketing]: {out: {to: A, from: permission, values: {unknown: true}}}\n",
            "6:58",
            "unknown is never written",
        ),
        ("  gender: [\n", "7:1", "not YAML"),
    ],
)
def test_malformed_rule_is_named_with_its_place(tmp_path: Path, fields: str, place: str, words: str) -> None:
    file = write(tmp_path, HEAD + fields)
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(file, "crm")
    assert str(caught.value).startswith(f"{file}:{place}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "YAML mapping"),
        ("stream: Contact\nto: person\nkey: Id\nversion: S\n", "`fields:` is missing"),
        (HEAD.replace("Contact", "Account") + "  name.given: A\n", "must be the same"),
        (HEAD + "  name.given: A\nfeilds: {}\n", "did you mean `fields`"),
        (HEAD + "  name.given: A\nignore: {B: }\n", "reasons"),
        (HEAD + "  name.given: A\ntests:\n  - name: x\n", "a test has"),
        (HEAD + "  name.given: A\nwritable: 1\n", "true or false"),
    ],
)
def test_malformed_head_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(write(tmp_path, text), "crm")
    assert words in str(caught.value)


def test_words_that_only_old_yaml_reads_as_types_stay_text(tmp_path: Path) -> None:
    text = HEAD + "  gender: {from: A, values: {NO: male, yes: female, true: other}}\nignore: {B: 2024-01-01}\n"
    file = read_mapping(write(tmp_path, text), "crm")
    assert list(file.rules[0].values or {}) == ["NO", "yes", True]
    assert file.ignore == {"B": "2024-01-01"}


def test_file_of_the_system_overrides_that_of_the_connector(tmp_path: Path) -> None:
    write(tmp_path / "vendor", HEAD + "  name.given: A\n")
    write(tmp_path / "crm", HEAD + "  name.given: B\n")
    assert load_mappings(tmp_path, "vendor", "crm")["Contact"].rules[0].source == "B"
    assert load_mappings(tmp_path, "vendor", "other")["Contact"].rules[0].source == "A"


VENDOR = (
    HEAD.replace("to: person", "to: person\nwritable: true")
    + "  name.given: A\n  name.family: {from: B, write: if-empty}\n  language: L\n"
    + "also:\n  partner:\n    to: person\n    fields:\n      name.given: P\n      name.family: Q\n"
    + "ignore: {C: not needed, D: not needed}\ntests:\n  - {name: x, in: {}, canonical: {}}\n"
)


def overridden(folder: Path, over: str) -> MappingFile:
    write(folder / "vendor", VENDOR)
    write(folder / "crm", over)
    return load_mappings(folder, "vendor", "crm")["Contact"]


def test_an_installation_says_only_what_is_otherwise(tmp_path: Path) -> None:
    over = "fields:\n  name.given: G\n  language:\n  gender: {value: other}\nignore: {C: , E: theirs alone}\n"
    over += "also:\n  partner:\n    fields: {name.family: R}\n"
    file = overridden(tmp_path, over)
    assert {str(rule.target): rule.source for rule in file.rules} == {
        "name.given": "G",
        "name.family": "B",
        "gender": None,
    }
    assert [rule.source for rule in file.also["partner"].rules] == ["P", "R"]
    assert file.ignore == {"D": "not needed", "E": "theirs alone"}
    assert (file.writable, len(file.tests)) == (True, 1)
    assert file.version_id != load_mappings(tmp_path, "vendor", "other")["Contact"].version_id
    assert overridden(tmp_path, "writable: false\n").writable is False


def test_a_problem_is_told_at_the_file_that_says_it(tmp_path: Path) -> None:
    file = overridden(tmp_path, "# ours\nfields:\n  name.given: G\ntests: []\n")
    assert file.place(("fields", "name.given")) == (tmp_path / "crm/Contact.yaml", 3, 3)
    vendor, line, _ = file.place(("fields", "name.family", "write"))
    assert vendor == tmp_path / "vendor/Contact.yaml"
    assert VENDOR.splitlines()[line - 1] == "  name.family: {from: B, write: if-empty}"
    assert file.also["partner"].place(("fields", "name.given"))[0] == tmp_path / "vendor/Contact.yaml"
    with pytest.raises(ConfigurationError, match=r"crm/Contact.yaml:2:24: name.gven"):
        overridden(tmp_path, "fields:\n  name.gven: {from: G, as: txt}\n")
    with pytest.raises(ConfigurationError, match="did you mean `fields`"):
        overridden(tmp_path, "feilds:\n  name.given: G\n")


def test_connector_without_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no mapping in"):
        load_mappings(tmp_path, "vendor", "crm")


def test_version_id_follows_the_rules_and_not_comments_or_tests(tmp_path: Path) -> None:
    first = read_mapping(write(tmp_path, HEAD + "  name.given: A\n"), "crm").version_id
    case = "tests:\n  - {name: x, in: {}, canonical: {}}\n"
    assert read_mapping(write(tmp_path, HEAD + "  name.given:   A # said\n" + case), "crm").version_id == first
    assert read_mapping(write(tmp_path, HEAD + "  name.given: B\n"), "crm").version_id != first
