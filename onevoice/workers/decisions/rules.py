"""The rules of decisions as the hub uses them, with the value rules that they are checked against."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onevoice.consent import ConsentRules
from onevoice.conversation import ValueRules
from onevoice.decisions import DOCUMENTS, Ruleset, World, failing_cases, lint_ruleset, read_ruleset
from onevoice.messages import Json
from onevoice.rules_file import read_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One version of all that decides: documents as they are stored, and what was made of them."""

    documents: Mapping[str, Json]
    ruleset: Ruleset
    value: ValueRules


def read_documents(folder: Path) -> dict[str, Json]:
    """Return the content of `decisions.yaml`, `tables.yaml`, `offers.yaml` and `value.yaml`.

    Raises:
        ConfigurationError: a file is missing or not YAML.
    """
    return {name: dict(read_yaml(folder / f"{name}.yaml")) for name in (*DOCUMENTS, "value")}


def load_rules(folder: Path) -> Rules:
    """Return the rules of a folder.

    Raises:
        ConfigurationError: they do not lint; the text is the first problem.
    """
    documents = read_documents(folder)
    value = ValueRules.read(documents["value"])
    return Rules(documents=documents, ruleset=read_ruleset(documents, _world(value, folder)), value=value)


def lint_rules(folder: Path) -> list[str]:
    """Return every problem of the rules in a folder.

    Raises:
        ConfigurationError: a file cannot be read, or the rules that these are checked against are wrong.
    """
    documents = read_documents(folder)
    return lint_ruleset(documents, _world(ValueRules.read(documents["value"]), folder))[1]


def failing_rule_tests(folder: Path) -> list[str]:
    """Return one line for each test of `tests.yaml` in a folder that does not hold.

    Raises:
        ConfigurationError: the rules do not lint, or a file cannot be read.
    """
    return failing_cases(load_rules(folder).ruleset, dict(read_yaml(folder / "tests.yaml")))


def _world(value: ValueRules, folder: Path) -> World:
    return World(
        tiers=value.tier_names,
        stages=value.stage_names,
        purposes=frozenset(ConsentRules.load(folder).consent_needed),
    )
