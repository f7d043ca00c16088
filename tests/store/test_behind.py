"""Writes behind: what is read or committed after them sees them, and what one of them meets is raised as ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import IntegrityError

from onevoice.errors import ConfigurationError, RecordError, TransientError
from onevoice.store import Store, delete_by_keys, open_store, update_rows, upsert
from onevoice.store.migrate import upgrade
from onevoice.store.tables import clock_mark, record_key

NOW = datetime(2026, 3, 4, tzinfo=UTC)


@pytest.fixture
def store(pg_url: str) -> Iterator[Store]:
    upgrade(pg_url)
    opened = open_store(pg_url)
    yield opened
    opened.close()


def write(connection: Connection, name: str, at: datetime = NOW) -> None:
    upsert(connection, clock_mark, [{"name": name, "at": at}], key=["name"], update=["at"])


def names(store: Store) -> set[str]:
    with store.transaction() as connection:
        return set(connection.execute(select(clock_mark.c.name)).scalars())


def in_pipeline(connection: Connection) -> bool:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return bool(driver.pgconn.pipeline_status)


def test_writes_are_not_waited_for_and_a_read_sees_them_all(store: Store) -> None:
    with store.transaction() as connection:
        write(connection, "one")
        write(connection, "two")
        assert in_pipeline(connection)
        update_rows(connection, clock_mark, [{"name": "one", "at": NOW.replace(year=2027)}], key=["name"])
        delete_by_keys(connection, clock_mark, key=["name"], keys=["two"])
        found = connection.execute(select(clock_mark.c.name, clock_mark.c.at)).all()
        assert not in_pipeline(connection)
        assert [tuple(row) for row in found] == [("one", NOW.replace(year=2027))]


def test_a_commit_waits_for_all_that_was_written(store: Store) -> None:
    with store.transaction() as connection:
        write(connection, "one")
    assert names(store) == {"one"}


def do(store: Store, *steps: Callable[[Connection], object]) -> None:
    with store.transaction() as connection:
        for step in steps:
            step(connection)


def read(connection: Connection) -> None:
    connection.execute(select(func.count()).select_from(clock_mark))


def fail(_connection: Connection) -> None:
    raise ValueError("of ours")


def refuse(connection: Connection) -> None:
    """A write that the database refuses for good."""
    upsert(connection, record_key, [{"key": "k", "record_id": None}], key=["key", "record_id"])


def one(connection: Connection) -> None:
    write(connection, "one")


def two(connection: Connection) -> None:
    write(connection, "two")


def test_an_error_rolls_back_what_was_sent(store: Store) -> None:
    with pytest.raises(ValueError, match="of ours"):
        do(store, one, fail)
    assert names(store) == set()


@pytest.mark.parametrize("steps", [(refuse, one, read), (refuse, read), (one, refuse), (refuse, one)])
def test_what_a_write_meets_is_raised_by_the_next_read_or_by_the_commit(
    store: Store, steps: tuple[Callable[[Connection], object], ...]
) -> None:
    with pytest.raises(RecordError):
        do(store, *steps)
    do(store, two)
    assert names(store) == {"two"}


def test_what_a_write_meets_inside_a_savepoint_is_rolled_back_alone(store: Store) -> None:
    def attempt(connection: Connection) -> None:
        with connection.begin_nested():
            refuse(connection)
            read(connection)

    with store.transaction() as connection:
        one(connection)
        with pytest.raises(IntegrityError):
            attempt(connection)
        two(connection)
    assert names(store) == {"one", "two"}


def test_a_connection_lost_under_a_write_is_trouble_that_passes(store: Store, pg_url: str) -> None:
    def lose(connection: Connection) -> None:
        backend = connection.execute(text("select pg_backend_pid()")).scalar()
        one(connection)
        with psycopg.connect(pg_url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [backend])

    with pytest.raises(TransientError):
        do(store, lose, two)
    assert names(store) == set()


def test_a_table_that_is_missing_is_a_matter_of_set_up(store: Store) -> None:
    do(store, lambda connection: connection.execute(text("drop table clock_mark")))
    with pytest.raises(ConfigurationError, match="db upgrade"):
        do(store, one)
