"""Reads the addresses of store, bus and API out of Airflow's connections.

Takes connections as Airflow hands them to a task, whether written in its interface, its secrets backend or as
AIRFLOW_CONN_...; gives the addresses that the hub understands. No value of a connection is ever shown.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import Connection
from sqlalchemy import URL

from onevoice.errors import ConfigurationError

STORE = "onevoice_store"
BUS = "onevoice_bus"
API = "onevoice_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAccess:
    """Where the hub's API is, and the key that opens it."""

    base: str
    key: str = field(repr=False)


def store_url(connection: Connection) -> str:
    """Return the store's SQLAlchemy URL; what `extra` holds becomes its query (`{"sslmode": "require"}`).

    Raises:
        ConfigurationError: it is no PostgreSQL.
    """
    if not (connection.conn_type or "").startswith("postgres"):
        raise _wrong(STORE, "write a PostgreSQL connection, e.g. postgresql://user:password@host:5432/onevoice")
    return URL.create(
        "postgresql+psycopg",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema or None,
        query=_query(STORE, connection),
    ).render_as_string(hide_password=False)


def bus_url(connection: Connection) -> str:
    """Return the broker's address; the connection's schema is the virtual host, `/` when it is empty.

    Raises:
        ConfigurationError: it is no AMQP connection.
    """
    scheme = connection.conn_type or ""
    if scheme not in ("amqp", "amqps") or not connection.host:
        raise _wrong(BUS, "write an AMQP connection, e.g. amqp://user:password@host:5672/%2F")
    user = quote(connection.login or "", safe="")
    password = quote(connection.password or "", safe="")
    port = connection.port or (5671 if scheme == "amqps" else 5672)
    vhost = quote(connection.schema or "/", safe="")
    query = _query(BUS, connection)
    return f"{scheme}://{user}:{password}@{connection.host}:{port}/{vhost}" + (f"?{urlencode(query)}" if query else "")


def api_access(connection: Connection) -> ApiAccess:
    """Return the API's address and key; the key is the connection's password.

    Raises:
        ConfigurationError: host or key is missing.
    """
    host = connection.host or ""
    if not host or not connection.password:
        raise _wrong(API, "write an HTTP connection with the hub's host, its port and an operator's key as password")
    if "://" not in host:
        # As Airflow's own HTTP connections have it: the schema field is the protocol.
        protocol = "https" if "https" in (connection.schema, connection.conn_type) else "http"
        host = f"{protocol}://{host}"
    base = f"{host}:{connection.port}" if connection.port else host
    return ApiAccess(base=base, key=connection.password)


def _query(name: str, connection: Connection) -> dict[str, str]:
    if not connection.extra:
        return {}
    try:
        extra: Any = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict) or not all(isinstance(value, str | int | float) for value in extra.values()):
        raise _wrong(name, 'write extra as a flat JSON object, e.g. {"sslmode": "require"}')
    return {key: str(value) for key, value in extra.items()}


def _wrong(name: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"Airflow connection {name}: {expected}")
