"""One shape of record: the check, and the reason when it fails.

Takes a document as JSON values; gives nothing when it fits and a RecordError when it does not. The rule kept: the
reason is built from keyword, schema path and pointer; no value of the document gets into it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jsonschema.exceptions import best_match

from onevoice.contracts.documents import load_schema
from onevoice.contracts.drift import Drift, misfits, new_fields, places_at_fault, without
from onevoice.contracts.validators import fast_validator, patient_validator
from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import Json


class Contract:
    """A compiled schema.

    Attributes:
        name: what messages call it, e.g. `canonical/person`.
        schema: the schema with all references inlined.
        version: changes when the schema changes.
    """

    __slots__ = ("_fast", "_has_new", "_patient", "name", "schema", "version")

    def __init__(self, name: str, schema: Json) -> None:
        self.name = name
        self.schema = schema
        try:
            self._fast = fast_validator(schema)
        except ValueError as error:
            raise ConfigurationError(f"schema {name} does not compile: {error}") from None
        self._patient = patient_validator(schema)
        self._has_new = _news_of(schema)
        self.version = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:12]

    def check(self, document: object) -> None:
        """Return when the document fits.

        Raises:
            RecordError: it does not; the reason names keyword and schema path, the pointers the places at fault.
        """
        try:
            if self._fast.is_valid(document):
                return
        except ValueError:
            raise RecordError(
                f"{self.name}: the record is not JSON (a key, a number or a text that JSON cannot hold)"
            ) from None
        raise self._explain(document)

    def drift(self, document: object) -> tuple[Drift, ...]:
        """Return where the document is not what the schema says, fields that it does not name included."""
        fits = self._fits(document)
        if fits and not self._has_new(document):
            return ()
        found = [*new_fields(self.schema, document), *misfits(self._errors(document))]
        if not fits and all(one.is_new for one in found):
            found.append(Drift("", "unfit", ""))  # no JSON, or a new field where the schema forbids any
        return tuple(dict.fromkeys(found))

    def fitting_part(self, document: Json) -> tuple[Json, tuple[str, ...]]:
        """Return the document without the fields at fault, and JSON pointers to these.

        Raises:
            RecordError: what is left does not fit either, the fields taken out apart.
        """
        places = places_at_fault(self._errors(document))
        left = without(document, places)
        taken = {place[-1] for place in places if place}
        for error in self._errors(left):
            if error.validator != "required" or any(
                n not in error.instance and n not in taken for n in error.validator_value
            ):
                raise self._explain(document)
        return left, tuple(self._pointer(place) for place in places)

    def personal_paths(self) -> frozenset[str]:
        """Return the paths marked `x-personal`: dotted, `[]` for each list, e.g. `emails[].address`."""
        return frozenset(_personal(self.schema, ""))

    def _fits(self, document: object) -> bool:
        try:
            return bool(self._fast.is_valid(document))
        except ValueError:
            return False

    def _errors(self, document: object) -> list[Any]:
        return [] if self._fits(document) else list(self._patient.iter_errors(document))

    def _pointer(self, place: tuple[str | int, ...]) -> str:
        names = _names(self.schema)
        return "".join(f"/{step if isinstance(step, int) or step in names else '*'}" for step in place)

    def _explain(self, document: object) -> RecordError:
        error = best_match(self._patient.iter_errors(document))
        if error is None:  # the verdict is the fast validator's; where only it objects, it also says where
            raw = next(iter(self._fast.iter_errors(document)))
            return self._reason(list(raw.schema_path), list(raw.instance_path))
        return self._reason(list(error.absolute_schema_path), list(error.absolute_path))

    def _reason(self, schema_path: list[str | int], path: list[str | int]) -> RecordError:
        keyword = schema_path[-1] if schema_path else "schema"
        # Keys that the schema does not name come from the document and might be personal.
        pointer = "".join(f"/{step if isinstance(step, int) or step in schema_path else '*'}" for step in path)
        where = "/".join(str(step) for step in schema_path)
        return RecordError(
            f"{self.name}: `{keyword}` does not hold at {pointer or '/'} (schema #/{where})", pointers=(pointer,)
        )


class Contracts:
    """The contracts of one schema folder: `canonical/<type>.json` and `<connector>/<stream>.json`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._loaded: dict[str, Contract] = {}

    def canonical(self, type_: str) -> Contract:
        """Return the contract of a canonical type.

        Raises:
            ConfigurationError: there is no such schema, or it does not compile.
        """
        return self._load(f"canonical/{type_}")

    def source(self, connector: str, stream: str) -> Contract:
        """Return the contract of a connector's stream.

        Raises:
            ConfigurationError: there is no such schema, or it does not compile.
        """
        return self._load(f"{connector}/{stream}")

    def _load(self, name: str) -> Contract:
        if name not in self._loaded:
            self._loaded[name] = Contract(name, load_schema(self._root, f"{name}.json"))
        return self._loaded[name]


def _news_of(schema: Json) -> Callable[[object], bool]:
    """Return whether a document has fields that the schema does not name, in as little time as that takes."""
    names = frozenset(schema.get("properties", {}))
    welcome = not names or "patternProperties" in schema or isinstance(schema.get("additionalProperties"), dict)
    inner = [
        (name, _news_of(part))
        for name, child in schema.get("properties", {}).items()
        for part in (child, child.get("items"))
        if isinstance(part, dict) and "properties" in part
    ]
    if not inner:
        return lambda document: not welcome and isinstance(document, dict) and not names.issuperset(document)

    def has_new(document: object) -> bool:
        if not isinstance(document, dict):
            return False
        if not welcome and not names.issuperset(document):
            return True
        for name, check in inner:
            value = document.get(name)
            if any(map(check, value)) if isinstance(value, list) else check(value):
                return True
        return False

    return has_new


def _names(schema: Any) -> set[str]:
    """Return every name of a field that the schema knows."""
    if not isinstance(schema, dict):
        return set()
    properties = schema.get("properties", {})
    inner = [*properties.values(), schema.get("items")]
    return set(properties).union(*(_names(part) for part in inner))


def _personal(schema: Any, path: str) -> Iterator[str]:
    if schema.get("x-personal") is True:
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from _personal(child, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from _personal(schema["items"], f"{path}[]")
