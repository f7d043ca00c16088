"""What else a source record gives: one more canonical record, or one for each entry of a list in it.

Takes the file of such a slot; gives the records that it is to be applied to. The rule kept: the key of each is the
record's own with `#<slot>` behind it, and for entries `#<slot>/<what tells them apart>`, so that it never depends on
their order.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from onevoice.errors import RecordError
from onevoice.mapping.paths import make_reader, pointer, read_source
from onevoice.mapping.several import condition
from onevoice.mapping.step import field_schema
from onevoice.messages import Json

if TYPE_CHECKING:
    from onevoice.mapping.file import MappingFile

WHOLE = "$"
"""Under this name an entry of a list holds the record that it is part of."""

Instances = Callable[[Json], list[tuple[str, str, Json]]]
"""Source record -> (ending of the key, place in the record, what is read) of each record that it gives."""


def instances_of(file: "MappingFile") -> Instances:
    """Return the function from a source record to what the slot reads; the record itself where there is no slot."""
    if not file.slot:
        return lambda data: [("", "", data)]
    ending = f"#{file.slot}"
    if file.each is None:
        holds = condition(file.when or {})
        return lambda data: [(ending, "", data)] if holds(data) else []
    return _entries(file, file.each, file.by or "", ending)


def schema_of_slot(file: "MappingFile", source: Json) -> Json:
    """Return the schema of what a slot reads; nothing is known where the list is not in the schema."""
    if file.each is None:
        return source
    entry = field_schema(source, f"{file.each}[]") or {}
    return {**entry, "properties": {**entry.get("properties", {}), WHOLE: source}}


def in_record(file: "MappingFile", path: str) -> str:
    """Return a path of the slot as one of the whole record, `[]` for the entries of its list."""
    if file.each is None:
        return path
    return path.removeprefix(f"{WHOLE}.") if path.startswith(f"{WHOLE}.") else f"{file.each}[].{path}"


def _entries(file: "MappingFile", each: str, by: str, ending: str) -> Instances:
    holds, tell = condition(file.when or {}), make_reader(by)

    def instances(data: Json) -> list[tuple[str, str, Json]]:
        found: dict[str, tuple[str, Json]] = {}
        listed = read_source(data, each) or []
        if not isinstance(listed, list):
            raise RecordError(f"{file.name}: `{each}` is no list", pointers=(pointer(each),))
        for at, entry in enumerate(listed):
            key = _key(tell(entry) if isinstance(entry, dict) else None)
            place = f"{pointer(each)}/{at}"
            if key is None:
                raise RecordError(f"{file.name}: an entry has nothing at `{by}` that tells it apart", pointers=(place,))
            if key in found:
                raise RecordError(f"{file.name}: two entries are told apart by nothing at `{by}`", pointers=(place,))
            found[key] = place, {**entry, WHOLE: data}
        return [(f"{ending}/{key}", place, entry) for key, (place, entry) in found.items() if holds(entry)]

    return instances


def _key(value: Any) -> str | None:
    usable = isinstance(value, str | int) and not isinstance(value, bool) and value != ""
    return str(value) if usable else None
