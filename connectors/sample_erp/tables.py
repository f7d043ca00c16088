"""The ERP's tables as far as the hub uses them, and the moment at which a customer last changed.

`CHANGED_AT` is the later of the customer's own `updated_at` and that of her main address, since the ERP does not move
the former when the latter changes.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from onevoice.sdk.sql import Instant

METADATA = sa.MetaData()

CUSTOMERS = sa.Table(
    "customers",
    METADATA,
    sa.Column("customer_no", sa.String, primary_key=True),
    sa.Column("first_name", sa.Text),
    sa.Column("last_name", sa.Text),
    sa.Column("birth_date", sa.Date),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("mobile", sa.Text),
    sa.Column("language", sa.String),
    sa.Column("email_opt_out", sa.Boolean),
    sa.Column("phone_opt_out", sa.Boolean),
    sa.Column("created_at", Instant),
    sa.Column("updated_at", Instant),
    sa.Column("row_version", sa.Integer),
    sa.Column("external_ref", sa.Text),
)
ADDRESSES = sa.Table(
    "addresses",
    METADATA,
    sa.Column("address_id", sa.Integer, primary_key=True),
    sa.Column("customer_no", sa.String),
    sa.Column("kind", sa.String),
    sa.Column("street", sa.Text),
    sa.Column("city", sa.Text),
    sa.Column("postal_code", sa.Text),
    sa.Column("country", sa.String),
    sa.Column("updated_at", Instant),
)
ORDERS = sa.Table(
    "orders",
    METADATA,
    sa.Column("order_no", sa.String, primary_key=True),
    sa.Column("customer_no", sa.String),
    sa.Column("ordered_at", Instant),
    sa.Column("status", sa.String),
    sa.Column("total", sa.Numeric(12, 2)),
    sa.Column("currency", sa.String),
    sa.Column("updated_at", Instant),
)
ADDRESS_FIELDS = ("address_id", "street", "city", "postal_code", "country", "updated_at")
WRITABLE_CUSTOMER = frozenset(CUSTOMERS.columns.keys()) - {
    "customer_no",
    "created_at",
    "updated_at",
    "row_version",
    "external_ref",
}
WRITABLE_ADDRESS = frozenset(ADDRESS_FIELDS) - {"address_id", "updated_at"}

_other = ADDRESSES.alias("other")
_main_address = (
    sa.select(sa.func.min(_other.c.address_id))
    .where(_other.c.customer_no == CUSTOMERS.c.customer_no, _other.c.kind == "main")
    .correlate(CUSTOMERS)
    .scalar_subquery()
)
CHANGED_AT: sa.ColumnElement[datetime] = sa.case(
    (ADDRESSES.c.updated_at > CUSTOMERS.c.updated_at, ADDRESSES.c.updated_at), else_=CUSTOMERS.c.updated_at
)
SELECT_CUSTOMERS: sa.Select[Any] = sa.select(
    *CUSTOMERS.columns,
    *(ADDRESSES.c[name].label(f"main_{name}") for name in ADDRESS_FIELDS),
    CHANGED_AT.label("changed_at"),
).select_from(CUSTOMERS.outerjoin(ADDRESSES, ADDRESSES.c.address_id == _main_address))
SELECT_ORDERS: sa.Select[Any] = sa.select(*ORDERS.columns)
