"""What the configured systems are made of: connectors, mappings and contracts, loaded once at start."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from onevoice.config import Config, SystemConfig
from onevoice.contracts import Contract, Contracts, Drift, Mode
from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping import Mapping as RecordMapping
from onevoice.mapping import MappingFile, compile_mapping, load_mappings
from onevoice.mapping.paths import source_path
from onevoice.mapping.rule import nearest
from onevoice.messages import Json, Lane, RecordRef
from onevoice.sdk.discovery import discover
from onevoice.sdk.manifest import Manifest, StreamSpec

OWN_PAGE = ("self", "profile")
"""System and stream of what customers say of themselves on their own page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream of one system, ready to be checked and mapped.

    Attributes:
        mode: what becomes of a record that is not what its schema says.
        also: what else one of its records gives, each with a mapping and a contract of its own.
        create: whose records the hub makes where the system has none: never, when_needed or all.
        safe_by: what makes the repeat of a create harmless, see `Capabilities.create`.
        needs, reference: see `CreateSpec`.
    """

    system: str
    name: str
    mapping: RecordMapping
    source: Contract
    canonical: Contract
    polled: bool
    writable: bool
    mode: Mode = Mode.QUARANTINE_RECORD
    also: tuple["Stream", ...] = ()
    create: str = "never"
    safe_by: str = "none"
    needs: tuple[str, ...] = ()
    reference: str | None = None

    def admit(self, data: Json, drift: Collection[Drift]) -> tuple[Json, tuple[str, ...]]:
        """Return what is mapped of a record that differs from its schema, and pointers to what is set aside.

        Raises:
            RecordError: the record is to wait as a whole.
        """
        by_field = all(one.path for one in drift)
        if self.mode is Mode.EVOLVE and by_field:
            return data, ()
        if self.mode is Mode.QUARANTINE_FIELD and by_field:
            return self.source.fitting_part(data)
        self.source.check(data)
        if self.mode is Mode.FREEZE:
            fields = ", ".join(sorted({one.path for one in drift}))
            raise RecordError(f"{self.source.name}: frozen, and the record has new fields: {fields}")
        return data, ()

    def set_aside(self, data: Json) -> frozenset[str]:
        """Return the source paths of a stored record whose values wait in quarantine while the rest was taken in."""
        if self.mode is not Mode.QUARANTINE_FIELD or not self.source.drift(data):
            return frozenset()
        try:
            return frozenset(source_path(pointer) for pointer in self.source.fitting_part(data)[1])
        except RecordError:
            return frozenset()

    def part_of(self, key: str) -> "Stream | None":
        """Return the part of the stream that a key of the hub belongs to: itself, or what `#<slot>` names, if any."""
        _, divided, slot = key.partition("#")
        if not (divided and self.also):
            return self
        return next((part for part in self.also if part.mapping.slot == slot.partition("/")[0]), None)

    def source_key(self, key: str) -> str:
        """Return the key that the system knows."""
        return key.partition("#")[0] if self.mapping.slot else key


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All streams and suppression lists of the configured systems."""

    systems: Mapping[str, SystemConfig]
    manifests: Mapping[str, Manifest]
    streams: Mapping[tuple[str, str], Stream]
    lists: Mapping[tuple[str, str], tuple[str, ...]]

    def stream(self, system: str, stream: str) -> Stream:
        """Return a stream.

        Raises:
            RecordError: it is not configured; a record that names it goes to quarantine.
        """
        found = self.streams.get((system, stream))
        if found is None:
            raise RecordError(f"system {system!r} has no stream {stream!r}: add its mapping, then reprocess")
        return found

    def part_of(self, record: RecordRef) -> Stream | None:
        """Return what a record is mapped by; None when its stream is not configured any more."""
        found = self.streams.get((record.system, record.stream))
        return found.part_of(record.key) if found is not None and found.also else found

    def creating(self) -> list[Stream]:
        """Return the streams in which the hub may make records."""
        return [stream for stream in self.streams.values() if stream.create != "never"]

    def streams_of(self, system: str) -> list[Stream]:
        """Return the streams of one system, parties first, since other records refer to them."""
        own = [s for s in self.streams.values() if s.system == system]
        return sorted(own, key=lambda s: (s.mapping.to not in ("person", "organisation"), s.name))

    def canonical(self, kind: str) -> Contract:
        """Return the contract of a canonical type that some stream is mapped to."""
        parts = (part for s in self.streams.values() for part in (s, *s.also))
        return next(part.canonical for part in parts if part.mapping.to == kind)

    def hold_to_purposes(self, known: Collection[str]) -> None:
        """Refuse a consent field for a purpose that no rule knows: what it says would bind nobody.

        Args:
            known: the purposes of `rules/purposes.yaml`.

        Raises:
            ConfigurationError: a mapping has one.
        """
        for (system, name), stream in self.streams.items():
            for part in (stream, *stream.also):
                read = {path[5:-1] for path in part.mapping.origins if path.startswith("acts[")}
                for place in sorted(read | {f"{channel}/{purpose}" for channel, purpose in part.mapping.acts}):
                    purpose = place.partition("/")[2]
                    if purpose not in known:
                        raise ConfigurationError(
                            f"mapping {system}.{name}: acts[{place}]: rules/purposes.yaml has no purpose "
                            f"'{purpose}'{nearest(purpose, known)}"
                        )

    def clock_bound(self, system: str) -> timedelta:
        """Return how far the system's clock may be off."""
        found = self.systems.get(system)
        return timedelta(seconds=found.clock_bound_seconds if found else 0)

    def is_urgent(self, system: str, stream: str, data: Json | None) -> bool:
        """Return whether a record says that somebody must not be contacted; that overtakes everything else."""
        found = self.streams.get((system, stream))
        if found is None or data is None:
            return False
        if found.mapping.to == "act":
            return True
        try:
            if any(flag.observed == "withdrawn" for flag in found.mapping.observe(data)):
                return True
            given = [m for part in found.also for _, _, m in part.mapping.records(data)]
            return any(m.type == "act" or any(flag.observed == "withdrawn" for flag in m.flags) for m in given)
        except RecordError:
            return False  # ingest says what is wrong with it

    def routing(self) -> dict[str, list[str]]:
        """Return system -> streams, for the bus topology."""
        names = {*self.systems, *(system for system, _ in self.streams)}
        return {name: sorted(s.name for s in self.streams_of(name)) for name in sorted(names)}

    def lanes(self) -> Iterator[tuple[str, Lane]]:
        """Yield every lane that something can be owed on."""
        for name in self.systems:
            if any(part.writable for s in self.streams_of(name) for part in (s, *s.also)):
                yield name, Lane.RECORD
                yield name, Lane.SUPPRESSION
            elif any(system == name for system, _ in self.lists):
                yield name, Lane.SUPPRESSION


def load_catalog(config: Config) -> Catalog:
    """Load manifests, schemas and mappings of all configured systems.

    Raises:
        ConfigurationError: something is missing or wrong; the text names the file or key.
    """
    manifests = discover(config.root / "connectors")
    contracts = Contracts(config.root / "schemas")
    streams: dict[tuple[str, str], Stream] = {}
    lists: dict[tuple[str, str], tuple[str, ...]] = {}
    for system in config.systems.values():
        manifest = manifests.get(system.connector)
        if manifest is None:
            known = ", ".join(sorted(manifests)) or "none"
            raise ConfigurationError(
                f"systems.{system.name}.connector: no connector {system.connector!r}; there are: {known}"
            )
        for stream in _streams(config, system, manifest, contracts):
            streams[system.name, stream.name] = stream
        lists |= {(system.name, name): tuple(spec.channels) for name, spec in manifest.lists.items()}
    if config.secret is not None:
        streams[OWN_PAGE] = _own_page(config, contracts)
    return Catalog(
        systems=config.systems,
        manifests={s.name: manifests[s.connector] for s in config.systems.values()},
        streams=streams,
        lists=lists,
    )


def _streams(config: Config, system: SystemConfig, manifest: Manifest, contracts: Contracts) -> Iterator[Stream]:
    files = load_mappings(config.root / "mappings", system.connector, system.name)
    for name, spec in manifest.streams.items():
        if name not in files:
            raise ConfigurationError(f"mappings/{system.connector}/{name}.yaml: missing; write it or drop the stream")
        main, *also = (
            _part(system, spec, file, contracts.source(system.connector, name), contracts.canonical(file.to))
            for file in (files[name], *files[name].also.values())
        )
        yield _creating(replace(main, also=tuple(also)), files[name], spec, manifest)


def _creating(stream: Stream, file: MappingFile, spec: StreamSpec, manifest: Manifest) -> Stream:
    if spec.create is None and file.create == "never":
        return stream
    if spec.create is None:
        path, line, column = file.place(("create",))
        raise ConfigurationError(
            f"{path}:{line}:{column}: connector {manifest.id} makes no records in {spec.name}; leave `create` out"
        )
    return replace(
        stream,
        create=file.create,
        safe_by=manifest.capabilities.create,
        needs=spec.create.needs,
        reference=spec.create.reference,
    )


def _part(system: SystemConfig, spec: StreamSpec, file: MappingFile, source: Contract, canonical: Contract) -> Stream:
    mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=system.region)
    return Stream(
        system=system.name,
        name=spec.name,
        mapping=mapping,
        source=source,
        canonical=canonical,
        polled=spec.mode == "poll",
        writable=spec.writable and mapping.writable,
        mode=Mode(file.contract),
    )


def _own_page(config: Config, contracts: Contracts) -> Stream:
    """The one stream without a connector: its records are made by the hub, on the customer's own page."""
    system, name = OWN_PAGE
    file = load_mappings(config.root / "mappings", system, system)[name]
    source, canonical = contracts.source(system, name), contracts.canonical(file.to)
    mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region="ZZ")
    return Stream(
        system=system,
        name=name,
        mapping=mapping,
        source=source,
        canonical=canonical,
        polled=False,
        writable=False,
    )
