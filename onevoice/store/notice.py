"""Notices between processes: who has left work says so, and who waits for it is woken at the commit.

On PostgreSQL a notice travels by LISTEN and NOTIFY; SQLite has none, and whoever waits there simply waits. The one
rule: a notice may be lost, so whoever waits looks again after a while all the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from psycopg import Error
from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from onevoice.errors import TransientError
from onevoice.store.engine import Store

Wait: TypeAlias = Callable[[float], object]
"""Returns at a notice, or after so many seconds."""


def give_notice(connection: Connection, channel: str) -> None:
    """Wake whoever listens to the channel once the caller's transaction commits; twice in it is once."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(bindparam("channel", channel), "")))


@contextmanager
def listening(store: Store, channel: str, otherwise: Wait) -> Iterator[Wait]:
    """Listen to a channel for a block.

    Args:
        otherwise: waits where the database gives no notices.

    Raises:
        TransientError: the database is away.
    """
    if store.dialect != "postgresql":
        yield otherwise
        return
    try:
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f'listen "{channel}"')

            def wait(seconds: float) -> None:
                for _ in driver.notifies(timeout=seconds, stop_after=1):
                    pass

            try:
                yield wait
            finally:
                connection.invalidate()  # a connection that listens goes back to no pool
    except (DBAPIError, PoolTimeoutError, Error) as error:
        raise TransientError(f"store: {type(error).__name__} while waiting for work; it is tried again") from None
