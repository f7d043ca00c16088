"""`python -m samples.erp`: a clerk's desk. Shows a customer, changes her, changes her address, deletes her.

The database is DIR/erp.sqlite for `--data DIR`, else the URL in ERP_URL (it may hold a password).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from samples.erp.database import FILE, open_engine, typed
from samples.erp.schema import ADDRESSES, CUSTOMERS, ORDERS
from samples.serving.secret import secret


def main() -> None:
    """Read the arguments, do one thing, print the customer as JSON."""
    parser = argparse.ArgumentParser(prog="python -m samples.erp", description="A clerk's desk at the sample ERP.")
    parser.add_argument("--data", type=Path, help="folder of the SQLite database; else ERP_URL names the database")
    parser.add_argument("action", choices=("show", "change", "address", "delete"))
    parser.add_argument("customer_no", help="for example K10001")
    parser.add_argument("values", nargs="*", metavar="column=value", help="an empty value clears the column")
    options = parser.parse_args()
    engine = open_engine(f"sqlite:///{options.data / FILE}" if options.data else secret("ERP_URL"))
    with engine.begin() as connection:
        _act(connection, options.action, options.customer_no, dict(_pair(parser, text) for text in options.values))
        print(json.dumps(show(connection, options.customer_no), indent=2, default=str, ensure_ascii=False))
    engine.dispose()


def show(connection: Connection, customer_no: str) -> dict[str, Any] | None:
    """A customer with her addresses and orders, or None."""
    row = connection.execute(select(CUSTOMERS).where(CUSTOMERS.c.customer_no == customer_no)).mappings().first()
    if row is None:
        return None
    return {**row, "addresses": _of(connection, ADDRESSES, customer_no), "orders": _of(connection, ORDERS, customer_no)}


def _of(connection: Connection, table: Table, customer_no: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(table.c.customer_no == customer_no)).mappings()]


def _act(connection: Connection, action: str, customer_no: str, values: dict[str, str]) -> None:
    if action == "delete":
        connection.execute(delete(CUSTOMERS).where(CUSTOMERS.c.customer_no == customer_no))
        return
    if action == "show" or not values:
        return
    table = CUSTOMERS if action == "change" else ADDRESSES
    try:
        changes = typed(table, values)
    except (KeyError, ValueError):
        raise SystemExit(f"unknown column or bad value; columns are {', '.join(table.columns.keys())}") from None
    statement = update(table).where(table.c.customer_no == customer_no).values(changes)
    connection.execute(statement.where(ADDRESSES.c.kind == "main") if table is ADDRESSES else statement)


def _pair(parser: argparse.ArgumentParser, text: str) -> tuple[str, str]:
    column, separator, value = text.partition("=")
    if not separator:
        parser.error(f"{text}: write column=value")
    return column, value


if __name__ == "__main__":
    main()
