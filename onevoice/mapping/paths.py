"""Paths on both sides of a mapping.

Canonical paths are `birth_date`, `name.given`, `emails[main].address`: a list is addressed by the kind of its entries.
Source paths are dotted names. The rule kept: `unflatten(flatten(record)) == record` for every canonical record.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from onevoice.errors import RecordError
from onevoice.messages import Json

_TARGET = re.compile(r"([a-z_]+)(?:\[([a-z]+)\])?(?:\.([a-z_]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A canonical path in its parts: `head`, `head.leaf`, `head[slot].leaf`, or `head[slot]` for a whole entry."""

    head: str
    slot: str | None = None
    leaf: str | None = None

    def __str__(self) -> str:
        slot = f"[{self.slot}]" if self.slot else ""
        leaf = f".{self.leaf}" if self.leaf else ""
        return f"{self.head}{slot}{leaf}"


@lru_cache(maxsize=4096)
def parse_target(text: str) -> Target | None:
    """Return the canonical path that `text` spells, or None when it spells none."""
    found = _TARGET.fullmatch(text)
    if found is None:
        return None
    return Target(head=found[1], slot=found[2], leaf=found[3])


def flatten(canonical: Json) -> dict[str, Any]:
    """Return the leaves of a canonical record by path; a list of plain values is one leaf.

    Raises:
        RecordError: a list holds two entries of one kind, so that a path would name both.
    """
    flat: dict[str, Any] = {}
    for head, value in canonical.items():
        if isinstance(value, dict):
            for leaf, item in value.items():
                flat[f"{head}.{leaf}"] = item
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            _flatten_slots(head, value, flat)
        else:
            flat[head] = value
    return flat


def unflatten(flat: Mapping[str, Any]) -> Json:
    """Return the canonical record whose leaves these are; entries of a list come in the order of their first leaf.

    Raises:
        ValueError: a key is no canonical path.
    """
    canonical: Json = {}
    slots: dict[tuple[str, str], Json] = {}
    for path, value in flat.items():
        target = parse_target(path)
        if target is None or (target.slot and not target.leaf):
            raise ValueError("a key is no canonical path")
        if target.leaf is None:
            canonical[target.head] = value
        elif target.slot is None:
            canonical.setdefault(target.head, {})[target.leaf] = value
        else:
            entry = slots.get((target.head, target.slot))
            if entry is None:
                entry = slots[target.head, target.slot] = {"kind": target.slot}
                canonical.setdefault(target.head, []).append(entry)
            entry[target.leaf] = value
    return canonical


def make_reader(path: str) -> Callable[[Json], Any]:
    """Return `read_source` for one path; the common depths are taken apart once."""
    names = path.split(".")
    if len(names) == 1:
        return lambda data: data.get(path)
    if len(names) > 2:
        return lambda data: read_source(data, path)
    outer, inner = names

    def read(data: Json) -> Any:
        found = data.get(outer)
        return found.get(inner) if isinstance(found, dict) else None

    return read


def read_source(data: Json, path: str) -> Any:
    """Return what stands at a dotted path of a source record; None when nothing does."""
    value: Any = data
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def put_source(data: Json, path: str, value: Any) -> Json:
    """Return the source record with `value` at a dotted path; the record given stays as it is."""
    name, _, rest = path.partition(".")
    if not rest:
        return {**data, name: value}
    inner = data.get(name)
    return {**data, name: put_source(inner if isinstance(inner, dict) else {}, rest, value)}


def pointer(path: str) -> str:
    """Return a dotted source path as a JSON pointer."""
    return "/" + path.replace("~", "~0").replace("/", "~1").replace(".", "/")


def source_path(pointer: str) -> str:
    """Return a JSON pointer into a source record as a dotted path; the reverse of `pointer`."""
    return ".".join(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _flatten_slots(head: str, entries: list[Json], flat: dict[str, Any]) -> None:
    seen = set()
    for at, entry in enumerate(entries):
        kind = entry["kind"]
        if kind in seen:
            raise RecordError(f"`{head}` holds two entries of one kind", pointers=(f"/{head}/{at}/kind",))
        seen.add(kind)
        for leaf, item in entry.items():
            if leaf != "kind":
                flat[f"{head}[{kind}].{leaf}"] = item
