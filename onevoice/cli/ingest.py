"""`onevoice ingest`: a file of records through the door, as if their system had pushed them."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import done, failed, progress
from onevoice.cli.setting import ConfigPath, hub_of, loaded
from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import SourceRecord

if TYPE_CHECKING:
    from onevoice.workers.catalog import Catalog, Stream

BATCH = 500
SHOWN = 10

Load = Callable[[Iterable[SourceRecord], Callable[[int], None]], str]
"""Takes records in, tells of the progress, gives what became of them in words."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="NDJSON, or CSV with a header, in the system's own shape.")
    ],
    system: Annotated[str, typer.Option("--system", help="The system whose records they are.")],
    stream: Annotated[str, typer.Option("--stream", help="The stream that they belong to.")],
    bulk: Annotated[
        bool, typer.Option("--bulk", help="Straight into the store, with no broker between: for a first load.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Take in a file of records of one system and stream; what was taken in before costs nothing.

    A line that is no record is named and left out, and the exit code is 65; a record that only fails its schema or
    mapping goes to quarantine like any other. In CSV an empty value is null. A load that was cut is begun again.

    Example: onevoice ingest contacts.ndjson --system crm --stream Contact --bulk
    """
    with ExitStack() as open_things:
        catalog, load = (_in_bulk if bulk else _by_the_door)(open_things, config, system)
        found = _stream(catalog, system, stream)
        from onevoice.workers.record_file import read_records

        wrong: list[str] = []
        with progress(file.name) as advance:
            said = load(read_records(file, found, wrong), advance)
    done(f"{file.name}: {said}")
    for line in wrong[:SHOWN]:
        failed(line)
    if wrong:
        raise RecordError(
            f"{file.name}: {len(wrong):,} line(s) are no records of {stream}; correct them, then run this again"
        )


def _stream(catalog: "Catalog", system: str, stream: str) -> "Stream":
    found = catalog.streams.get((system, stream))
    if found is None:
        known = ", ".join(f"{s}.{n}" for s, n in catalog.streams)
        raise ConfigurationError(f"no stream {stream!r} of a system {system!r}; there are {known}")
    return found


def _by_the_door(open_things: ExitStack, config: Path | None, system: str) -> "tuple[Catalog, Load]":
    hub = open_things.enter_context(hub_of(config))

    def load(records: Iterable[SourceRecord], advance: Callable[[int], None]) -> str:
        read = published = 0
        waiting = iter(records)
        while batch := list(islice(waiting, BATCH)):
            published += hub.door.publish(system, batch)
            read += len(batch)
            advance(len(batch))
        return f"{read:,} read, {published:,} new or changed"

    return hub.catalog, load


def _in_bulk(open_things: ExitStack, config: Path | None, system: str) -> "tuple[Catalog, Load]":
    from onevoice.workers.bulk import Bulk
    from onevoice.workers.hub import open_master
    from onevoice.workers.run import require_current_schema

    settings = loaded(config)
    require_current_schema(settings)
    master = open_master(settings)
    open_things.callback(master.store.close)

    def load(records: Iterable[SourceRecord], advance: Callable[[int], None]) -> str:
        loading = Bulk(store=master.store, ingest=master.ingest)
        loading.load(system, records, progress=advance)
        return ", ".join(f"{count:,} {state}" for state, count in sorted(loading.counts.items()) if count) or "empty"

    return master.catalog, load
