"""The hub in one piece, on each of the two databases or on SQLite alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onevoice.store import Store, open_store
from tests.workers.walk import Walk, open_walk


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    url = f"sqlite:///{tmp_path / 'hub.db'}" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    opened = open_store(url)
    opened.create_tables()
    yield opened
    opened.close()


@pytest.fixture
def walk(store: Store, tmp_path: Path) -> Walk:
    """A hub on each database."""
    return open_walk(store, tmp_path)


@pytest.fixture
def new_walk(tmp_path: Path) -> Iterator[Callable[[], Walk]]:
    """`new_walk()` gives a hub on an empty SQLite store in memory of its own."""
    opened: list[Store] = []

    def make() -> Walk:
        store = open_store(f"sqlite:///{tmp_path / f'hub{len(opened)}.db'}")
        store.create_tables()
        opened.append(store)
        return open_walk(store, tmp_path)

    yield make
    for store in opened:
        store.close()
