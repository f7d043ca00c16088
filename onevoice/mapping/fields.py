"""The paths that schemas offer to a mapping, and what their fields may hold.

Takes schemas with references inlined; gives paths and field schemas, for lint and coverage.
"""

from collections.abc import Collection

from onevoice.mapping.paths import Target
from onevoice.messages import Json


def source_paths(schema: Json, lists: Collection[str] = (), prefix: str = "") -> list[str]:
    """Return the dotted path of every leaf of a source record; of the named lists, those of their entries."""
    paths = []
    for name, child in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        entry = _entry(child) if path in lists else {}
        if "properties" in child:
            paths += source_paths(child, lists, f"{path}.")
        elif "properties" in entry:
            paths += source_paths(entry, lists, f"{path}[].")
        else:
            paths.append(path)
    return paths


def canonical_paths(schema: Json) -> list[str]:
    """Return every path that a rule may fill: fields, parts of objects and parts of each kind of entry of a list."""
    paths = []
    for head, child in schema.get("properties", {}).items():
        paths.append(head)
        paths += [f"{head}.{leaf}" for leaf in child.get("properties", {})]
        entry = _entry(child)
        paths += [f"{head}[{kind}].{leaf}" for kind in _kinds(entry) for leaf in entry["properties"] if leaf != "kind"]
    return paths


def target_schema(schema: Json, target: Target) -> Json | None:
    """Return the schema of a canonical path; None when the type has no such path."""
    group = group_schema(schema, target)
    if group is None or target.leaf is None:
        # A list of entries is filled entry by entry, never as a whole.
        return None if group is not None and _kinds(_entry(group)) else group
    found = group.get("properties", {}).get(target.leaf)
    return found if isinstance(found, dict) and (target.slot is None or target.leaf != "kind") else None


def group_schema(schema: Json, target: Target) -> Json | None:
    """Return the schema of the object, list entry or field that a path is part of; None when there is none."""
    head = schema.get("properties", {}).get(target.head)
    if not isinstance(head, dict) or target.slot is None:
        return head if isinstance(head, dict) else None
    entry = _entry(head)
    return entry if target.slot in _kinds(entry) else None


def _entry(schema: Json) -> Json:
    items = schema.get("items", {})
    return items if isinstance(items, dict) else {}


def _kinds(entry: Json) -> list[str]:
    kind = entry.get("properties", {}).get("kind", {})
    return list(kind.get("enum", []))
