"""The hub in one piece, on each of the two databases or on SQLite alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onevoice.store import Store, open_store
from tests.workers.walk import Walk, sample_hub


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configuration of the hub stands."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    url = f"sqlite:///{tmp_path / 'hub.db'}" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    opened = open_store(url)
    opened.create_tables()
    yield opened
    opened.close()


@pytest.fixture
def walk(store: Store, hub_folder: Path) -> Walk:
    """A hub on each database."""
    return Walk(store, *sample_hub(hub_folder))


@pytest.fixture
def new_walk(hub_folder: Path) -> Iterator[Callable[[], Walk]]:
    """`new_walk()` gives a hub on an empty store in memory."""
    opened: list[Store] = []

    def make() -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        opened.append(store)
        return Walk(store, *sample_hub(hub_folder))

    yield make
    for store in opened:
        store.close()
