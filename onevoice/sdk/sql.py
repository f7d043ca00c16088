"""A SQL system behind SQLAlchemy: an engine that quotes no values, keyset pages, and errors sorted by what to do next.

Takes a database address and SELECTs; gives rows. The one rule: values travel as bound parameters and appear in no
message, whatever the driver says.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import URL, Connection, Dialect, Engine, RowMapping, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.types import TypeDecorator, TypeEngine

from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, RefusedError, TransientError
from onevoice.sdk.exchange import limits_now
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.plain import instant
from onevoice.versions import version_text

_IMMEDIATE = "onevoice_immediate"
# Class 28: authorisation; 3D000: no such database; 42: no right, no such table or column.
_OPERATOR_STATES = ("28", "3D", "42")
_STATE = 5
# MariaDB: no right (to the database, the table, the column), wrong password, no such database, table or column.
_OPERATOR_CODES = ("1044", "1045", "1049", "1054", "1142", "1143", "1146", "1227", "1698")
_MARIADB = ("mysql", "mariadb")
# What a trigger or a rule of the database's own says no to: SIGNAL, RAISE EXCEPTION, CHECK, a view's WITH CHECK OPTION.
_RULE_STATES = frozenset({"45000", "1644", "4025", "1369", "P0001", "44000"})
_OPERATOR_WORDS = (
    "no such table",
    "no such column",
    "readonly database",
    "not a database",
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time: `timestamptz` where there is one, ISO text with six digits and `Z` on SQLite.

    MariaDB's times have no zone; the connection's is UTC.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Use text on SQLite, whose text order is the order of such times."""
        if dialect.name in _MARIADB:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.String(27) if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write a time."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return version_text(value)
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name in _MARIADB else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read a time."""
        if value is None:
            return None
        if isinstance(value, str):
            return _stored_text(value)
        aware: datetime = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)


class Counted(TypeDecorator[int]):
    """A whole number, in whatever type a database counts: MariaDB gives those without a sign as decimals."""

    impl = sa.BigInteger
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Read a number."""
        return None if value is None else int(value)


def open_engine(address: str, *, password: str | None) -> Engine:
    """Return an engine for a SQLite file that exists, PostgreSQL or MariaDB; it connects when first used.

    Raises:
        ConfigurationError: the address is none, carries a password, or names another kind of database.
    """
    try:
        url = make_url(address)
    except ArgumentError:
        raise ConfigurationError(
            "setting 'database' is no database address; write e.g. database = \"postgresql://user@host/name\""
        ) from None
    if url.password:
        raise ConfigurationError("setting 'database' carries a password; write it as the secret 'password' instead")
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database:
        return _sqlite(url)
    if kind == "postgresql":
        return _postgresql(url.set(drivername="postgresql+psycopg", password=password))
    if kind in _MARIADB:
        return _mariadb(url.set(drivername="mariadb+pymysql", password=password))
    raise ConfigurationError("setting 'database' must begin with sqlite:///, postgresql:// or mariadb://")


@contextmanager
def reading(engine: Engine, where: str) -> Iterator[Connection]:
    """Give a connection for one short read; errors as `classified`."""
    with classified(where), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, where: str) -> Iterator[Connection]:
    """Give a connection in one transaction that holds the write lock from its start; errors as `classified`."""
    with classified(where), engine.connect().execution_options(**{_IMMEDIATE: True}) as connection, connection.begin():
        yield connection


def keyset_pages(
    engine: Engine,
    select: sa.Select[Any],
    *,
    time: sa.ColumnElement[Any],
    key: sa.ColumnElement[Any],
    start: Keyset | None,
    size: int,
    where: str,
) -> Iterator[list[RowMapping]]:
    """Yield rows after `start` in the order (time, key), `size` at a time, each page in a transaction of its own.

    Args:
        time: times, or whole numbers that grow with each change.

    Raises:
        see `classified`.
    """
    ordered = select.add_columns(time.label("keyset_time"), key.label("keyset_key")).order_by(time, key).limit(size)
    position = start
    while True:
        page = ordered if position is None else ordered.where(_after(time, key, position))
        with reading(engine, where) as connection:
            rows = list(connection.execute(page).mappings())
        if not rows:
            return
        yield rows
        if len(rows) < size:
            return
        position = Keyset(version_text(rows[-1]["keyset_time"]), str(rows[-1]["keyset_key"]))


@contextmanager
def classified(where: str) -> Iterator[None]:
    """Turn a driver's error into ours.

    Raises:
        OperatorError: no rights, no such table, wrong password.
        RefusedError: a constraint or a type refuses the values.
        TransientError: not reachable, locked, or anything else that a retry may cure.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _ours(error, where) from None
    except OSError:
        raise TransientError(f"{where}: the database cannot be reached; it is tried again") from None


def _stored_text(value: str) -> datetime:
    """Return the time that SQLite holds as text; text of another form would not sort with it, and so hide changes."""
    moment = instant(value)
    if version_text(moment) != value:
        raise OperatorError("SQLite holds a time of change that is not written as 2025-01-31T09:30:00.000000Z")
    return moment


def _after(time: sa.ColumnElement[Any], key: sa.ColumnElement[Any], position: Keyset) -> sa.ColumnElement[bool]:
    counted = isinstance(place := position.place(), int)
    moment: sa.ColumnElement[Any] = sa.bindparam(None, place, type_=sa.BigInteger() if counted else Instant())
    if not position.key:
        return time >= moment
    last = int(position.key) if isinstance(key.type, sa.Integer) else position.key
    return sa.or_(time > moment, sa.and_(time == moment, key > last))


def _ours(error: SQLAlchemyError, where: str) -> OnevoiceError:
    if isinstance(error, IntegrityError | DataError):
        return RefusedError(f"{where}: the database refuses the values ({type(error).__name__})")
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or _mariadb_code(error.orig))
        text = str(error.orig).lower()
        if state in _RULE_STATES:
            return RefusedError(f"{where}: a rule of the database's own refuses the values ({state})")
        refused = state.startswith(_OPERATOR_STATES) if len(state) == _STATE else state in _OPERATOR_CODES
        if refused or any(words in text for words in _OPERATOR_WORDS):
            return OperatorError(
                f"{where}: the database refuses access {state}; check tables, user and rights".replace("  ", " ")
            )
        return TransientError(f"{where}: the database does not answer ({type(error).__name__}); it is tried again")
    if isinstance(error, StatementError):
        return RefusedError(f"{where}: a value does not fit its column")
    return TransientError(f"{where}: the database failed ({type(error).__name__}); it is tried again")


def _mariadb_code(error: BaseException | None) -> str:
    code = error.args[0] if error is not None and error.args else None
    return str(code) if isinstance(code, int) else ""


def _sqlite(url: URL) -> Engine:
    # mode=rw: a wrong path is an error, not a new empty database.
    file = Path(str(url.database)).absolute()
    engine = sa.create_engine(
        URL.create("sqlite", database=f"file:{file}", query={"mode": "rw", "uri": "true"}),
        hide_parameters=True,
        connect_args={"timeout": 5.0},
    )

    @sa.event.listens_for(engine, "connect")
    def _own_begin(connection: Any, record: object) -> None:
        connection.isolation_level = None  # the driver would begin too late, at the first write

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_IMMEDIATE) else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    limits = (
        "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
    )
    return sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=2,
        connect_args={"connect_timeout": 5, "options": limits, "application_name": "onevoice"},
    )


def _mariadb(url: URL) -> Engine:
    silence = 2 * limits_now().read_seconds  # longer than its own limit for a statement
    limits = (
        "SET time_zone = '+00:00', innodb_lock_wait_timeout = 5, max_statement_time = 30, "
        # A value that does not fit is refused, not cut, whatever the server was set up to do.
        "sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')"
    )
    return sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=2,
        # Each statement sees what was committed before it: a compare after a lock must not see an older moment.
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 5, "read_timeout": silence, "write_timeout": silence, "charset": "utf8mb4"}
        | {"init_command": limits},
    )
