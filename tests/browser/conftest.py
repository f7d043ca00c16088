"""A hub with its HTTP server on a free port, and Debian's Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright

from onevoice.api import create_app
from onevoice.api.server import serve
from onevoice.config import load_config
from onevoice.workers.hub import opened
from samples.demo.stack import free_port
from samples.demo.witness import await_true
from tests.api.door import CONFIG, ROOT, SECRETS, Door

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """A hub that customers reach at its own address."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    text = CONFIG.format(root=ROOT, folder=tmp_path)
    text = text.replace("https://me.example.com", f"http://127.0.0.1:{port}")
    (tmp_path / "onevoice.toml").write_text(text, encoding="utf-8")
    with opened(load_config(tmp_path / "onevoice.toml")) as hub:
        app, stop = create_app(hub, loops_alive=lambda: True), threading.Event()
        server = threading.Thread(target=serve, args=(app, "127.0.0.1", port, stop))
        server.start()
        with TestClient(app) as client:
            door = Door(hub=hub, client=client)
            assert await_true(lambda: client.get("/health").status_code == 200, 10)
            yield door
        stop.set()
        server.join(20)
