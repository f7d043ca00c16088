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

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine, Uuid

from onevoice.store.types import UtcDateTime

_PG = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]


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
        statement, constants = self._statement
        answer = connection.exec_driver_sql(statement, constants | parameters).one()
        return {name: self._made(name, found) for name, found in zip(self._parts, answer, strict=True)}

    def _made(self, name: str, found: list[list[Any]] | None) -> list[Any]:
        make, readers = self._rows[name]._make, self._readers[name]
        return [
            make(read(value) if read and value is not None else value for read, value in zip(readers, row, strict=True))
            for row in found or ()
        ]

    @cached_property
    def _statement(self) -> tuple[str, dict[str, Any]]:
        """The text, and the values that are written out in the selects."""
        parts = []
        for name, part in self._parts.items():
            rows = part.subquery(name)
            packed = func.json_agg(func.json_build_array(*rows.c))
            parts.append(select(packed).select_from(rows).scalar_subquery().label(name))
        compiled = select(*parts).compile(dialect=_PG)
        written_out = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        return str(compiled), written_out


def _reader(kind: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, UtcDateTime):
        return lambda text: datetime.fromisoformat(text).astimezone(UTC)
    return UUID if isinstance(kind, Uuid) else None
