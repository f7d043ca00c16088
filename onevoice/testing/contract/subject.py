"""A connector under examination, and one system of its kind that it may speak to."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from onevoice.contracts import Contract, Contracts
from onevoice.errors import ConfigurationError
from onevoice.mapping import MappingFile, load_mappings
from onevoice.messages import Change, SourceRecord
from onevoice.sdk import Connector, Json, Page, Reader, Settings
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import Manifest

MOST_PAGES = 25
"""How far a read is followed: enough to see how it goes on, and no load for a live system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the checks need.

    Attributes:
        root: the project's folder, with `mappings/` and `schemas/`.
        region: of telephone numbers without a country, as the mapping takes it.
        settings: of the system that is there.
        unreachable: settings with which nothing is reached; none: that is not examined.
        wrong_secrets: secrets that the system refuses; none: that is not examined.
        change: makes a change of a record that the system will take, on a stream; none: nothing is written.
        create: gives the fields of a new record that the system will take, by stream; none: nothing is made.
        make: builds the connector.
        refill: puts the system as it was before each check, where reading alone changes it, as with a queue.
    """

    manifest: Manifest
    root: Path
    settings: Settings
    region: str = "GB"
    unreachable: Mapping[str, object] | None = None
    wrong_secrets: Mapping[str, str] | None = None
    change: Callable[[str, SourceRecord], Change | None] | None = None
    create: Callable[[str], Json] | None = None
    make: Callable[[Manifest, Settings], Connector] = field(default=build)
    refill: Callable[[], None] = lambda: None

    @contextmanager
    def connected(
        self, values: Mapping[str, object] | None = None, secrets: Mapping[str, str] | None = None
    ) -> Iterator[Connector]:
        """Give a connector, with these settings or secrets in place of the system's own; closed at the end."""
        settings = replace(
            self.settings,
            values=self.settings.values if values is None else values,
            secrets=self.settings.secrets if secrets is None else secrets,
        )
        connector = self.make(self.manifest, settings)
        try:
            yield connector
        finally:
            connector.close()

    @contextmanager
    def reading(self) -> Iterator[list[tuple[Reader, str]]]:
        """Give the connector with each stream that it is asked for.

        Raises:
            ConfigurationError: the manifest has streams to ask for and the connector cannot be asked.
        """
        streams = [spec.name for spec in self.manifest.streams.values() if spec.mode == "poll"]
        with self.connected() as connector:
            if streams and not isinstance(connector, Reader):
                raise ConfigurationError(f"connector {self.manifest.id}: polls {streams[0]} and lacks read()")
            yield [(connector, stream) for stream in streams if isinstance(connector, Reader)]

    def files(self) -> dict[str, MappingFile]:
        """Return the mapping files by stream."""
        return load_mappings(self.root / "mappings", self.manifest.id, self.settings.system)

    def personal(self) -> dict[str, set[str]]:
        """Return by stream the paths of what a recording must not show.

        Key and version stay as they are, and so does what comes from a closed list: another value would not fit.
        """
        found = {}
        for name, file in self.files().items():
            source = self.contracts(name)[0]
            free = {path for path in source.personal_paths() if not _is_closed(source.schema, path)}
            found[name] = free - {file.key, file.version}
        return found

    def contracts(self, stream: str) -> tuple[Contract, Contract]:
        """Return the contracts of a stream's source and canonical records."""
        source = Contracts(self.root / "schemas").source(self.manifest.id, stream)
        return source, self.canonical(self.files()[stream].to)

    def canonical(self, type_: str) -> Contract:
        """Return the contract of a canonical type."""
        return Contracts(self.root / "schemas").canonical(type_)


def _is_closed(schema: Json, path: str) -> bool:
    form: Json = {"properties": schema.get("properties", {})}
    for name in path.split("."):
        form = form.get("properties", {}).get(name.removesuffix("[]"), {})
        form = form.get("items", {}) if name.endswith("[]") else form
    return "enum" in form or "pattern" in form


def pages(reader: Reader, stream: str, cursor: Json | None = None) -> list[Page]:
    """Return the first pages of a read."""
    found: list[Page] = []
    for page in reader.read(stream, cursor):
        found.append(page)
        if len(found) == MOST_PAGES:
            break
    return found


def at(record: SourceRecord, path: str) -> object:
    """Return what stands at a dotted path of a record."""
    value: object = record.data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
