"""Hubs on empty stores, one after the other, with limits that a few records cross."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from onevoice.store import Store, open_store
from onevoice.store.tables import metadata
from tests.laws.crowd import lowered
from tests.workers.walk import Walk, sample_hub


@pytest.fixture(scope="session")
def hub_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the configuration of the hub stands."""
    return tmp_path_factory.mktemp("hub")


@pytest.fixture
def make(hub_folder: Path) -> Iterator[Callable[[], Walk]]:
    """`make()` gives a hub on an empty store in memory."""
    opened: list[Store] = []

    def walk() -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        opened.append(store)
        while len(opened) > 8:  # a play needs a few at once
            opened.pop(0).close()
        return lowered(Walk(store, *sample_hub(hub_folder)))

    yield walk
    for store in opened:
        store.close()


@pytest.fixture
def pg_store(pg_url: str) -> Iterator[Store]:
    """A store on PostgreSQL with all tables."""
    store = open_store(pg_url)
    store.create_tables()
    yield store
    store.close()


@pytest.fixture
def make_pg(pg_store: Store, hub_folder: Path) -> Callable[[], Walk]:
    """`make_pg()` gives a hub on the one store on PostgreSQL, which is emptied."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)

    def walk() -> Walk:
        with pg_store.transaction() as connection:
            connection.execute(text(f"truncate {names}"))
        return lowered(Walk(pg_store, *sample_hub(hub_folder)))

    return walk
