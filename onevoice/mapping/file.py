"""Mapping files: one for each stream of a connector, one more where an installation differs.

Takes a root folder; gives `MappingFile` values whose rules are well formed. Whether they fit the schemas is the
question of `lint`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError
from onevoice.mapping.layout import CONTRACTS, CREATES, check_layout, check_override, problem_at
from onevoice.mapping.overriding import merge_documents, merge_marks
from onevoice.mapping.positions import Marks, load_yaml
from onevoice.mapping.rule import FlagRule, Rule, RuleProblem, parse_rule
from onevoice.messages import PARTY_TYPES, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFile:
    """One mapping as it is written.

    Attributes:
        path: the file, for messages.
        base, inherited: where `path` is an installation's, the connector's file under it and the keys that it says.
        system: the system (or connector) that it is loaded for, for messages.
        to: canonical type.
        key, version, occurred_at: source paths of the record's key, its version and the time its values date from.
        writable: the hub may write records of this stream.
        create: whose records the hub makes where the system has none, one of `layout.CREATES`.
        contract: what becomes of a record that is not what its schema says, one of `layout.CONTRACTS`.
        ignore: source field -> why it is not mapped.
        tests: cases: name, in, canonical, flags.
        version_id: hash of everything but the tests, called functions included; comments and layout do not change it.
        marks: key path -> line and column.
        also: what else a record gives, by name: files of their own with the rules of each.
        slot: of such a file, its name; else empty.
        when: of such a file, what the record must hold; each, by: the list whose entries give one record each, and the
            path in an entry that tells it from the others.
    """

    path: Path
    base: Path | None = None
    inherited: frozenset[Any] = frozenset()
    system: str
    stream: str
    to: str
    key: str
    version: str
    occurred_at: str | None
    writable: bool
    create: str
    contract: str
    rules: Sequence[Rule]
    flags: Sequence[FlagRule]
    ignore: Mapping[str, str]
    tests: Sequence[Json]
    version_id: str
    marks: Marks
    also: Mapping[str, "MappingFile"] = field(default_factory=dict)
    slot: str = ""
    when: Mapping[str, Any] | None = None
    each: str | None = None
    by: str | None = None

    @property
    def name(self) -> str:
        """Return what messages call the mapping: system, stream and, where there are several, which of them."""
        return f"{self.system} {self.stream}" + (f"#{self.slot}" if self.slot else "")

    @property
    def functions_folder(self) -> Path:
        """Return where the `functions.py` of its rules is."""
        return _functions_folder(self.path, self.base)

    def place(self, key: tuple[Any, ...]) -> tuple[Path, int, int]:
        """Return file, line and column of a key, or of the nearest one that holds it."""
        while key not in self.marks:
            key = key[:-1]
        return self.base if self.base is not None and key in self.inherited else self.path, *self.marks[key]


def load_mappings(root: Path, connector: str, system: str) -> dict[str, MappingFile]:
    """Return the mappings of a system by stream; `root/<system>/` overrides `root/<connector>/` file by file.

    Raises:
        ConfigurationError: there is no mapping at all, or a file is malformed; the message has file:line:column.
    """
    bases, overs = ({file.stem: file for file in sorted((root / name).glob("*.yaml"))} for name in (connector, system))
    files = bases | overs
    if not files:
        raise ConfigurationError(f"no mapping in {root / connector}: write {root / connector}/<stream>.yaml")
    return {stem: read_mapping(file, system, bases.get(stem)) for stem, file in files.items()}


def read_mapping(path: Path, system: str, base: Path | None = None) -> MappingFile:
    """Return one mapping file.

    Args:
        path: the file.
        system: the system (or connector) that it is loaded for.
        base: the connector's file, where `path` says what is otherwise in one installation.

    Raises:
        ConfigurationError: it is malformed; the message has file:line:column and what to write.
    """
    document, marks = load_yaml(path.read_text(encoding="utf-8"), str(path))
    inherited: frozenset[Any] = frozenset()
    if base is not None and base != path:
        read_mapping(base, system)  # what is wrong there is told as that file's
        standing, places = load_yaml(base.read_text(encoding="utf-8"), str(base))
        check_override(document, path, marks)
        document = merge_documents(standing, document)
        marks, inherited = merge_marks(places, marks)
    check_layout(document, path, marks)
    rules = _rules(path, document, marks)
    also = document.get("also") or {}
    slots = {name: _rules(path, slot, marks, ("also", name)) for name, slot in also.items()}
    every = [*rules, *(rule for own in slots.values() for rule in own)]
    main = MappingFile(
        path=path,
        base=base,
        inherited=inherited,
        system=system,
        stream=document["stream"],
        to=document["to"],
        key=document["key"],
        version=document["version"],
        occurred_at=document.get("occurred_at"),
        writable=document.get("writable", False),
        create=document.get("create", CREATES[0]),
        contract=document.get("contract", CONTRACTS[0]),
        rules=[rule for rule in rules if isinstance(rule, Rule)],
        flags=[rule for rule in rules if isinstance(rule, FlagRule)],
        ignore=document.get("ignore") or {},
        tests=document.get("tests") or [],
        version_id=_content_hash(document, _functions(_functions_folder(path, base), every)),
        marks=marks,
    )
    return replace(main, also={name: _slot(main, name, also[name], own) for name, own in slots.items()})


def _slot(main: MappingFile, name: str, slot: Json, rules: Sequence[Rule | FlagRule]) -> MappingFile:
    at = ("also", name)
    rules = [_of_entry(rule) if "each" in slot and isinstance(rule, Rule) else rule for rule in rules]
    return replace(
        main,
        slot=name,
        to=slot["to"],
        when=slot.get("when"),
        each=slot.get("each"),
        by=slot.get("by"),
        writable=main.writable and slot["to"] in PARTY_TYPES,
        create=CREATES[0],
        rules=[rule for rule in rules if isinstance(rule, Rule)],
        flags=[rule for rule in rules if isinstance(rule, FlagRule)],
        tests=[],
        marks={key[2:]: mark for key, mark in main.marks.items() if key[:2] == at},
        inherited=frozenset(key[2:] for key in main.inherited if key[:2] == at),
    )


def _of_entry(rule: Rule) -> Rule:
    """The entry of a list holds the whole record under `$`, where a region is looked up."""
    of_record = rule.region is not None and rule.region.startswith("$.")
    return replace(rule, region=f"$.{rule.region}") if of_record else rule


def _rules(path: Path, document: Json, marks: Marks, at: tuple[str, ...] = ()) -> list[Rule | FlagRule]:
    return [_rule_at(path, field, spec, marks, at) for field, spec in document["fields"].items()]


def _rule_at(path: Path, field: Any, spec: Any, marks: Marks, at: tuple[str, ...]) -> Rule | FlagRule:
    try:
        return parse_rule(field, spec)
    except RuleProblem as problem:
        raise problem_at(path, marks, (*at, "fields", field, *problem.key), f"{field}: {problem}") from None


def _functions_folder(path: Path, base: Path | None) -> Path:
    return base.parent if base is not None and not (path.parent / "functions.py").is_file() else path.parent


def _functions(folder: Path, rules: Sequence[Rule | FlagRule]) -> str:
    """Return the code that rules call, since a change of it changes the mapping; lint says where it is missing."""
    place = folder / "functions.py"
    called = any(isinstance(rule, Rule) and rule.python for rule in rules)
    return place.read_text(encoding="utf-8") if called and place.is_file() else ""


def _content_hash(document: Json, functions: str) -> str:
    content = [(key, value) for key, value in sorted(document.items()) if key != "tests"]
    if functions:
        content.append(("functions", functions))
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:12]
