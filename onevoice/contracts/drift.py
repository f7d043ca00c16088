"""Drift: where records are no longer what their schema says, and what to do with such a record.

Takes a document and its schema; gives what differs, by paths of the schema. The rule kept: of the document only JSON
types and names of new fields get into it, and a name only where it is one that people give to fields.
"""

import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from onevoice.messages import Json

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_MOST_NEW = 20
"""An object with more new fields than that is a table of its own, whose keys are no field names."""


class Mode(StrEnum):
    """What becomes of a record that is not what its schema says."""

    EVOLVE = "evolve"
    FREEZE = "freeze"
    QUARANTINE_RECORD = "quarantine record"
    QUARANTINE_FIELD = "quarantine field"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between a record and its schema.

    Attributes:
        path: dotted path of the field, `[]` for the entries of a list, `*` for a name that is not told.
        what: `new <type>`, `type <type>`, `missing`, or the keyword that does not hold.
        place: JSON pointer of the part of the schema that is at odds.
    """

    path: str
    what: str
    place: str

    @property
    def is_new(self) -> bool:
        """Whether the field is only not known yet; no rule reads it."""
        return self.what.startswith("new ")


def json_type(value: object) -> str:
    """Return the name of a value's JSON type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def new_fields(schema: Json, document: object, path: str = "", place: str = "") -> Iterator[Drift]:
    """Yield the fields of a document that its schema does not name; a schema may welcome them."""
    if isinstance(document, list) and isinstance(schema.get("items"), dict):
        for entry in document:
            yield from new_fields(schema["items"], entry, f"{path}[]", f"{place}/items")
        return
    properties = schema.get("properties")
    if not isinstance(document, dict) or not isinstance(properties, dict):
        return
    for name, child in properties.items():
        if name in document:
            inside = f"{path}.{name}" if path else name
            yield from new_fields(child, document[name], inside, f"{place}/properties/{name}")
    if "patternProperties" in schema or isinstance(schema.get("additionalProperties"), dict):
        return
    names = [str(name) for name in document if name not in properties]
    told = [name if _NAME.fullmatch(name) and len(names) <= _MOST_NEW else "*" for name in names]
    for name, shown in zip(names, told, strict=True):
        yield Drift(f"{path}.{shown}" if path else shown, f"new {json_type(document[name])}", f"{place}/properties")


def misfits(errors: Iterable[Any]) -> Iterator[Drift]:
    """Yield what the errors of a `jsonschema` validator say, a forbidden new field excepted."""
    for error in errors:
        steps, place = list(error.absolute_path), list(error.absolute_schema_path)
        path = _dotted(steps, place)
        pointer = "".join(f"/{step}" for step in place)
        if error.validator == "required":
            for name in error.validator_value:
                if name not in error.instance:
                    yield Drift(f"{path}.{name}" if path else name, "missing", pointer)
        elif error.validator == "type":
            yield Drift(path, f"type {json_type(error.instance)}", pointer)
        elif error.validator != "additionalProperties":
            yield Drift(path, str(error.validator), pointer)


def places_at_fault(errors: Iterable[Any]) -> list[tuple[str | int, ...]]:
    """Return the innermost fields of a document that its errors are about; what is missing is nowhere."""
    found = set()
    for error in errors:
        steps = list(error.absolute_path)
        while steps and not isinstance(steps[-1], str):
            steps.pop()
        if error.validator == "additionalProperties":
            known = error.schema.get("properties", {})
            found |= {(*error.absolute_path, name) for name in error.instance if name not in known}
        elif error.validator != "required":
            found.add(tuple(steps))
    return sorted(found, key=lambda place: (len(place), [str(step) for step in place]))


def without(document: Json, places: Iterable[tuple[str | int, ...]]) -> Json:
    """Return a copy of the document that has nothing at the places."""
    left = copy.deepcopy(document)
    for place in places:
        node: Any = left
        for step in place[:-1]:
            node = node.get(step) if isinstance(node, dict) else node[int(step)] if isinstance(node, list) else None
        if place and isinstance(node, dict):
            node.pop(place[-1], None)
    return left


def _dotted(steps: list[str | int], place: list[str | int]) -> str:
    """Return the path of a field; keys that the schema does not name come from the document and are not told."""
    text = ""
    for step in steps:
        name = "[]" if isinstance(step, int) else step if step in place else "*"
        text += name if isinstance(step, int) or not text else f".{name}"
    return text
