"""What a connector says of itself in `manifest.yaml`: settings, streams, lists, limits.

Takes a connector's folder; gives a checked value. The one rule: a manifest with anything unknown in it is refused, so
that a misspelt limit is an error and not a limit that does not hold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from onevoice.errors import ConfigurationError
from onevoice.messages import Channel, Json
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.manifest_check import check_manifest

FILE = "manifest.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSpec:
    """What it takes to make a record of a stream.

    Attributes:
        needs: source paths without which the system takes no new record.
        reference: source path at which a record shows the reference it was made under; None: it does not.
    """

    needs: tuple[str, ...] = ()
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSpec:
    """One kind of record.

    Attributes:
        mode: poll (the hub asks) or push (the system tells).
        overlap_seconds: how far a read goes back behind its cursor.
        page_size: records the connector asks for at a time.
        create: what it takes to make a record; None: none can be made.
        declared: how the SDK's connector of this kind reads and writes it.
    """

    name: str
    mode: str
    writable: bool = False
    overlap_seconds: float = 120.0
    page_size: int = 200
    create: CreateSpec | None = None
    declared: Json = field(default_factory=dict)


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
        create: what makes the repeat of a create harmless: upsert_key, idempotency_key, lookup (the hub looks for
            its reference before) or none (then it is in doubt, and a person decides).
        deletes: for readers too: told (a read gives them), swept (only missed in a complete read) or none (never seen).
        since_cursor: a read gives what changed; False: always everything.
        push: the system tells by itself.
        suppression: how it takes prohibitions: flag (a field of its records), list, file or none.
    """

    max_batch: int = 1
    requests_per_second: float | None = None
    create: str = "none"
    deletes: str = "swept"
    since_cursor: bool = True
    push: bool = False
    suppression: str = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much of the contract the connector keeps; the tests hold it to that.

    Attributes:
        tier: bronze, silver or gold; empty: it says nothing of itself.
        exempt: checks of the tier that do not apply, each with the reason.
    """

    tier: str = ""
    exempt: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A connector's manifest.

    Attributes:
        package: Python package of the connector; `entry` is `module:class` within it. Without an entry it is the
            SDK's connector of that kind, which needs no code.
        declared: what the manifest says in the section named by the kind.
        settings: JSON Schema of its settings; `x-secret: true` marks secrets.
        contract: the pinned WSDL of a SOAP connector.
    """

    id: str
    title: str
    owner: str
    kind: str
    entry: str | None
    package: str
    folder: Path
    settings: Json
    streams: Mapping[str, StreamSpec]
    lists: Mapping[str, ListSpec]
    capabilities: Capabilities
    contract: PinnedWsdl | None = None
    declared: Json = field(default_factory=dict)
    quality: Quality = field(default_factory=Quality)

    def polled(self) -> list[StreamSpec]:
        """Return the streams that are read at intervals; the others are pushed."""
        return [spec for spec in self.streams.values() if spec.mode == "poll"]

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

    def creatable(self, name: str) -> StreamSpec:
        """Return the declaration of a stream in which records can be made.

        Raises:
            ConfigurationError: the connector has no such stream, or makes no records in it.
        """
        spec = self.writable(name)
        if spec.create is None:
            raise ConfigurationError(f"connector {self.id}: no records can be made in stream {name!r}")
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
    check_manifest(raw, name)
    if raw["id"] != folder.name:
        raise ConfigurationError(f"{name}: id must be {folder.name!r}, the folder's name")
    return _manifest(raw, folder, package)


def _manifest(raw: Json, folder: Path, package: str) -> Manifest:
    contract = raw.get("contract")
    kind = raw["kind"]
    return Manifest(
        id=raw["id"],
        title=raw["title"],
        owner=raw["owner"],
        kind=kind,
        entry=raw.get("entry"),
        package=package,
        folder=folder,
        settings=raw["settings"],
        streams={name: _stream(name, spec, kind) for name, spec in raw.get("streams", {}).items()},
        lists={
            name: ListSpec(name=name, channels=tuple(map(Channel, spec["channels"])))
            for name, spec in raw.get("lists", {}).items()
        },
        capabilities=Capabilities(**raw.get("capabilities", {})),
        contract=PinnedWsdl(**{**contract, "file": folder / contract["file"]}) if contract else None,
        declared=raw.get(kind, {}),
        quality=Quality(**raw.get("quality", {})),
    )


def _stream(name: str, spec: Json, kind: str) -> StreamSpec:
    plain = {key: value for key, value in spec.items() if key not in (kind, "create")}
    create = spec.get("create")
    if create is not None:
        plain["create"] = CreateSpec(needs=tuple(create.get("needs", ())), reference=create.get("reference"))
    return StreamSpec(name=name, declared=spec.get(kind, {}), **plain)
