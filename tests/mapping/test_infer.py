"""The first draft of a mapping: what the names say plainly is mapped, lint accepts it, and the rest is listed."""

from pathlib import Path
from typing import Any

import pytest

from onevoice.contracts import Contract, Contracts
from onevoice.mapping import lint, read_mapping
from onevoice.mapping.infer import draft_mapping, schema_of
from onevoice.messages import Json

CONTRACTS = Contracts(Path(__file__).parents[2] / "schemas")
SAMPLES: list[Json] = [
    {
        "id": 7,
        "first_name": "Ann",
        "born": "1974-03-18",
        "updated_at": "2024-11-05T14:21:09Z",
        "home": {"city": "Bath"},
    },
    {
        "id": 8,
        "first_name": None,
        "born": "1980-01-01",
        "updated_at": "2024-11-05T14:21:10Z",
        "vip": True,
        "home": None,
    },
]


def drafted(folder: Path, stream: str, schema: Json, to: str = "person") -> Any:
    file = folder / f"{stream}.yaml"
    file.write_text(draft_mapping(stream, to, schema, CONTRACTS.canonical(to).schema), encoding="utf-8")
    return read_mapping(file, "new")


@pytest.mark.parametrize(
    ("connector", "stream", "mapped"),
    [("sample_crm", "Contact", 13), ("sample_shop", "customers", 10), ("sample_erp", "customers", 11)],
)
def test_draft_maps_what_the_names_say_and_lints(tmp_path: Path, connector: str, stream: str, mapped: int) -> None:
    schema = CONTRACTS.source(connector, stream).schema
    file = drafted(tmp_path, stream, schema)
    assert len(file.rules) == mapped
    found = {problem.rule for problem in lint(file, schema, CONTRACTS.canonical("person").schema)}
    assert found == {"forgotten-field"}


def test_draft_lists_what_it_does_not_recognise(tmp_path: Path) -> None:
    file = drafted(tmp_path, "people", schema_of(SAMPLES, "people"))
    assert (file.key, file.version) == ("id", "updated_at")
    assert {str(rule.target): rule.source for rule in file.rules} == {
        "name.given": "first_name",
        "addresses[home].city": "home.city",
    }
    text = file.path.read_text(encoding="utf-8")
    assert "# - born\n# - vip\n" in text


def test_samples_fit_the_schema_made_of_them() -> None:
    schema = schema_of(SAMPLES, "people")
    contract = Contract("new/people", schema)
    for record in SAMPLES:
        contract.check(record)
    assert schema["required"] == ["id", "born", "updated_at"]
    assert schema["properties"]["updated_at"] == {"type": "string", "format": "date-time"}
    assert schema["properties"]["home"]["type"] == ["object", "null"]


def test_nothing_to_go_by_is_said(tmp_path: Path) -> None:
    text = draft_mapping("x", "person", schema_of([{"blob": "?"}], "x"), CONTRACTS.canonical("person").schema)
    assert "key: TODO\nversion: TODO\n" in text


def test_the_entries_of_a_list_of_objects_are_described_too() -> None:
    found = schema_of([{"calls": [{"no": 1}, {"no": 2, "at": None}]}, {"calls": [], "tags": ["x"]}], "people")
    assert found["properties"]["calls"]["items"] == {
        "type": "object",
        "required": ["no"],
        "properties": {"no": {"type": "integer"}, "at": {"type": ["string", "null"]}},
    }
    assert "items" not in found["properties"]["tags"]
