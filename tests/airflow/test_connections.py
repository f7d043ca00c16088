"""Airflow's connections become addresses of store, bus and API, in every form that Airflow offers."""

from __future__ import annotations

import pika
import pytest
import sqlalchemy as sa
from airflow.sdk import Connection

from onevoice.airflow.connections import api_access, bus_url, store_url
from onevoice.errors import ConfigurationError

SECRET = "p@ss/w:rd %41"
QUOTED = "p%40ss%2Fw%3Ard%20%2541"


def test_a_store_keeps_password_and_options() -> None:
    written = Connection(conn_id="x", uri=f"postgresql://hub:{QUOTED}@db.example:5433/onevoice?sslmode=require")
    url = sa.make_url(store_url(written))
    assert url == sa.URL.create(
        "postgresql+psycopg", "hub", SECRET, "db.example", 5433, "onevoice", {"sslmode": "require"}
    )


@pytest.mark.parametrize(
    ("uri", "vhost", "port"),
    [
        (f"amqp://hub:{QUOTED}@mq.example:5673/%2F", "/", 5673),
        (f"amqp://hub:{QUOTED}@mq.example/hub%2Fone", "hub/one", 5672),
        (f"amqps://hub:{QUOTED}@mq.example", "/", 5671),
    ],
)
def test_a_broker_keeps_password_and_virtual_host(uri: str, vhost: str, port: int) -> None:
    url = bus_url(Connection(conn_id="x", uri=uri))
    seen = pika.URLParameters(url)
    assert (seen.host, seen.port, seen.virtual_host) == ("mq.example", port, vhost)
    assert (seen.credentials.username, seen.credentials.password) == ("hub", SECRET)
    assert (seen.ssl_options is not None) == uri.startswith("amqps")


@pytest.mark.parametrize(
    ("fields", "base"),
    [
        ({"conn_type": "http", "host": "hub.example", "port": 8080}, "http://hub.example:8080"),
        ({"conn_type": "http", "host": "hub.example", "schema": "https"}, "https://hub.example"),
        ({"conn_type": "https", "host": "hub.example"}, "https://hub.example"),
        ({"conn_type": "http", "host": "https://hub.example", "port": 444}, "https://hub.example:444"),
    ],
)
def test_an_api_is_found_as_airflow_writes_http_connections(fields: dict[str, object], base: str) -> None:
    access = api_access(Connection(conn_id="x", password=SECRET, **fields))  # type: ignore[arg-type]
    assert (access.base, access.key) == (base, SECRET)
    assert SECRET not in repr(access)


@pytest.mark.parametrize(
    ("read", "written", "named"),
    [
        (store_url, Connection(conn_id="x", uri=f"mysql://hub:{QUOTED}@db/x"), "onevoice_store"),
        (bus_url, Connection(conn_id="x", uri=f"redis://hub:{QUOTED}@mq"), "onevoice_bus"),
        (api_access, Connection(conn_id="x", uri="http://hub.example"), "onevoice_api"),
        (store_url, Connection(conn_id="x", conn_type="postgres", password=SECRET, extra="[1]"), "onevoice_store"),
    ],
)
def test_a_wrong_connection_is_named_without_its_secret(read: object, written: Connection, named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{named}: write") as caught:
        read(written)  # type: ignore[operator]
    assert SECRET not in str(caught.value)
    assert QUOTED not in str(caught.value)
