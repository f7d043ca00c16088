"""The hook: connections take the place of store and bus, and what is missing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from onevoice.airflow import HubHook
from onevoice.errors import ConfigurationError, TransientError

SYSTEMS = '[systems.erp]\nconnector = "sample_erp"\n'


def written(folder: Path, text: str = '[bus]\nurl = "amqp://elsewhere:1/x"\n') -> HubHook:
    path = folder / "onevoice.toml"
    path.write_text(text + SYSTEMS, encoding="utf-8")
    return HubHook(str(path))


def test_connections_take_the_place_of_store_and_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ONEVOICE_STORE", "postgresql://hub:secret@db.example:5432/onevoice")
    monkeypatch.setenv("AIRFLOW_CONN_ONEVOICE_BUS", "amqp://hub:secret@mq.example:5672/%2F")
    config = written(tmp_path).config()
    assert config.store_url == "postgresql+psycopg://hub:secret@db.example:5432/onevoice"
    assert config.bus_url == "amqp://hub:secret@mq.example:5672/%2F"


def test_a_missing_connection_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"onevoice_store: not there; .* AIRFLOW_CONN_ONEVOICE_STORE"):
        written(tmp_path).config()


def test_airflow_does_not_work_beside_an_embedded_hub(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"bus\.url: an embedded hub is one process"):
        written(tmp_path, text="").config()


def test_an_api_that_is_down_is_said_to_be_the_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ONEVOICE_API", "http://:key@127.0.0.1:1")
    with pytest.raises(TransientError, match=r"the hub's API does not answer about system erp.*onevoice_api"):
        written(tmp_path).watch("erp")
