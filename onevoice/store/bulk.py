"""Many rows in one statement, on both databases.

PostgreSQL takes whole columns as arrays (`unnest`), which costs one round trip and one parse however many rows there
are. SQLite has no round trip to save and takes the rows one by one, or a list of keys as one JSON document.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, bindparam, column, literal_column, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB as PG_JSONB
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from onevoice.store.types import json_text

_PG = postgresql.dialect()  # type: ignore[no-untyped-call]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
    expressions: Mapping[str, str] | None = None,
) -> None:
    """Insert rows; where one with the same key stands, set the `update` columns, or leave it when there are none.

    All rows have the same columns, and no two have the same key. `expressions` sets further columns to SQL that may
    name the standing row by the table's name and the new one by `excluded`.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        assignments = {name: f'excluded."{name}"' for name in update} | dict(expressions or {})
        statement = text(_upsert_sql(table, columns, tuple(key), tuple(assignments.items())))
        connection.execute(statement, {name: _array(table.c[name], [row[name] for row in rows]) for name in columns})
        return
    insert = sqlite_insert(table)
    if update or expressions:
        assigned = {name: insert.excluded[name] for name in update}
        assigned |= {name: literal_column(sql) for name, sql in (expressions or {}).items()}
        insert = insert.on_conflict_do_update(index_elements=list(key), set_=assigned)
    else:
        insert = insert.on_conflict_do_nothing(index_elements=list(key))
    connection.execute(insert, list(rows))


def rows_by_keys(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    *,
    key: Sequence[str],
    keys: Sequence[tuple[Any, ...]],
) -> Sequence[Row[Any]]:
    """Return the rows of `table` whose key columns are among `keys`, in no particular order."""
    if not keys:
        return []
    if connection.dialect.name == "postgresql":
        arrays = ", ".join(f"cast(:k{i} as {_pg_type(table.c[name])}[])" for i, name in enumerate(key))
        wanted = text(f"select * from unnest({arrays}) as wanted({', '.join(key)})")  # noqa: S608 - names are ours
        values = {f"k{i}": [k[i] for k in keys] for i in range(len(key))}
        source = wanted.bindparams(**values).columns(*(column(name) for name in key)).subquery("wanted")
    else:
        extracts = ", ".join(f"json_extract(value, '$[{i}]') as {name}" for i, name in enumerate(key))
        wanted = text(f"select {extracts} from json_each(:keys)")  # noqa: S608 - names are ours
        source = (
            wanted.bindparams(bindparam("keys", json_text([[_sqlite_key(v) for v in k] for k in keys])))
            .columns(*(column(name) for name in key))
            .subquery("wanted")
        )
    joined = source.join(table, _all_equal(source, table, key))
    return connection.execute(select(*columns).select_from(joined)).all()


def _all_equal(source: Any, table: Table, key: Sequence[str]) -> Any:
    condition = table.c[key[0]] == source.c[key[0]]
    for name in key[1:]:
        condition = condition & (table.c[name] == source.c[name])
    return condition


def _sqlite_key(value: Any) -> Any:
    return value.hex if hasattr(value, "hex") and not isinstance(value, float) else value


@lru_cache(maxsize=256)
def _upsert_sql(
    table: Table, columns: tuple[str, ...], key: tuple[str, ...], assignments: tuple[tuple[str, str], ...]
) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    arrays = ", ".join(f"cast(:{name} as {_transport(table.c[name])}[])" for name in columns)
    values = ", ".join(
        f'cast(r."{name}" as jsonb)' if _is_json(table.c[name]) else f'r."{name}"' for name in columns
    )
    action = (
        "do update set " + ", ".join(f'"{name}" = {sql}' for name, sql in assignments)
        if assignments
        else "do nothing"
    )
    conflict = ", ".join(f'"{name}"' for name in key)
    return (
        f'insert into "{table.name}" ({names}) select {values} '  # noqa: S608 - names are ours
        f"from unnest({arrays}) as r({names}) on conflict ({conflict}) {action}"
    )


def _is_json(c: Column[Any]) -> bool:
    return isinstance(c.type.dialect_impl(_PG), PG_JSONB) or _pg_type(c) == "JSONB"


def _transport(c: Column[Any]) -> str:
    return "text" if _is_json(c) else _pg_type(c)


@lru_cache(maxsize=256)
def _pg_type(c: Column[Any]) -> str:
    return c.type.compile(dialect=_PG).replace("BIGSERIAL", "BIGINT")


def _array(c: Column[Any], values: list[Any]) -> list[Any]:
    return [None if v is None else json_text(v) for v in values] if _is_json(c) else values
