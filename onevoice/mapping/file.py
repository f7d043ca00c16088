"""Mapping files: one for each stream of a connector, one more where an installation differs.

Takes a root folder; gives `MappingFile` values whose rules are well formed. Whether they fit the schemas is the
question of `lint`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError
from onevoice.mapping.positions import Marks, load_yaml
from onevoice.mapping.rule import FlagRule, Rule, RuleProblem, nearest, parse_rule
from onevoice.messages import Json

_REQUIRED = ("stream", "to", "key", "version", "fields")
_KEYS = frozenset({*_REQUIRED, "occurred_at", "writable", "ignore", "tests"})
_CASE_KEYS = frozenset({"name", "in", "canonical", "flags"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFile:
    """One mapping as it is written.

    Attributes:
        path: the file, for messages.
        system: the system (or connector) that it is loaded for, for messages.
        to: canonical type.
        key, version, occurred_at: source paths of the record's key, its version and the time its values date from.
        writable: the hub may write records of this stream.
        ignore: source field -> why it is not mapped.
        tests: cases: name, in, canonical, flags.
        version_id: hash of everything but the tests, called functions included; comments and layout do not change it.
        marks: key path -> line and column.
    """

    path: Path
    system: str
    stream: str
    to: str
    key: str
    version: str
    occurred_at: str | None
    writable: bool
    rules: Sequence[Rule]
    flags: Sequence[FlagRule]
    ignore: Mapping[str, str]
    tests: Sequence[Json]
    version_id: str
    marks: Marks

    @property
    def name(self) -> str:
        """Return what messages call the mapping: system and stream."""
        return f"{self.system} {self.stream}"


def load_mappings(root: Path, connector: str, system: str) -> dict[str, MappingFile]:
    """Return the mappings of a system by stream; `root/<system>/` overrides `root/<connector>/` file by file.

    Raises:
        ConfigurationError: there is no mapping at all, or a file is malformed; the message has file:line:column.
    """
    files = {file.stem: file for folder in (connector, system) for file in sorted((root / folder).glob("*.yaml"))}
    if not files:
        raise ConfigurationError(f"no mapping in {root / connector}: write {root / connector}/<stream>.yaml")
    return {stem: read_mapping(file, system) for stem, file in files.items()}


def read_mapping(path: Path, system: str) -> MappingFile:
    """Return one mapping file.

    Raises:
        ConfigurationError: it is malformed; the message has file:line:column and what to write.
    """
    document, marks = load_yaml(path.read_text(encoding="utf-8"), str(path))
    _check_head(document, path, marks)
    rules = [_rule_at(path, field, spec, marks) for field, spec in document["fields"].items()]
    return MappingFile(
        path=path,
        system=system,
        stream=document["stream"],
        to=document["to"],
        key=document["key"],
        version=document["version"],
        occurred_at=document.get("occurred_at"),
        writable=document.get("writable", False),
        rules=[rule for rule in rules if isinstance(rule, Rule)],
        flags=[rule for rule in rules if isinstance(rule, FlagRule)],
        ignore=document.get("ignore") or {},
        tests=document.get("tests") or [],
        version_id=_content_hash(document, _functions(path, rules)),
        marks=marks,
    )


def _check_head(document: Any, path: Path, marks: Marks) -> None:
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}:1:1: a mapping file is a YAML mapping with {', '.join(_REQUIRED)}")
    for key in document:
        if key not in _KEYS:
            raise _problem(path, marks, (key,), f"unknown key `{key}`{nearest(key, _KEYS)}")
    for key in _REQUIRED:
        if key not in document:
            raise ConfigurationError(f"{path}:1:1: `{key}:` is missing")
    for key in ("stream", "to", "key", "version", "occurred_at"):
        if key in document and not isinstance(document[key], str):
            raise _problem(path, marks, (key,), f"`{key}` must be text")
    _check_values(document, path, marks)


def _check_values(document: Json, path: Path, marks: Marks) -> None:
    if document["stream"] != path.stem:
        raise _problem(path, marks, ("stream",), "`stream` and the name of the file must be the same")
    if not isinstance(document.get("writable", False), bool):
        raise _problem(path, marks, ("writable",), "`writable` must be true or false")
    if not isinstance(document["fields"], dict):
        raise _problem(path, marks, ("fields",), "`fields` must map canonical paths to rules")
    _check_ignore(document.get("ignore") or {}, path, marks)
    _check_cases(document.get("tests") or [], path, marks)


def _check_ignore(ignore: Any, path: Path, marks: Marks) -> None:
    if not isinstance(ignore, dict) or not all(isinstance(reason, str) and reason for reason in ignore.values()):
        raise _problem(path, marks, ("ignore",), "`ignore` must map source fields to reasons")


def _check_cases(cases: Any, path: Path, marks: Marks) -> None:
    if not isinstance(cases, list):
        raise _problem(path, marks, ("tests",), "`tests` must be a list")
    for at, case in enumerate(cases):
        if not (isinstance(case, dict) and {"name", "in", "canonical"} <= set(case) <= _CASE_KEYS):
            raise _problem(path, marks, ("tests", at), "a test has name, in, canonical and, if any, flags")


def _rule_at(path: Path, field: Any, spec: Any, marks: Marks) -> Rule | FlagRule:
    try:
        return parse_rule(field, spec)
    except RuleProblem as problem:
        raise _problem(path, marks, ("fields", field, *problem.key), f"{field}: {problem}") from None


def _problem(path: Path, marks: Marks, key: tuple[Any, ...], message: str) -> ConfigurationError:
    while key not in marks:
        key = key[:-1]
    line, column = marks[key]
    return ConfigurationError(f"{path}:{line}:{column}: {message}")


def _functions(path: Path, rules: Sequence[Rule | FlagRule]) -> str:
    """Return the code that rules call, since a change of it changes the mapping; lint says where it is missing."""
    place = path.parent / "functions.py"
    called = any(isinstance(rule, Rule) and rule.python for rule in rules)
    return place.read_text(encoding="utf-8") if called and place.is_file() else ""


def _content_hash(document: Json, functions: str) -> str:
    content = [(key, value) for key, value in sorted(document.items()) if key != "tests"]
    if functions:
        content.append(("functions", functions))
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:12]
