"""The layout of a mapping file: which keys stand where, and what must stand under each.

Takes the YAML as plain values; gives nothing when it is well formed, else an error with file:line:column.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError
from onevoice.mapping.positions import Marks
from onevoice.mapping.rule import nearest
from onevoice.messages import PARTY_TYPES, Json

REQUIRED = ("stream", "to", "key", "version", "fields")
KEYS = frozenset({*REQUIRED, "occurred_at", "writable", "create", "contract", "also", "ignore", "tests"})
CONTRACTS = ("quarantine record", "quarantine field", "evolve", "freeze")
CREATES = ("never", "when_needed", "all")
SLOT_KEYS = frozenset({"to", "fields", "when", "each", "by"})
_CASE_KEYS = frozenset({"name", "in", "canonical", "flags", "also"})
_SLOT = re.compile(r"[a-z][a-z0-9_]{0,39}")


def check_layout(document: Any, path: Path, marks: Marks) -> None:
    """Return when the document is a mapping file, its rules aside.

    Raises:
        ConfigurationError: it is not; the message has file:line:column and what to write.
    """
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}:1:1: a mapping file is a YAML mapping with {', '.join(REQUIRED)}")
    _check_known(document, KEYS, (), path, marks)
    for key in REQUIRED:
        if key not in document:
            raise ConfigurationError(f"{path}:1:1: `{key}:` is missing")
    for key in ("stream", "to", "key", "version", "occurred_at"):
        if key in document and not isinstance(document[key], str):
            raise problem_at(path, marks, (key,), f"`{key}` must be text")
    if document["stream"] != path.stem:
        raise problem_at(path, marks, ("stream",), "`stream` and the name of the file must be the same")
    if not isinstance(document.get("writable", False), bool):
        raise problem_at(path, marks, ("writable",), "`writable` must be true or false")
    _check_creates(document, path, marks)
    if document.get("contract", CONTRACTS[0]) not in CONTRACTS:
        raise problem_at(path, marks, ("contract",), f"`contract` must be one of {', '.join(CONTRACTS)}")
    _check_fields(document, (), path, marks)
    _check_slots(document.get("also") or {}, path, marks)
    _check_ignore(document.get("ignore") or {}, path, marks)
    _check_cases(document.get("tests") or [], path, marks)


def check_override(document: Any, path: Path, marks: Marks) -> None:
    """Return when the document may stand over a connector's mapping file; what it gives is checked with the rest.

    Raises:
        ConfigurationError: it may not; the message has file:line:column.
    """
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"{path}:1:1: a mapping file is a YAML mapping; write what is otherwise in this system"
        )
    _check_known(document, KEYS, (), path, marks)


def problem_at(path: Path, marks: Marks, key: tuple[Any, ...], message: str) -> ConfigurationError:
    """Return the error with line and column of the nearest key that the file has."""
    while key not in marks:
        key = key[:-1]
    line, column = marks[key]
    return ConfigurationError(f"{path}:{line}:{column}: {message}")


def _check_creates(document: Json, path: Path, marks: Marks) -> None:
    chosen = document.get("create", CREATES[0])
    if chosen not in CREATES:
        raise problem_at(path, marks, ("create",), f"`create` must be one of {', '.join(CREATES)}")
    if chosen == CREATES[0]:
        return
    if not document.get("writable", False):
        raise problem_at(path, marks, ("create",), "`create` needs `writable: true`: what is made is also kept right")
    if document["to"] not in PARTY_TYPES:
        raise problem_at(
            path, marks, ("create",), f"`create` is for persons and organisations, not for {document['to']}"
        )


def _check_known(found: Json, known: Collection[str], at: tuple[Any, ...], path: Path, marks: Marks) -> None:
    for key in found:
        if key not in known:
            raise problem_at(path, marks, (*at, key), f"unknown key `{key}`{nearest(key, known)}")


def _check_fields(document: Json, at: tuple[Any, ...], path: Path, marks: Marks) -> None:
    if not isinstance(document["fields"], dict):
        raise problem_at(path, marks, (*at, "fields"), "`fields` must map canonical paths to rules")


def _check_slots(slots: Any, path: Path, marks: Marks) -> None:
    if not isinstance(slots, dict):
        raise problem_at(path, marks, ("also",), "`also` must map names to what else the record gives")
    for name, slot in slots.items():
        at = ("also", name)
        if not (isinstance(name, str) and _SLOT.fullmatch(name)):
            raise problem_at(path, marks, at, "a name under `also` is a lower-case word")
        if not (isinstance(slot, dict) and isinstance(slot.get("to"), str) and "fields" in slot):
            raise problem_at(path, marks, at, "what else the record gives has `to` and `fields`")
        _check_known(slot, SLOT_KEYS, at, path, marks)
        _check_fields(slot, at, path, marks)
        if not isinstance(slot.get("when", {}), dict):
            message = "`when` must be {path: value, list of values, present or absent}"
            raise problem_at(path, marks, (*at, "when"), message)
        _check_each(slot, at, path, marks)


def _check_each(slot: Json, at: tuple[Any, ...], path: Path, marks: Marks) -> None:
    if ("each" in slot) != ("by" in slot):
        message = "`each` (a list) and `by` (what tells its entries apart) go together"
        raise problem_at(path, marks, at, message)
    for key in ("each", "by"):
        if key in slot and not (isinstance(slot[key], str) and slot[key]):
            raise problem_at(path, marks, (*at, key), f"`{key}` must be a source path")
    if "each" in slot and not is_history(slot["to"]):
        message = f"entries of a list give an interaction, an act or an order, not a {slot['to']}"
        raise problem_at(path, marks, (*at, "each"), message)


def is_history(type_: str) -> bool:
    """Return whether a canonical type is something that happened, which no later version takes back."""
    return type_ not in PARTY_TYPES and type_ != "relationship"


def _check_ignore(ignore: Any, path: Path, marks: Marks) -> None:
    if not isinstance(ignore, dict) or not all(isinstance(reason, str) and reason for reason in ignore.values()):
        raise problem_at(path, marks, ("ignore",), "`ignore` must map source fields to reasons")


def _check_cases(cases: Any, path: Path, marks: Marks) -> None:
    if not isinstance(cases, list):
        raise problem_at(path, marks, ("tests",), "`tests` must be a list")
    for at, case in enumerate(cases):
        if not (isinstance(case, dict) and {"name", "in", "canonical"} <= set(case) <= _CASE_KEYS):
            message = "a test has name, in, canonical and, if any, flags and also"
            raise problem_at(path, marks, ("tests", at), message)
