"""Many rows in one statement, on both databases.

The rows travel as one JSON document, which costs one parameter and one parse however many there are; PostgreSQL reads
it as a record set, SQLite key lists by `json_each`. Writes on SQLite go row by row: it has no round trip to save.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    TextClause,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.types import TypeEngine

from onevoice.store.behind import BEHIND

_CODE_POINTS = ' collate "C"'
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
    if connection.dialect.name == "postgresql":
        assignments = {name: f'excluded."{name}"' for name in update} | dict(expressions or {})
        statement = _upsert_sql(table, tuple(rows[0]), tuple(key), tuple(assignments.items()))
        connection.execute(statement, {"rows": _document(rows)}, execution_options=BEHIND)
        return
    insert = sqlite_insert(table)
    if update or expressions:
        assigned: dict[str, Any] = {name: insert.excluded[name] for name in update}
        assigned |= {name: literal_column(sql) for name, sql in (expressions or {}).items()}
        insert = insert.on_conflict_do_update(index_elements=list(key), set_=assigned)
    else:
        insert = insert.on_conflict_do_nothing(index_elements=list(key))
    connection.execute(insert, list(rows))


def insert_new(connection: Connection, table: Table, row: dict[str, Any], *, key: Sequence[str]) -> bool:
    """Insert a row unless one with the same key stands, and return whether it was; waits for one that is under way."""
    statement = _insert_new_sql(table, tuple(key), connection.dialect.name)
    return connection.execute(statement, row).one_or_none() is not None


@lru_cache(maxsize=64)
def _insert_new_sql(table: Table, key: tuple[str, ...], dialect: str) -> Any:
    insert: Any = (postgresql.insert if dialect == "postgresql" else sqlite_insert)(table)
    return insert.on_conflict_do_nothing(index_elements=list(key)).returning(table.c[key[0]])


def update_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, key: Sequence[str]) -> None:
    """Set the columns beside the key in the rows that stand under these keys; a key without a row is passed over.

    All rows have the same columns, and no two have the same key. The rows are locked in the order of their keys, as by
    `rows_by_keys`. A key may hold more columns than identify a row: those say as what it must still stand.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        statement = _update_sql(table, tuple(rows[0]), tuple(key))
        connection.execute(statement, {"rows": _document(rows)}, execution_options=BEHIND)
        return
    changed = update(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in key))
    changed = changed.values({name: bindparam(f"set_{name}") for name in rows[0] if name not in key})
    connection.execute(
        changed, [{f"{'key' if name in key else 'set'}_{name}": row[name] for name in row} for row in rows]
    )


def delete_by_keys(connection: Connection, table: Table, *, key: Sequence[str], keys: Sequence[Any]) -> None:
    """Delete the rows of which any of the `key` columns is among `keys`."""
    if not keys:
        return
    if connection.dialect.name == "postgresql":
        kind = _pg_type(table.c[key[0]].type)
        among_them = " or ".join(f'"{name}" = any(cast(:keys as {kind}[]))' for name in key)
        statement = text(f'delete from "{table.name}" where {among_them}')  # noqa: S608 - names are ours
        connection.execute(statement, {"keys": list(keys)}, execution_options=BEHIND)
        return
    connection.execute(delete(table).where(or_(*(table.c[name].in_(list(keys)) for name in key))))


def delete_pairs(
    connection: Connection, table: Table, *, key: tuple[str, str], keys: Sequence[tuple[Any, Any]]
) -> None:
    """Delete the rows whose two key columns are among the pairs."""
    if not keys:
        return
    one, other = key
    if connection.dialect.name == "postgresql":
        shape = ", ".join(f'"{name}" {_pg_type(table.c[name].type)}' for name in key)
        same = " and ".join(f't."{name}" = w."{name}"' for name in key)
        wanted = text(
            f'delete from "{table.name}" t using json_to_recordset(cast(:wanted as json)) w({shape}) where {same}'  # noqa: S608 - names are ours
        )
        document = _document([{one: a, other: b} for a, b in keys])
        connection.execute(wanted, {"wanted": document}, execution_options=BEHIND)
        return
    pair = delete(table).where(table.c[one] == bindparam("wanted_one"), table.c[other] == bindparam("wanted_other"))
    connection.execute(pair, [{"wanted_one": a, "wanted_other": b} for a, b in keys])


def count_by_key(connection: Connection, table: Table, *, key: str, keys: Sequence[Any]) -> dict[Any, int]:
    """Return how many rows hold each of the keys; keys that none holds are left out."""
    if not keys:
        return {}
    counted = select(table.c[key], func.count()).group_by(table.c[key])
    if connection.dialect.name == "postgresql":
        wanted = bindparam("keys", list(keys), type_=postgresql.ARRAY(table.c[key].type))
        counted = counted.where(table.c[key] == func.any(wanted))
    else:
        counted = counted.where(table.c[key].in_(list(keys)))
    return {row[0]: row[1] for row in connection.execute(counted)}


def among(connection: Connection, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Return the condition that a column is one of the values, with one parameter however many there are."""
    return column.in_(listed(connection, values, column))


def listed(connection: Connection, values: Collection[Any], column: Column[Any]) -> Select[Any]:
    """Return the values as rows of one `value`, of the column's type, with one parameter however many there are."""
    if connection.dialect.name == "postgresql":
        given = func.json_array_elements_text(
            cast(bindparam(None, _document(list(values)), type_=Text()), postgresql.JSON)
        ).table_valued("value")
        return select(cast(given.c.value, column.type).label("value"))
    given = func.json_each(_document([_sqlite_key(value) for value in values])).table_valued("value")
    return select(given.c.value)


def rows_up_to(
    connection: Connection, table: Table, columns: Sequence[Column[Any]], *, key: str, keys: Sequence[str], most: int
) -> Sequence[Row[Any]]:
    """Return the rows under each of the keys, but no more than `most` of any one key; which of them is left open."""
    if not keys:
        return []
    statement = _select_up_to_sql(table, tuple(columns), key, connection.dialect.name)
    return connection.execute(statement, {"wanted": _document(list(dict.fromkeys(keys))), "most": most}).all()


def rows_by_keys(
    connection: Connection,
    table: Table,
    columns: Sequence[Column[Any]],
    *,
    key: Sequence[str],
    keys: Sequence[tuple[Any, ...]],
    lock: bool = False,
) -> Sequence[Row[Any]]:
    """Return the rows of `table` whose key columns are among `keys`, in no particular order.

    With `lock` they are locked until the transaction ends, in the order of their keys: nobody waits in a circle.
    """
    if not keys:
        return []
    statement = _select_sql(table, tuple(columns), tuple(key), connection.dialect.name, lock=lock)
    wanted: list[Any]
    if connection.dialect.name == "postgresql" and len(key) == 1:
        wanted = [value for (value,) in dict.fromkeys(keys)]
    elif connection.dialect.name == "postgresql":
        wanted = [dict(zip(key, values, strict=True)) for values in dict.fromkeys(keys)]
    else:
        wanted = [[_sqlite_key(value) for value in values] for values in dict.fromkeys(keys)]
    return connection.execute(statement, {"wanted": _document(wanted)}).all()


@lru_cache(maxsize=256)
def _select_sql(
    table: Table, columns: tuple[Column[Any], ...], key: tuple[str, ...], dialect: str, *, lock: bool
) -> Any:
    if dialect == "postgresql" and len(key) == 1:
        value = f'cast(value as {_pg_type(table.c[key[0]].type)}) as "{key[0]}"'
        wanted = text(f"select {value} from json_array_elements_text(cast(:wanted as json))")  # noqa: S608 - names are ours
    elif dialect == "postgresql":
        shape = ", ".join(f'"{name}" {_pg_type(table.c[name].type)}' for name in key)
        wanted = text(f"select * from json_to_recordset(cast(:wanted as json)) as wanted({shape})")  # noqa: S608 - names are ours
    else:
        extracts = ", ".join(f"json_extract(value, '$[{i}]') as {name}" for i, name in enumerate(key))
        wanted = text(f"select {extracts} from json_each(:wanted)")  # noqa: S608 - names are ours
    source = wanted.columns(*(column(name) for name in key)).subquery("wanted")
    condition = table.c[key[0]] == source.c[key[0]]
    for name in key[1:]:
        condition = condition & (table.c[name] == source.c[name])
    found = select(*columns).select_from(source.join(table, condition))
    if not lock:
        return found
    return found.order_by(*(_by_code_point(table.c[name], dialect) for name in key)).with_for_update(of=table)


@lru_cache(maxsize=256)
def _select_up_to_sql(table: Table, columns: tuple[Column[Any], ...], key: str, dialect: str) -> Any:
    if dialect == "postgresql":
        wanted = text("select value as key from json_array_elements_text(cast(:wanted as json))")
        source = wanted.columns(column("key")).subquery("wanted")
        some = select(*columns).where(table.c[key] == source.c.key).limit(bindparam("most")).lateral("some")
        return select(*(some.c[c.name] for c in columns)).select_from(source.join(some, true()))
    wanted = text("select value as key from json_each(:wanted)")
    source = wanted.columns(column("key")).subquery("wanted")
    place = func.row_number().over(partition_by=table.c[key]).label("place")
    placed = select(*columns, place).join(source, table.c[key] == source.c.key).subquery("placed")
    return select(*(placed.c[c.name] for c in columns)).where(placed.c.place <= bindparam("most"))


@lru_cache(maxsize=256)
def _upsert_sql(
    table: Table, columns: tuple[str, ...], key: tuple[str, ...], assignments: tuple[tuple[str, str], ...]
) -> TextClause:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(_value(table.c[name]) for name in columns)
    shape = ", ".join(f'"{name}" {_carried(table.c[name].type)}' for name in columns)
    conflict = ", ".join(f'"{name}"' for name in key)
    action = "do nothing"
    if assignments:
        action = "do update set " + ", ".join(f'"{name}" = {sql}' for name, sql in assignments)
    return text(
        f'insert into "{table.name}" ({names}) select {values} '  # noqa: S608 - names are ours
        f"from json_to_recordset(cast(:rows as json)) as r({shape}) on conflict ({conflict}) {action}"
    )


@lru_cache(maxsize=256)
def _update_sql(table: Table, columns: tuple[str, ...], key: tuple[str, ...]) -> TextClause:
    shape = ", ".join(f'"{name}" {_carried(table.c[name].type)}' for name in columns)
    same = " and ".join(f't."{name}" = r."{name}"' for name in key)
    order = ", ".join(f't."{name}"{_CODE_POINTS if isinstance(table.c[name].type, Text) else ""}' for name in key)
    chosen = ", ".join([*(f't."{name}"' for name in key), *(_named_value(table.c[n]) for n in columns if n not in key)])
    assignments = ", ".join(f'"{name}" = r."{name}"' for name in columns if name not in key)
    return text(
        f"with r as materialized (select {chosen} from json_to_recordset(cast(:rows as json)) as r({shape}) "  # noqa: S608 - names are ours
        f'join "{table.name}" t on {same} order by {order} for update of t) '
        f'update "{table.name}" t set {assignments} from r where {same}'
    )


def _by_code_point(c: Column[Any], dialect: str) -> ColumnElement[Any]:
    """The order in which Python sorts texts, whatever the database's own: who locks row by row goes by it too."""
    return c.collate("C") if dialect == "postgresql" and isinstance(c.type, Text) else c


def _named_value(c: Column[Any]) -> str:
    return f'{_value(c)} as "{c.name}"'


def _value(c: Column[Any]) -> str:
    return f"decode(r.\"{c.name}\", 'hex')" if isinstance(c.type, LargeBinary) else f'r."{c.name}"'


def _carried(kind: TypeEngine[Any]) -> str:
    return "text" if isinstance(kind, LargeBinary) else _pg_type(kind)


def _pg_type(kind: TypeEngine[Any]) -> str:
    return kind.compile(dialect=_PG)


def _document(rows: Sequence[Any]) -> str:
    return orjson.dumps(rows, default=_encoded).decode()


def _encoded(value: Any) -> Any:
    """Bytes travel in hexadecimal; a UUID of another library as its text."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _sqlite_key(value: Any) -> Any:
    return value.hex if hasattr(value, "hex") and not isinstance(value, float) else value
