"""The page about the store's tables, from their metadata."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CheckConstraint, Table
from sqlalchemy.dialects import postgresql

from onevoice.store.tables import metadata
from scripts.docs.markdown import code, codes, page, table

_PG = postgresql.dialect()  # type: ignore[no-untyped-call]


def tables_page() -> str:
    """Return the page."""
    return page(
        "Tables of the store",
        "PostgreSQL is the truth; SQLite has the same tables. `onevoice db upgrade` brings PostgreSQL to this "
        "version's schema; SQLite's tables are made when it is opened. The tables are private to the hub: read them "
        "for insight, write them never. Their order is that of a record's walk.",
        *(_table(one) for one in metadata.tables.values()),
    )


def _table(one: Table) -> str:
    keys = [column.name for column in one.primary_key.columns]
    rows = [[code(c.name), _type(c), "" if c.nullable else "yes", c.comment or ""] for c in one.columns]
    parts = [f"## `{one.name}`"]
    if one.comment:
        parts.append(f"{one.comment[0].upper()}{one.comment[1:]}.")
    parts.append(table(["column", "type", "always there", "meaning"], rows))
    parts.append(f"Primary key: {codes(keys)}.")
    rules = list(_rules(one))
    if rules:
        parts.append("\n".join(f"- {rule}" for rule in rules))
    return "\n\n".join(parts)


def _rules(one: Table) -> Iterator[str]:
    checks = [str(c.sqltext) for c in one.constraints if isinstance(c, CheckConstraint)]
    yield from (f"Check: {code(check)}" for check in sorted(checks))
    for index in sorted(one.indexes, key=lambda i: str(i.name)):
        unique = "Unique index" if index.unique else "Index"
        where = index.dialect_options["postgresql"].get("where")
        columns = codes(column.name for column in index.columns)
        yield f"{unique} on {columns}" + (f", where {code(where)}" if where is not None else "")


def _type(column: Any) -> str:
    return str(column.type.compile(dialect=_PG)).lower()
