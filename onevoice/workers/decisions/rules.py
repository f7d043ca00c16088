"""The rules of decisions as the hub uses them, with the value rules that they are checked against."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import yaml

from onevoice.conversation import Valuation, ValueRules
from onevoice.decisions import DOCUMENTS, Ruleset, World, failing_cases, lint_ruleset, read_ruleset
from onevoice.messages import Json
from onevoice.rules_file import read_yaml

VERSIONED = (*DOCUMENTS, "value")
BESIDE = ("purposes",)
"""What rules are checked against; the gate goes by it, so it is no part of a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One version of all that decides: the documents, and what was made of them.

    Attributes:
        version: hash of the versioned documents.
    """

    version: str
    documents: Mapping[str, Json]
    ruleset: Ruleset
    value: Valuation


def load_rules(folder: Path) -> Rules:
    """Return the rules of a folder.

    Raises:
        ConfigurationError: they do not lint; the text is the first problem.
    """
    return _rules(_documents(folder))


def lint_rules(folder: Path) -> list[str]:
    """Return every problem of the rules in a folder.

    Raises:
        ConfigurationError: a file cannot be read, or the rules that these are checked against are wrong.
    """
    documents = _documents(folder)
    return lint_ruleset(documents, _world(ValueRules.read(documents["value"]), documents))[1]


def stored_documents(documents: Mapping[str, Json]) -> dict[str, str]:
    """Return the documents as they are stored: YAML text, in which days and the order of keys stay what they are."""
    return {name: yaml.safe_dump(document, sort_keys=False) for name, document in documents.items()}


def rules_of(stored: Mapping[str, str]) -> Rules:
    """Return the rules that `stored_documents` gave."""
    return _rules({name: yaml.safe_load(text) for name, text in stored.items()})


def failing_rule_tests(folder: Path, rules: Rules | None = None) -> list[str]:
    """Return one line for each test of `tests.yaml` in a folder that does not hold for its rules, or for those given.

    Raises:
        ConfigurationError: the rules do not lint, or a file cannot be read.
    """
    found = rules or load_rules(folder)
    return failing_cases(found.ruleset, dict(read_yaml(folder / "tests.yaml")))


def _documents(folder: Path) -> dict[str, Json]:
    return {name: dict(read_yaml(folder / f"{name}.yaml")) for name in (*VERSIONED, *BESIDE)}


def _rules(documents: Mapping[str, Json]) -> Rules:
    value = ValueRules.read(documents["value"])
    ruleset = read_ruleset(documents, _world(value, documents))
    return Rules(version=_version(documents), documents=documents, ruleset=ruleset, value=value)


def _world(value: Valuation, documents: Mapping[str, Json]) -> World:
    return World(tiers=value.tier_names, stages=value.stage_names, purposes=frozenset(documents["purposes"]))


def _version(documents: Mapping[str, Json]) -> str:
    """A hash of the documents in their order, since masks go by the order of offers."""
    packed = orjson.dumps([documents[name] for name in VERSIONED], option=orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(packed).hexdigest()[:16]
