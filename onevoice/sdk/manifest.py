"""What a connector says of itself in `manifest.yaml`: settings, streams, lists, limits.

Takes a connector's folder; gives a checked value. The one rule: a manifest with anything unknown in it is refused, so
that a misspelt limit is an error and not a limit that does not hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import yaml

from onevoice.errors import ConfigurationError
from onevoice.messages import Channel, Json
from onevoice.sdk.contract import PinnedWsdl

FILE = "manifest.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One kind of record.

    Attributes:
        mode: poll (the hub asks) or push (the system tells).
        overlap_seconds: how far a read goes back behind its cursor.
        page_size: records the connector asks for at a time.
    """

    name: str
    mode: str
    writable: bool = False
    overlap_seconds: float = 120.0
    page_size: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSpec:
    """A suppression list that the system takes as a whole, for these channels."""

    name: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the system can bear and do.

    Attributes:
        max_batch: most changes in one `write`.
        requests_per_second: budget for all calls; None: not limited.
        create: how a create is made safe: upsert_key, idempotency_key, lookup or none.
    """

    max_batch: int = 1
    requests_per_second: float | None = None
    create: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A connector's manifest.

    Attributes:
        package: Python package of the connector; `entry` is `module:class` within it.
        settings: JSON Schema of its settings; `x-secret: true` marks secrets.
        contract: the pinned WSDL of a SOAP connector.
    """

    id: str
    title: str
    owner: str
    kind: str
    entry: str
    package: str
    folder: Path
    settings: Json
    streams: Mapping[str, StreamSpec]
    lists: Mapping[str, ListSpec]
    capabilities: Capabilities
    contract: PinnedWsdl | None = None

    def stream(self, name: str) -> StreamSpec:
        """Return a stream's declaration.

        Raises:
            ConfigurationError: the connector has no such stream.
        """
        try:
            return self.streams[name]
        except KeyError:
            known = ", ".join(self.streams)
            raise ConfigurationError(f"connector {self.id} has no stream {name!r}; it has {known}") from None

    def writable(self, name: str) -> StreamSpec:
        """Return a writable stream's declaration.

        Raises:
            ConfigurationError: the connector has no such stream, or only reads it.
        """
        spec = self.stream(name)
        if not spec.writable:
            raise ConfigurationError(f"connector {self.id}: stream {name!r} is not writable; write nothing into it")
        return spec

    def wsdl(self) -> PinnedWsdl:
        """Return the pinned contract.

        Raises:
            ConfigurationError: the manifest names none.
        """
        if self.contract is None:
            raise ConfigurationError(f"{self.id}/{FILE}: contract is missing; write its file and sha256")
        return self.contract

    def secrets(self) -> frozenset[str]:
        """Return the names of the secret settings."""
        properties: Mapping[str, Json] = self.settings.get("properties", {})
        return frozenset(name for name, rule in properties.items() if rule.get("x-secret"))


def load_manifest(folder: Path, package: str) -> Manifest:
    """Read and check the manifest in a connector's folder.

    Raises:
        ConfigurationError: it is missing or wrong; the message names the file, the key and what it must be.
    """
    path = folder / FILE
    name = f"{folder.name}/{FILE}"
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigurationError(f"{name} cannot be read; every connector folder needs one") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{name} is not YAML") from None
    _check(raw, name)
    if raw["id"] != folder.name:
        raise ConfigurationError(f"{name}: id must be {folder.name!r}, the folder's name")
    return _manifest(raw, folder, package)


def _check(raw: Any, name: str) -> None:
    schema = orjson.loads(files("onevoice.sdk").joinpath("manifest.schema.json").read_bytes())
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(raw))
    if error is not None:
        # A manifest holds no personal data, so that the validator's own words may be shown.
        raise ConfigurationError(f"{name}: {'.'.join(map(str, error.absolute_path)) or 'top level'}: {error.message}")
    try:
        jsonschema.Draft202012Validator.check_schema(raw["settings"])
    except jsonschema.exceptions.SchemaError as wrong:
        raise ConfigurationError(f"{name}: settings is not a JSON Schema: {wrong.message}") from None


def _manifest(raw: Json, folder: Path, package: str) -> Manifest:
    contract = raw.get("contract")
    return Manifest(
        id=raw["id"],
        title=raw["title"],
        owner=raw["owner"],
        kind=raw["kind"],
        entry=raw["entry"],
        package=package,
        folder=folder,
        settings=raw["settings"],
        streams={name: StreamSpec(name=name, **spec) for name, spec in raw.get("streams", {}).items()},
        lists={
            name: ListSpec(name=name, channels=tuple(map(Channel, spec["channels"])))
            for name, spec in raw.get("lists", {}).items()
        },
        capabilities=Capabilities(**raw.get("capabilities", {})),
        contract=PinnedWsdl(file=folder / contract["file"], sha256=contract["sha256"]) if contract else None,
    )
