"""The ERP's tables, for SQLite and PostgreSQL.

Times are `timestamptz` on PostgreSQL; on SQLite they are ISO text in UTC with six digits and `Z`, so that text order is
time order. One rule: `updated_at` and `row_version` belong to the triggers (`samples.erp.triggers`), not to writers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware time in UTC, text on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return datetime.fromisoformat(value) if isinstance(value, str) else value


CUSTOMERS = Table(
    "customers",
    METADATA,
    Column("customer_no", String(20), primary_key=True),
    Column("first_name", Text),
    Column("last_name", Text, nullable=False),
    Column("birth_date", Date),
    Column("email", Text),
    Column("phone", Text),
    Column("mobile", Text),
    Column("language", String(2)),
    Column("email_opt_out", Boolean, nullable=False),
    Column("phone_opt_out", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False, index=True),
    Column("row_version", Integer, nullable=False, server_default="1"),
    Column("external_ref", Text, unique=True, comment="by which another program knows a customer that it made"),
)
ADDRESSES = Table(
    "addresses",
    METADATA,
    Column("address_id", Integer, primary_key=True, autoincrement=False),
    Column("customer_no", ForeignKey("customers.customer_no", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(10), CheckConstraint("kind IN ('main', 'billing')"), nullable=False),
    Column("street", Text),
    Column("city", Text),
    Column("postal_code", Text),
    Column("country", String(2)),
    Column("updated_at", Moment, nullable=False, index=True),
)
ORDERS = Table(
    "orders",
    METADATA,
    Column("order_no", String(20), primary_key=True),
    Column("customer_no", ForeignKey("customers.customer_no", ondelete="CASCADE"), nullable=False, index=True),
    Column("ordered_at", Moment, nullable=False),
    Column("status", String(10), CheckConstraint("status IN ('open', 'shipped', 'cancelled')"), nullable=False),
    Column("total", Numeric(12, 2), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("updated_at", Moment, nullable=False, index=True),
)
JOURNAL = Table(
    "journal",
    METADATA,
    Column("entry_id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("actor", Text, comment="the database role on PostgreSQL, empty on SQLite"),
    Column("action", String(10), nullable=False),
    Column("table_name", String(20), nullable=False),
    Column("record_key", Text, nullable=False),
    Column("old", JSONB().with_variant(Text(), "sqlite")),
    Column("new", JSONB().with_variant(Text(), "sqlite")),
)
RECORDED = (CUSTOMERS, ADDRESSES, ORDERS)
