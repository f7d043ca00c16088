"""Making, filling and guarding the ERP's database.

`create(url)` makes tables and triggers, `load(url, ...)` fills them, `grant_hub(url, role, password)` gives a role of
PostgreSQL what an integration needs and no more. URLs are SQLAlchemy's: `sqlite:///path` or `postgresql+psycopg://...`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Boolean, Date, Engine, Numeric, Table, create_engine, event, insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from samples.erp.schema import ADDRESSES, CUSTOMERS, METADATA, ORDERS, RECORDED, Moment
from samples.erp.triggers import statements

FILE = "erp.sqlite"
HUB_MAY_UPDATE = {
    "customers": (
        "first_name", "last_name", "birth_date", "email", "phone", "mobile", "language", "email_opt_out",
        "phone_opt_out",
    ),
    "addresses": ("street", "city", "postal_code", "country"),
}  # fmt: skip
HUB_MAY_INSERT = {
    "customers": (
        "customer_no", *HUB_MAY_UPDATE["customers"], "created_at", "updated_at", "external_ref",
    ),
}  # fmt: skip


def open_engine(url: str) -> Engine:
    """An engine for the ERP's database; on SQLite foreign keys hold and readers do not block the writer."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    return engine


def create(url: str) -> None:
    """Make tables and triggers where they are missing."""
    engine = open_engine(url)
    METADATA.create_all(engine)
    raw = engine.raw_connection()
    try:
        for script in statements(engine.dialect.name):
            if engine.dialect.name == "sqlite":
                raw.driver_connection.executescript(script)  # type: ignore[union-attr]
            else:
                raw.driver_connection.execute(script)  # type: ignore[union-attr]
        raw.commit()
    finally:
        raw.close()
        engine.dispose()


def load(
    url: str,
    customers: Iterable[Mapping[str, Any]],
    addresses: Iterable[Mapping[str, Any]],
    orders: Iterable[Mapping[str, Any]],
) -> None:
    """Fill an empty database with rows as `samples.erp.shape` makes them, in one transaction."""
    engine = open_engine(url)
    with engine.begin() as connection:
        for table, rows in ((CUSTOMERS, customers), (ADDRESSES, addresses), (ORDERS, orders)):
            if values := [typed(table, row) for row in rows]:
                connection.execute(insert(table), values)
    engine.dispose()


def typed(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of texts with the types of its columns; an empty text is NULL. Raises ValueError, KeyError."""
    return {name: _typed(table.columns[name].type, value) for name, value in row.items()}


def grant_hub(url: str, role: str, password: str) -> None:
    """Create or reset a PostgreSQL login that may read three tables, update named columns of two and add customers.

    `url` names the owner of the tables. The password leaves this process only as a SCRAM verifier.
    """
    engine = open_engine(url)
    raw = engine.raw_connection()
    try:
        connection = raw.driver_connection
        if not isinstance(connection, psycopg.Connection):
            raise TypeError("grant_hub works on PostgreSQL only: SQLite has no roles")
        verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
        names = {"role": sql.Identifier(role), "password": sql.Literal(verifier)}
        verb = sql.SQL("ALTER" if known else "CREATE")
        connection.execute(
            sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}").format(
                verb=verb, **names
            )
        )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {role}").format(**names))
        for table in RECORDED:
            connection.execute(sql.SQL("GRANT SELECT ON {} TO {role}").format(sql.Identifier(table.name), **names))
        for right, allowed in (("UPDATE", HUB_MAY_UPDATE), ("INSERT", HUB_MAY_INSERT)):
            for table_name, columns in allowed.items():
                connection.execute(
                    sql.SQL("GRANT {right} ({}) ON {} TO {role}").format(
                        sql.SQL(", ").join(map(sql.Identifier, columns)),
                        sql.Identifier(table_name),
                        right=sql.SQL(right),
                        **names,
                    )
                )
        raw.commit()
    finally:
        raw.close()
        engine.dispose()


def _typed(kind: object, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    if isinstance(kind, Boolean):
        return {"true": True, "false": False}[value.lower()]
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if isinstance(kind, Moment):
        return datetime.fromisoformat(value)
    return Decimal(value) if isinstance(kind, Numeric) else value
