"""Holds `manifest.yaml` to its schemas: the one of every manifest, and the one of its kind for what replaces code.

Takes the parsed file; says what is wrong by file, key and form. A manifest holds no personal data, so that the
validator's own words may be shown.
"""

from importlib.resources import files
from typing import Any

import jsonschema
import orjson

from onevoice.errors import ConfigurationError
from onevoice.messages import Json

DECLARATIVE_KINDS = ("rest", "soap", "sql", "file")
"""The kinds for which the SDK has a connector that needs no code."""


def check_manifest(raw: Any, name: str) -> None:
    """Return when the manifest is as it must be.

    Raises:
        ConfigurationError: it is not; the text names the file, the key and what it must be.
    """
    _fit(raw, orjson.loads(files("onevoice.sdk").joinpath("manifest.schema.json").read_bytes()), name, "")
    try:
        jsonschema.Draft202012Validator.check_schema(raw["settings"])
    except jsonschema.exceptions.SchemaError as wrong:
        raise ConfigurationError(f"{name}: settings is not a JSON Schema: {wrong.message}") from None
    kind: str = raw["kind"]
    parts = [("connector", "", raw)]
    parts += [("stream", f"streams.{one}.", spec) for one, spec in raw.get("streams", {}).items()]
    for _, place, part in parts:
        strange = [other for other in DECLARATIVE_KINDS if other in part and other != kind]
        if strange:
            raise ConfigurationError(f"{name}: {place}{strange[0]}: the kind is {kind}; write it as {kind}, or drop it")
    if kind in DECLARATIVE_KINDS:
        _check_declared(parts, kind, name, must="entry" not in raw)
    elif "entry" not in raw:
        raise ConfigurationError(f"{name}: entry: is missing; a connector of kind {kind} needs code")


def _check_declared(parts: list[tuple[str, str, Json]], kind: str, name: str, *, must: bool) -> None:
    schema = orjson.loads(files("onevoice.sdk.declarative").joinpath(f"{kind}.schema.json").read_bytes())
    for role, place, part in parts:
        if role not in schema["$defs"]:
            continue
        if kind in part:
            _fit(part[kind], {**schema, "$ref": f"#/$defs/{role}"}, name, f"{place}{kind}.")
        elif must and role != "connector" and part.get("mode") != "push":
            raise ConfigurationError(f"{name}: {place}{kind}: is missing; say how it is read, or name an entry")
        if role == "stream" and must and ("create" in part) != ("create" in part.get(kind, {})):
            raise ConfigurationError(
                f"{name}: {place}create: and {place}{kind}.create: go together; write both, or drop both"
            )


def _fit(value: Any, schema: Json, name: str, place: str) -> None:
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(value))
    if error is not None:
        at = place + ".".join(map(str, error.absolute_path))
        raise ConfigurationError(f"{name}: {at.rstrip('.') or 'top level'}: {error.message}")
