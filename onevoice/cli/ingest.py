"""`onevoice ingest`: a file of records through the door, as if their system had pushed them."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from onevoice.cli.screen import done, failed, progress
from onevoice.cli.setting import ConfigPath, hub_of
from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import SourceRecord

if TYPE_CHECKING:
    from onevoice.workers.catalog import Stream

BATCH = 500
SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest")(ingest)


def ingest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON: one record a line, in the system's own shape.")],
    system: Annotated[str, typer.Option("--system", help="The system whose records they are.")],
    stream: Annotated[str, typer.Option("--stream", help="The stream that they belong to.")],
    config: ConfigPath = None,
) -> None:
    """Take in a file of records of one system and stream; what was taken in before costs nothing.

    A line that is no record is named and left out, and the exit code is 65; a record that only fails its schema or
    mapping goes to quarantine like any other.

    Example: onevoice ingest contacts.ndjson --system crm --stream Contact
    """
    with hub_of(config) as hub:
        found = hub.catalog.streams.get((system, stream))
        if found is None:
            known = ", ".join(f"{s}.{n}" for s, n in hub.catalog.streams)
            raise ConfigurationError(f"no stream {stream!r} of a system {system!r}; there are {known}")
        wrong: list[str] = []
        records = _records(file, found, wrong)
        read = published = 0
        with progress(file.name) as advance:
            while batch := list(islice(records, BATCH)):
                published += hub.door.publish(system, batch)
                read += len(batch)
                advance(len(batch))
    done(f"{file.name}: {read:,} read, {published:,} new or changed")
    for line in wrong[:SHOWN]:
        failed(line)
    if wrong:
        raise RecordError(
            f"{file.name}: {len(wrong):,} line(s) are no records of {stream}; correct them, then run this again"
        )


def _records(file: Path, stream: "Stream", wrong: list[str]) -> Iterator[SourceRecord]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        yield _record(line, stream)
                    except RecordError as error:
                        wrong.append(f"line {number}: {error}")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__})") from None


def _record(line: bytes, stream: "Stream") -> SourceRecord:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RecordError("not JSON") from None
    if not isinstance(data, dict):
        raise RecordError("not a JSON object")
    return SourceRecord(
        stream=stream.name, key=stream.mapping.key(data), version=stream.mapping.version(data), data=data
    )
