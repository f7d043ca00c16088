"""Several selects in one round trip.

Takes selects that were put together once, gives the rows of each. PostgreSQL answers all of them in one statement,
whose text is made once; SQLite, which has no round trip to save, one after the other. The one rule: what comes back has
the types of its columns, on both databases.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy import Connection, Select, Text, cast, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine, Uuid

from onevoice.store.types import UtcDateTime

_PG = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Gathering:
    """Named selects over the same parameters; a list of values (`in_`) has no fixed text, so none of them has one."""

    def __init__(self, **parts: Select[Any]) -> None:
        self._parts = parts
        self._rows: dict[str, Any] = {
            name: namedtuple("_Row", list(part.selected_columns.keys())) for name, part in parts.items()
        }
        self._readers = {name: [_reader(c.type) for c in part.selected_columns] for name, part in parts.items()}

    def rows(self, connection: Connection, **parameters: Any) -> dict[str, Sequence[Any]]:
        """Return the rows of each select by its name; a row has its columns as attributes."""
        if connection.dialect.name != "postgresql":
            return {name: connection.execute(part, parameters).all() for name, part in self._parts.items()}
        statement, places, constants = self._statement
        values = constants | parameters
        answer = orjson.loads(_ask(connection, statement, [values[place] for place in places]))
        return {name: self._made(name, found) for name, found in zip(self._parts, answer, strict=True)}

    def _made(self, name: str, found: list[list[Any]] | None) -> list[Any]:
        make, readers = self._rows[name]._make, self._readers[name]
        return [
            make(read(value) if read and value is not None else value for read, value in zip(readers, row, strict=True))
            for row in found or ()
        ]

    @cached_property
    def _statement(self) -> tuple[str, list[str], dict[str, Any]]:
        """The text, the names of its parameters in their order, and the values that are written out in the selects."""
        parts = []
        for name, part in self._parts.items():
            rows = part.subquery(name)
            packed = func.json_agg(func.json_build_array(*rows.c))
            parts.append(select(packed).select_from(rows).scalar_subquery())
        compiled = select(cast(func.json_build_array(*parts), Text)).compile(dialect=_PG)
        written_out = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        return str(compiled), list(compiled.positiontup or ()), written_out


def _ask(connection: Connection, statement: str, values: list[Any]) -> str:
    """Return the one value of a statement, asked of the driver itself: a third of what it takes through its layers.

    Raises:
        DBAPIError: as by any other statement.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - PostgreSQL has no other here
    try:
        with psycopg.RawCursor(driver) as cursor:
            (answer,) = cursor.execute(statement, values).fetchone() or (None,)
    except psycopg.Error as error:
        lost = driver.broken
        if lost:
            connection.invalidate()
        raise DBAPIError.instance(
            None,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=connection.dialect,
        ) from None
    return str(answer)


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcDateTime):
        return lambda text: datetime.fromisoformat(text).astimezone(UTC)
    return UUID if isinstance(kind, Uuid) else None
