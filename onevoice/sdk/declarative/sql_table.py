"""One stream's table as the database itself describes it: columns, their types, and how values pass both ways.

Read from the database when first needed (reflection). The version is a column with the time of the last change, which
the database's own side keeps; a time without a zone is UTC. On SQLite it is text as `version_text` writes it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from onevoice.errors import OperatorError, RefusedError
from onevoice.messages import Json, SourceRecord
from onevoice.sdk.plain import instant, plain
from onevoice.sdk.sql import Instant
from onevoice.versions import version_text

_FORMS: Mapping[type[Any], Json] = {
    sa.Boolean: {"type": "boolean"},
    sa.Integer: {"type": "integer"},
    sa.Float: {"type": "number"},
    sa.Date: {"type": "string", "format": "date"},
    sa.DateTime: {"type": "string", "format": "date-time"},
}
_WRITTEN: Mapping[type[Any], Callable[[Any], object]] = {
    sa.Date: date.fromisoformat,
    sa.DateTime: instant,
    sa.Numeric: Decimal,
}


class SqlTable:
    """A table with its key and its time.

    Raises:
        OperatorError: there is no such table or column.
    """

    def __init__(self, connection: Connection, stream: str, declared: Json, where: str) -> None:
        schema, _, name = declared["table"].rpartition(".")
        try:
            table = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
        except sa.exc.NoSuchTableError:
            raise OperatorError(f"{where}: there is no table {declared['table']}, or no right to see it") from None
        named = [declared["key"], declared["version"], *declared.get("columns", ()), *declared.get("writable", ())]
        for column in named:
            if column not in table.c:
                raise OperatorError(f"{where}: table {declared['table']} has no column {column}")
        self.table = table
        self.key = table.c[declared["key"]]
        self.time: sa.ColumnElement[Any] = sa.type_coerce(table.c[declared["version"]], Instant())
        self._stream = stream
        self._declared = declared
        wanted = (
            [declared["key"], declared["version"], *declared["columns"]] if "columns" in declared else table.c.keys()
        )
        self.columns = [table.c[name] for name in dict.fromkeys(wanted)]
        allowed = declared.get("writable", wanted)
        self.writable = frozenset(allowed) - {declared["key"], declared["version"]}

    def select(self) -> sa.Select[Any]:
        """Return what reads the stream's columns, and the version as a time."""
        return sa.select(*self.columns, self.time.label("onevoice_time"))

    def of(self, key: str) -> sa.ColumnElement[bool]:
        """Return the condition for one row."""
        condition: sa.ColumnElement[bool] = self.key == self.native(key)
        return condition

    def native(self, key: str) -> Any:
        """Return a key as the column holds it; None for text where the column holds numbers: no row has it."""
        if not isinstance(self.key.type, sa.Integer):
            return key
        return int(key) if key.isdecimal() else None

    def record(self, row: RowMapping) -> SourceRecord:
        """Return the record of a row."""
        version = version_text(row["onevoice_time"])
        data = {column.name: plain(row[column.name]) for column in self.columns}
        data[self._declared["version"]] = version
        return SourceRecord(stream=self._stream, key=str(row[self.key.name]), version=version, data=data)

    def values(self, fields: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return what is to be written, in the columns' own types.

        Raises:
            RefusedError: a field is no writable column, or a value is not of its column's type.
        """
        return {name: self._value(name, value, where) for name, value in fields.items()}

    def schema(self) -> Json:
        """Return a JSON Schema of the records, with every text marked as personal."""
        required = [self._declared["key"], self._declared["version"]]
        properties = {column.name: self._form(column, required) for column in self.columns}
        properties[self._declared["version"]] = {"type": "string", "format": "date-time"}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self._stream,
            "description": f"A row of the table {self._declared['table']}, as the database describes it.",
            "type": "object",
            "properties": properties,
            "required": required,
        }

    def _value(self, name: str, value: Any, where: str) -> Any:
        if name not in self.writable:
            raise RefusedError(f"{where}: {name} is not a writable column")
        made = next((make for kind, make in _WRITTEN.items() if isinstance(self.table.c[name].type, kind)), None)
        if value is None or made is None:
            return value
        try:
            return made(value)
        except (TypeError, ValueError, ArithmeticError):
            raise RefusedError(f"{where}: {name}: the value is not of the column's type") from None

    def _form(self, column: sa.Column[Any], required: list[str]) -> Json:
        found = next((form for kind, form in _FORMS.items() if isinstance(column.type, kind)), None)
        form = dict(found) if found else {"type": "string", "x-personal": True}
        return form if column.name in required else {**form, "type": [form["type"], "null"]}
