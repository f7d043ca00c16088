"""The store on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onevoice.store import Store, open_store
from onevoice.store.migrate import upgrade


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store: made from the tables on SQLite, migrated on PostgreSQL."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
        opened.create_tables()
    else:
        url = request.getfixturevalue("pg_url")
        upgrade(url)
        opened = open_store(url)
    yield opened
    opened.close()
