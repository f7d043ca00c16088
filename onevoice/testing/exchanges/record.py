"""Records what a connector and its system say to each other, through a line that writes everything down.

Takes a manifest and a system's settings; gives recordings without personal values. Only reads: the beginning of each
stream, and the look-up of its first record.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import islice

from onevoice.errors import ConfigurationError
from onevoice.messages import SourceRecord
from onevoice.sdk import Connector, Reader, Settings
from onevoice.sdk.manifest import Manifest
from onevoice.testing.exchanges.fixture import ADDRESS, PAGES, Fixture, addresses, small
from onevoice.testing.exchanges.line import moved, tapped
from onevoice.testing.exchanges.scrub import Scrubber, proven, texts_at
from onevoice.testing.exchanges.statements import record_statements


def record(
    manifest: Manifest,
    settings: Settings,
    personal: Mapping[str, Collection[str]],
    make: Callable[[Manifest, Settings], Connector],
) -> list[Fixture]:
    """Return a recording of a read and of a look-up for each stream that is asked for.

    Args:
        personal: stream -> the paths of its records that are personal, `[]` for each entry of a list.
        make: builds the connector.

    Raises:
        ConfigurationError: no setting is an http address or a SQLite database, or more than one system is meant.
        OperatorError, TransientError: the system does not let us in, or does not answer.
    """
    if manifest.kind == "sql":
        return record_statements(manifest, settings, personal, make)
    found = set(addresses(settings.values).values())
    if len(found) != 1:
        raise ConfigurationError(f"connector {manifest.id}: no one http address among its settings; nothing to record")
    made: list[Fixture] = []
    [system] = found
    for spec in manifest.streams.values():
        if spec.mode != "poll":
            continue
        keys: tuple[str, ...] = ()
        for _ in ("read", "readback"):
            fixture, records = _one(manifest, settings, personal[spec.name], make, system, spec.name, keys)
            made.append(fixture)
            keys = tuple(one.key for one in records if one.key and not one.deleted)[:1]
            if not keys:
                break
    return made


def _one(
    manifest: Manifest,
    settings: Settings,
    paths: Collection[str],
    make: Callable[[Manifest, Settings], Connector],
    system: str,
    stream: str,
    keys: tuple[str, ...],
) -> tuple[Fixture, list[SourceRecord]]:
    with tapped(system) as line:
        values = moved(settings.values, system, line.address)
        connector = make(small(manifest), replace(settings, values=values))
        try:
            if not isinstance(connector, Reader):
                raise ConfigurationError(f"connector {manifest.id}: cannot be asked; nothing to record")
            kept = moved(settings.values, system, ADDRESS)
            fixture = Fixture(stream=stream, values=kept, exchanges=(), gives=(), keys=keys)
            records = fixture.run(connector)
        finally:
            connector.close()
    seen = [*records, *_ahead(manifest, settings, make, stream)]
    words = {word for one in seen for path in paths for word in texts_at(one.data, path)}
    names = {path.rpartition(".")[2].removesuffix("[]") for path in paths}
    secrets = {value: name for name, value in settings.secrets.items()} | proven(line.exchanges, line.proofs)
    scrubber = Scrubber(words, secrets, names, _configured(manifest, settings))
    clean = [scrubber.exchange(one) for one in line.exchanges]
    gives = tuple((one.key, one.version, one.deleted) for one in records)
    return replace(fixture, exchanges=clean, gives=gives), records


def _configured(manifest: Manifest, settings: Settings) -> set[str]:
    defaults = [rule.get("default") for rule in manifest.settings["properties"].values()]
    return {value for value in (*settings.values.values(), *defaults) if isinstance(value, str)}


def _ahead(
    manifest: Manifest, settings: Settings, make: Callable[[Manifest, Settings], Connector], stream: str
) -> list[SourceRecord]:
    """Return the records of a few pages more than are recorded: a reader may ask for more than it gives."""
    connector = make(small(manifest), settings)
    try:
        if not isinstance(connector, Reader):
            return []
        return [one for page in islice(connector.read(stream, None), PAGES + 2) for one in page.records]
    finally:
        connector.close()
