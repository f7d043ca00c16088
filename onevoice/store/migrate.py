"""Brings a PostgreSQL store to the schema that this version of the hub needs.

Takes a SQLAlchemy URL; all steps of an upgrade commit together or not at all, and two upgrades at once wait for each
other. SQLite has no history: its tables are made from the same metadata when it is opened.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from onevoice.errors import ConfigurationError
from onevoice.store.engine import open_store

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x0E01CE


def upgrade(url: str) -> list[str]:
    """Apply every step that the database lacks; returns their names, oldest first.

    Raises:
        ConfigurationError: the store is not PostgreSQL, or a newer version of the hub has made its schema.
        TransientError: the database is away.
    """
    with _postgresql(url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        missing = _missing(connection)
        if missing:
            command.upgrade(alembic_config(connection), "head")
        return missing


def current(url: str) -> str | None:
    """Return the step that the database stands at; None where there is none yet.

    Raises:
        ConfigurationError: the store is not PostgreSQL.
        TransientError: the database is away.
    """
    with _postgresql(url) as connection:
        return _standing(connection)


def pending(url: str) -> list[str]:
    """Return the steps that the database lacks, oldest first.

    Raises:
        ConfigurationError: the store is not PostgreSQL, or a newer version of the hub has made its schema.
        TransientError: the database is away.
    """
    with _postgresql(url) as connection:
        return _missing(connection)


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's settings for our folder, on an open connection."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _postgresql(url: str) -> Iterator[Connection]:
    store = open_store(url, pool_size=1)
    try:
        if store.dialect != "postgresql":
            raise ConfigurationError("store.url: SQLite's tables are made at start; there is nothing to upgrade")
        with store.transaction() as connection:
            yield connection
    finally:
        store.close()


def _missing(connection: Connection) -> list[str]:
    steps = [step.revision for step in ScriptDirectory(str(FOLDER)).walk_revisions()][::-1]
    standing = _standing(connection)
    if standing is None:
        return steps
    if standing not in steps:
        raise ConfigurationError(f"store: its schema is at step {standing}, newer than this hub; install that version")
    return steps[steps.index(standing) + 1 :]


def _standing(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
