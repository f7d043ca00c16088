"""A hub on SQLite in a folder of its own, and its API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from onevoice.api import create_app
from onevoice.config import load_config
from onevoice.workers.hub import Hub, opened
from tests.api.door import CONFIG, ROOT, SECRETS, Door


@pytest.fixture
def config_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "onevoice.toml"
    path.write_text(CONFIG.format(root=ROOT, folder=tmp_path), encoding="utf-8")
    return path


@pytest.fixture
def hub(config_path: Path) -> Iterator[Hub]:
    with opened(load_config(config_path)) as hub:
        yield hub


@pytest.fixture
def door(hub: Hub) -> Iterator[Door]:
    with TestClient(create_app(hub, loops_alive=lambda: True), raise_server_exceptions=True) as client:
        yield Door(hub=hub, client=client)
