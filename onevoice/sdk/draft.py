"""A first JSON Schema of records that were seen: fields, types and what may be empty.

Takes records; gives a schema to begin with, for a person to read. The one rule: every text is marked as personal until
somebody says otherwise, so that a forgotten field is masked and not shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onevoice.messages import Json

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def drafted_schema(stream: str, records: Iterable[Json], *, required: Sequence[str] = ()) -> Json:
    """Return a schema that these records fit.

    Args:
        required: fields that every record has, such as key and version.
    """
    body = _object(list(records))
    for name in required:
        form = body["properties"][name]
        form["type"] = [one for one in form["type"] if one != "null"]
    return {
        "$schema": _DIALECT,
        "title": stream,
        "description": f"A record of the stream {stream}, as the first ones looked.",
        **body,
        "required": list(required),
    }


def _object(values: Sequence[Mapping[str, Any]]) -> Json:
    names = dict.fromkeys(name for value in values for name in value)
    return {"type": "object", "properties": {name: _form([value.get(name) for value in values]) for name in names}}


def _form(values: Sequence[Any]) -> Json:
    """Return the schema of a field. Anything may be empty: a few records do not prove that it never is."""
    given = [value for value in values if value is not None]
    types = sorted({_type(value) for value in given})
    if types == ["integer", "number"]:
        types = ["number"]
    if len(types) != 1:
        return {"type": [*types, "null"], "x-personal": True} if types else {"x-personal": True}
    form: Json = {"type": [types[0], "null"]}
    if types == ["object"]:
        return {**_object(given), **form}
    if types == ["array"]:
        return {**form, "items": _form([item for value in given for item in value])}
    return {**form, "x-personal": True} if types == ["string"] else form


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
