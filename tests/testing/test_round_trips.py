"""Generated round trips pass sound mappings and find the paths of lossy ones."""

from pathlib import Path

import pytest

from onevoice.contracts import Contracts
from onevoice.mapping import read_mapping
from onevoice.messages import Json
from onevoice.testing.round_trips import broken_laws
from tests.mapping.shipped import WRITABLE, Shipped

CANONICAL = Contracts(Path(__file__).parents[2] / "schemas").canonical("person").schema
TEXT = {"type": ["string", "null"]}
SOURCE: Json = {"properties": {"Id": TEXT, "A": TEXT, "B": TEXT, "N": {"type": "integer"}}, "required": ["Id"]}


def broken(folder: Path, rule: str) -> list[str]:
    file = folder / "people.yaml"
    head = "stream: people\nto: person\nkey: Id\nversion: Id\nwritable: true\nfields:\n"
    file.write_text(f"{head}  {rule}\n", encoding="utf-8")
    return broken_laws(read_mapping(file, "x"), SOURCE, CANONICAL, "GB")


@pytest.mark.parametrize("one", WRITABLE, ids=str)
def test_shipped_mappings_keep_the_laws(one: Shipped) -> None:
    assert broken_laws(one.file, one.source.schema, one.canonical.schema, "GB") == []


@pytest.mark.parametrize(
    "rule",
    [
        "name: {from: A, as: name}",
        'name: {from: A, split: {by: ", ", into: [family, given]}}',
        "addresses[main]: {from: A, as: address}",
        'birth_date: {from: A, as: date, format: "%d.%m.%Y"}',
        "gender: {from: A, values: {m: male, f: female}}",
        "name.given: A\n  language: {from: B, as: language, style: upper}",
    ],
)
def test_sound_rules_keep_the_laws(tmp_path: Path, rule: str) -> None:
    assert broken(tmp_path, rule) == []


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("gender: {from: A, values: {m: male, x: male}, back: {male: q}}", "/A"),
        ("gender: {from: A, values: {m: male}, otherwise: {value: other}, back: {other: m}}", "gender"),
    ],
)
def test_lossy_rule_is_found_with_its_path(tmp_path: Path, rule: str, problem: str) -> None:
    assert f"what is written does not read back: {problem}" in broken(tmp_path, rule)
