"""The patch that would make a schema say what records have come to be.

Takes the drift that was seen and the schema; gives a JSON Patch (RFC 6902), each operation loosening the schema by what
was seen, and applies it. What is right stays a person's decision.
"""

import copy
from collections.abc import Iterable
from typing import Any

from onevoice.contracts.drift import Drift
from onevoice.errors import ConfigurationError
from onevoice.messages import Json


def proposed_patch(schema: Json, drift: Iterable[Drift]) -> list[Json]:
    """Return the operations of a JSON Patch that lets everything through that was seen."""
    types: dict[tuple[str, str], list[str]] = {}
    missing: dict[str, list[str]] = {}
    operations: list[Json] = []
    for one in drift:
        name = one.path.rpartition(".")[2]
        if one.is_new and name != "*":
            types.setdefault(("add", f"{one.place}/{_escaped(name)}"), []).append(one.what.partition(" ")[2])
        elif one.what.startswith("type "):
            types.setdefault(("replace", one.place), []).append(one.what.partition(" ")[2])
        elif one.what == "missing":
            missing.setdefault(one.place, []).append(name)
        elif not one.is_new and one.place:
            operations.append({"op": "remove", "path": one.place})
    for (op, place), seen in types.items():
        known = _types_at(schema, place) if op == "replace" else []
        wanted = set(seen) if op == "replace" else {*seen, "null"}  # a field that just came may be empty elsewhere
        allowed = [*known, *sorted(wanted - {*known, "null"}), *sorted(wanted & {"null"} - set(known))]
        operations.append({"op": op, "path": place, "value": allowed if op == "replace" else {"type": allowed}})
    for place, names in missing.items():
        left = [name for name in _at(schema, place) or [] if name not in names]
        operations.append({"op": "replace", "path": place, "value": left})
    return sorted(operations, key=lambda operation: str(operation["path"]))


def apply_patch(document: Json, patch: Iterable[Json], name: str) -> Json:
    """Return the document after the operations, of which it knows add, replace and remove in objects.

    Raises:
        ConfigurationError: the document has no such place, since it refers to it by `$ref`.
    """
    patched = copy.deepcopy(document)
    for operation in patch:
        *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in str(operation["path"]).split("/")[1:]]
        node: Any = patched
        for step in steps:
            node = node.get(step) if isinstance(node, dict) else None
        if not isinstance(node, dict) or (operation["op"] != "add" and last not in node):
            raise ConfigurationError(
                f"{name}: has no {operation['path']} of its own: change what its $ref names by hand"
            )
        if operation["op"] == "remove":
            del node[last]
        else:
            node[last] = operation["value"]
    return patched


def _types_at(schema: Json, place: str) -> list[str]:
    declared = _at(schema, place) or []
    return [declared] if isinstance(declared, str) else list(declared)


def _at(schema: Json, place: str) -> Any:
    node: Any = schema
    for step in place.split("/")[1:]:
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
