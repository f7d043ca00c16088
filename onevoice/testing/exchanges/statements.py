"""Recorded exchanges with a database: the statements in their order, over a copy of the rows that they were asked of.

Only of SQLite, whose file can be copied whole; the copy is a script within the recording.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from onevoice.errors import ConfigurationError
from onevoice.sdk import Connector, Reader, Settings
from onevoice.sdk.manifest import Manifest
from onevoice.testing.exchanges.fixture import ADDRESS, Exchange, Fixture, small
from onevoice.testing.exchanges.scrub import Scrubber, texts_at

PREFIX = "sqlite:///"
LARGEST = 1024 * 1024
_OF_THE_DRIVER = ("PRAGMA", "BEGIN", "COMMIT", "ROLLBACK")


@contextmanager
def heard() -> Iterator[list[Exchange]]:
    """Give the statements that are sent to any database until the block ends."""
    found: list[Exchange] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if not statement.lstrip().upper().startswith(_OF_THE_DRIVER):
            told = json.dumps(parameters, default=str)
            found.append(Exchange(method="SQL", target=told, body=statement, status=0, headers={}, answer=""))

    sa.event.listen(sa.Engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", hear)


def database_of(settings: Settings) -> Path:
    """Return the SQLite file that the settings name.

    Raises:
        ConfigurationError: they name none.
    """
    address = str(settings.values.get("database", ""))
    if not address.startswith(PREFIX):
        raise ConfigurationError("only a SQLite database can be recorded; record a small copy of the tables as one")
    return Path(address.removeprefix(PREFIX))


def record_statements(
    manifest: Manifest,
    settings: Settings,
    personal: Mapping[str, Collection[str]],
    make: Callable[[Manifest, Settings], Connector],
) -> list[Fixture]:
    """Return a recording of a read and of a look-up for each stream; see `record`.

    Raises:
        ConfigurationError: the database is no SQLite file, or larger than a test should carry.
    """
    with closing(sqlite3.connect(database_of(settings))) as database:
        script = "\n".join(database.iterdump())
    if len(script) > LARGEST:
        raise ConfigurationError("the database is larger than a recording should be; record a small copy")
    clean = _scrubbed(script, manifest, settings, personal, make)
    made = []
    for stream in (spec.name for spec in manifest.streams.values() if spec.mode == "poll"):
        keys: tuple[str, ...] = ()
        for _ in ("read", "readback"):
            values = {**settings.values, "database": f"{PREFIX}{ADDRESS}"}
            fixture = Fixture(stream=stream, values=values, exchanges=(), gives=(), keys=keys, database=clean)
            statements, gives = run_statements(fixture, manifest, settings, make)
            made.append(replace(fixture, exchanges=tuple(statements), gives=gives))
            keys = tuple(key for key, _, deleted in gives if not deleted)[:1]
    return made


def run_statements(
    fixture: Fixture, manifest: Manifest, settings: Settings, make: Callable[[Manifest, Settings], Connector]
) -> tuple[list[Exchange], tuple[tuple[str, str, bool], ...]]:
    """Do what was recorded over the recording's own rows; returns the statements and what came of them."""
    with fixture.rows() as file:
        values = {**fixture.values, "database": f"{PREFIX}{file}"}
        connector = make(small(manifest), replace(settings, values=values, secrets={}))
        try:
            if not isinstance(connector, Reader):
                raise ConfigurationError(f"connector {manifest.id}: cannot be asked; nothing to record")
            with heard() as statements:
                found = fixture.run(connector)
        finally:
            connector.close()
    return statements, tuple((one.key, one.version, one.deleted) for one in found)


def _scrubbed(
    script: str,
    manifest: Manifest,
    settings: Settings,
    personal: Mapping[str, Collection[str]],
    make: Callable[[Manifest, Settings], Connector],
) -> str:
    """Return the script without the personal values of any record that the connector can read in it."""
    connector = make(manifest, settings)
    words: set[str] = set()
    try:
        for stream, paths in personal.items():
            pages = connector.read(stream, None) if isinstance(connector, Reader) else ()
            words |= {
                word for page in pages for one in page.records for path in paths for word in texts_at(one.data, path)
            }
    finally:
        connector.close()
    return Scrubber(words, {}).script(script)
