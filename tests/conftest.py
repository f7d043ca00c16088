"""Private servers for the whole test session, and a fresh corner of them for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onevoice.store import Store, open_store
from onevoice.store.migrate import upgrade
from onevoice.testing.servers import PrivatePostgres, PrivateRabbit


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitVhost:
    """A virtual host of the session's RabbitMQ and how to reach it as administrator.

    `server.management(method, path, body)` asks the management API.
    """

    name: str
    url: str
    management_url: str
    user: str
    password: str
    server: PrivateRabbit


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The session's PostgreSQL. Shared: tests that kill or stop a server start one of their own."""
    with PrivatePostgres(fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def rabbit() -> Iterator[PrivateRabbit]:
    """The session's RabbitMQ. Shared: tests that kill or stop a server start one of their own."""
    with PrivateRabbit() as server:
        yield server


@pytest.fixture
def pg_url(postgres: PrivatePostgres) -> Iterator[str]:
    """SQLAlchemy URL of a new, empty database."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def rabbit_vhost(rabbit: PrivateRabbit) -> Iterator[RabbitVhost]:
    """A new, empty virtual host."""
    name = rabbit.create_vhost()
    yield RabbitVhost(
        name=name,
        url=rabbit.url(name),
        management_url=rabbit.management_url(),
        user=rabbit.user,
        password=rabbit.password,
        server=rabbit,
    )
    rabbit.delete_vhost(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store on each of the two: made from the tables on SQLite, migrated on PostgreSQL."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
        opened.create_tables()
    else:
        url = request.getfixturevalue("pg_url")
        upgrade(url)
        opened = open_store(url)
    yield opened
    opened.close()
