"""Opens the store and hands out transactions; PostgreSQL and SQLite behave alike above this file."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from onevoice.errors import ConfigurationError, OnevoiceError, RecordError, TransientError
from onevoice.store.behind import DRIVER
from onevoice.store.tables import metadata
from onevoice.store.types import json_text

BUSY_TIMEOUT_SECONDS = 30
_REFUSED_VALUES = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE: data exception, constraint violation, program limit. No retry mends them."""
_SESSION_ENDED = "25"
"""Class of SQLSTATE: invalid transaction state, as where a session was ended that slept in its transaction."""
TRUSTED_SECONDS = 2.0
"""A connection that was in use so recently is not asked first whether it is still there."""
POOL_SIZE = 10
"""Connections of a process that are kept open; more threads than that would only wait for one."""
ASLEEP_SECONDS = 60
"""A worker that stops inside a transaction keeps the lease for so long; then PostgreSQL ends its session."""


@dataclass(frozen=True, slots=True)
class Store:
    """The database, opened.

    Attributes:
        reader: the same database over connections for reading; None where it is read like written.
    """

    engine: Engine
    reader: Engine | None = None

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
            RecordError: the database refuses a value for good; nothing was committed.
            ConfigurationError: it refuses the statement, as where tables are missing; nothing was committed.
        """
        with _told_apart(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Run a block that only reads, without a transaction around it: each statement sees what was committed.

        That is what a transaction would give it too (READ COMMITTED), and two round trips less. Its connections keep
        the plan of every statement from the first time on. SQLite takes a transaction all the same.

        Raises:
            TransientError: as `transaction`.
            ConfigurationError: as `transaction`.
        """
        if self.reader is None:
            with self.transaction() as connection:
                yield connection
            return
        with _told_apart(), self.reader.connect() as connection:
            yield connection

    def create_tables(self) -> None:
        """Make every table that is missing (SQLite; PostgreSQL is migrated by `onevoice db upgrade`).

        Raises:
            ConfigurationError: a table that stands lacks a column: another version made the file.
        """
        metadata.create_all(self.engine)
        standing = inspect(self.engine)
        for table in metadata.sorted_tables:
            lacking = set(table.columns.keys()) - {found["name"] for found in standing.get_columns(table.name)}
            if lacking:
                raise ConfigurationError(
                    f"store: table {table.name} has no column {min(lacking)}: another version of the hub made "
                    "this file; an embedded store is not upgraded, so move it away and let the systems be read anew"
                )

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
        if self.reader is not None:
            self.reader.dispose()


@contextmanager
def _told_apart() -> Iterator[None]:
    """Raise what the database says as an error of ours."""
    try:
        yield
    except PoolTimeoutError:
        raise TransientError("store: every connection is in use; the work is tried again") from None
    except DBAPIError as error:
        raise _named(error) from None  # the driver's own text may hold values


def _named(error: DBAPIError) -> OnevoiceError:
    """Return the database's refusal as one of ours: what to do next follows from its class of SQLSTATE."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    what = f"{type(error.orig).__name__}{' ' + state if state else ''}"
    if error.connection_invalidated:
        return TransientError("store: the connection was lost; the work is tried again")
    if state[:2] in _REFUSED_VALUES or isinstance(error, DataError | IntegrityError):
        return RecordError(f"store: a value cannot be kept ({what}); correct the record")
    if isinstance(error, OperationalError | InterfaceError) or state[:2] == _SESSION_ENDED:
        return TransientError(f"store: {what}; the work is tried again")
    return ConfigurationError(f"store: the database refuses the statement ({what}); run 'onevoice db upgrade'")


def open_store(url: str, *, pool_size: int = POOL_SIZE) -> Store:
    """Open the store at a SQLAlchemy URL (`postgresql+psycopg://…` or `sqlite:///…`).

    Raises:
        ConfigurationError: the URL names another kind of database.
    """
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        return Store(_open_sqlite(url))
    if backend == "postgresql":
        waiting = f"-c idle_in_transaction_session_timeout={ASLEEP_SECONDS}s"
        # A plan that is kept from the first time on must hold for tables that were empty then: always by an index,
        # row after row, as for one customer is best however large they grow.
        off = " ".join(f"-c {name}=off" for name in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"))
        kept = f"-c plan_cache_mode=force_generic_plan {off}"
        planned = {"options": kept, "prepare_threshold": 0}
        return Store(
            engine=_open_postgresql(url, pool_size, {"options": waiting}, max_overflow=pool_size, driver=DRIVER),
            # Whoever finds none free waits: one that is opened for a single question has no plans yet.
            reader=_open_postgresql(
                url, pool_size, planned, max_overflow=0, pool_use_lifo=True, isolation_level="AUTOCOMMIT"
            ),
        )
    raise ConfigurationError("store.url: write postgresql+psycopg://… or sqlite:///…")


_JSON: dict[str, Any] = {"json_serializer": json_text, "json_deserializer": orjson.loads}


def _open_postgresql(
    url: str, pool_size: int, session: dict[str, Any], *, driver: str = "postgresql+psycopg", **more: Any
) -> Engine:
    engine = create_engine(
        make_url(url).set(drivername=driver),
        pool_size=pool_size,
        hide_parameters=True,
        connect_args={"connect_timeout": 10, "application_name": "onevoice"} | session,
        **_JSON,
        **more,
    )

    @event.listens_for(engine, "checkin")
    def _note(_dbapi_connection: Any, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask(dbapi_connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used_at", math.inf) < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(dbapi_connection)
        except Exception as error:  # whatever it is, the pool opens a new connection
            raise InvalidatePoolError from error

    return engine


def _open_sqlite(url: str) -> Engine:
    file = make_url(url).database
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True)
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
