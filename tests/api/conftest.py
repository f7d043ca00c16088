"""One hub on SQLite for the session, emptied before each test, and its API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from onevoice.api import create_app
from onevoice.config import load_config
from onevoice.store.tables import metadata
from onevoice.workers.decisions import Rulebook
from onevoice.workers.hub import Hub, opened
from tests.api.door import CONFIG, ROOT, SECRETS, Door


@pytest.fixture(scope="session")
def config_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("api")
    path = folder / "onevoice.toml"
    path.write_text(CONFIG.format(root=ROOT, folder=folder), encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SECRETS.items():
            environment.setenv(name, value)
        yield path


@pytest.fixture(scope="session")
def session_hub(config_path: Path) -> Iterator[Hub]:
    with opened(load_config(config_path)) as hub:
        yield hub


@pytest.fixture(scope="session")
def session_app(session_hub: Hub) -> FastAPI:
    return create_app(session_hub, loops_alive=lambda: True)


@pytest.fixture
def hub(session_hub: Hub) -> Hub:
    """A hub that knows nothing."""
    with session_hub.store.transaction() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    Rulebook(session_hub.config.root / "rules").begin(session_hub.store)
    return session_hub


@pytest.fixture
def door(hub: Hub, session_app: FastAPI) -> Iterator[Door]:
    with TestClient(session_app) as client:
        yield Door(hub=hub, client=client)
