"""One shape of record: the check, and the reason when it fails.

Takes a document as JSON values; gives nothing when it fits and a RecordError when it does not. The rule kept: the
reason is built from keyword, schema path and pointer; no value of the document gets into it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema.exceptions import best_match

from onevoice.contracts.documents import load_schema
from onevoice.contracts.validators import fast_validator, patient_validator
from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import Json


class Contract:
    """A compiled schema.

    Attributes:
        name: what messages call it, e.g. `canonical/person`.
        schema: the schema with all references inlined.
    """

    __slots__ = ("_fast", "_patient", "name", "schema")

    def __init__(self, name: str, schema: Json) -> None:
        self.name = name
        self.schema = schema
        try:
            self._fast = fast_validator(schema)
        except ValueError as error:
            raise ConfigurationError(f"schema {name} does not compile: {error}") from None
        self._patient = patient_validator(schema)

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

    def personal_paths(self) -> frozenset[str]:
        """Return the paths marked `x-personal`: dotted, `[]` for each list, e.g. `emails[].address`."""
        return frozenset(_personal(self.schema, ""))

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


def _personal(schema: Any, path: str) -> Iterator[str]:
    if schema.get("x-personal") is True:
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from _personal(child, f"{path}.{name}" if path else name)
    if isinstance(schema.get("items"), dict):
        yield from _personal(schema["items"], f"{path}[]")
