"""Opens the store and hands out transactions; PostgreSQL and SQLite behave alike above this file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from onevoice.errors import ConfigurationError, TransientError
from onevoice.store.tables import metadata
from onevoice.store.types import json_text

BUSY_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Store:
    """The database, opened."""

    engine: Engine

    @property
    def dialect(self) -> str:
        """`postgresql` or `sqlite`."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a block in one transaction: commit at its end, roll back on any error.

        Raises:
            TransientError: the database is away or asked for a retry; nothing was committed, or it is not known
                whether the commit went through (then the caller's retry must be harmless).
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError) as error:
            raise TransientError(f"store: {type(error.orig).__name__}; the work is tried again") from error
        except PoolTimeoutError as error:
            raise TransientError("store: every connection is in use; the work is tried again") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise TransientError("store: the connection was lost; the work is tried again") from error
            raise

    def create_tables(self) -> None:
        """Make every table that is missing (SQLite; PostgreSQL is migrated by `onevoice db upgrade`)."""
        metadata.create_all(self.engine)

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            TransientError: there was none.
        """
        with self.transaction() as connection:
            connection.execute(text("select 1"))

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


def open_store(url: str, *, pool_size: int = 10) -> Store:
    """Open the store at a SQLAlchemy URL (`postgresql+psycopg://…` or `sqlite:///…`).

    Raises:
        ConfigurationError: the URL names another kind of database.
    """
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return Store(_open_sqlite(url))
    if backend == "postgresql":
        return Store(_open_postgresql(url, pool_size))
    raise ConfigurationError("store.url: write postgresql+psycopg://… or sqlite:///…")


_JSON: dict[str, Any] = {"json_serializer": json_text, "json_deserializer": orjson.loads}


def _open_postgresql(url: str, pool_size: int) -> Engine:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": 10, "application_name": "onevoice"},
        **_JSON,
    )


def _open_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **_JSON,
    )

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin by itself: a deferred BEGIN cannot wait
        cursor = dbapi_connection.cursor()
        cursor.execute("pragma journal_mode=wal")
        cursor.execute("pragma synchronous=full")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("begin immediate")

    return engine
