"""What one record of a system is owed: the difference between what should stand there and what is known to.

Pure. Values are compared as the mapping would write them, so that one phone number in two spellings is no
difference. A field that the hub filled and now has nothing for is owed back the system's own value.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from onevoice.messages import Json

Read = Callable[[Json, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """The fields to write, and the system's last own value of each.

    Attributes:
        gap: why a value cannot be written that way; empty when all can.
    """

    fields: Json
    replaced: Json
    gap: str = ""


def owed_fields(
    wanted: Json,
    differing: Json,
    payload: Json,
    marks: Mapping[str, Json],
    *,
    writable: Collection[str],
    if_empty: Collection[str],
    read: Read,
    alone: bool = False,
) -> Owed:
    """Return what is to be written so that the record says what is wanted.

    Args:
        wanted: source path -> value, as rendered from the golden record or the permissions.
        differing: those of them that the record does not say yet, judged on canonical values.
        payload: the record as it was last read.
        marks: source path -> {sent, replaced, written, version, base} of fields that the hub wrote; `base` is there
            while a write is under way.
        writable: the source paths of the lane at hand.
        if_empty: those of them that are only ever filled, never overwritten.
        read: reads a dotted path in a payload.
        alone: nobody but the record itself speaks for its customer any more. A record that the hub made then keeps
            what it was made with.
    """
    fields: Json = {}
    for path, value in differing.items():
        mark = marks.get(path)
        holds_ours = mark is not None and "written" in mark and read(payload, path) == mark["written"]
        if mark and holds_ours and mark["sent"] == value and "base" not in mark:
            continue  # the system took this very value and keeps it in a form of its own
        if path in if_empty and not holds_ours and read(payload, path) not in (None, ""):
            continue
        fields[path] = value
    for path in writable:
        mark = marks.get(path)
        if path in wanted or not mark or "written" not in mark or read(payload, path) != mark["written"]:
            continue
        if alone and "made" in mark:
            continue
        if "replaced" in mark and mark["replaced"] != mark["written"]:
            fields[path] = mark["replaced"]
    replaced = {path: marks.get(path, {}).get("replaced", read(payload, path)) for path in fields}
    return Owed(fields=fields, replaced=replaced)
