"""One stream's table as the database itself describes it: columns, their types, and how values pass both ways.

Read from the database when first needed (reflection). The version is a column with the time of the last change (on
SQLite it is text as `version_text` writes it), a column with a number that grows with each change, or the number of the
record's last entry in a log that triggers fill; the database's own side keeps each of them.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from onevoice.errors import OperatorError, RefusedError
from onevoice.messages import Json, SourceRecord
from onevoice.sdk.declarative.version import NO_VERSION_FIELD
from onevoice.sdk.plain import instant, plain
from onevoice.sdk.sql import Counted, Instant
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
    """A table with its key and its version.

    Attributes:
        version: a time or a number; empty in a row that cannot be told when it changed.
        log: (key, number) of the log's entries, where the version comes from a log.

    Raises:
        OperatorError: there is no such table or column.
    """

    def __init__(self, connection: Connection, stream: str, declared: Json, where: str) -> None:
        self._stream = stream
        self._declared = declared
        own = [declared["version"]] if "version" in declared else []
        named = [declared["key"], *own, *declared.get("columns", ()), *declared.get("writable", ())]
        named += [declared["create"]["reference"]] if "create" in declared else []
        self.table = _reflected(connection, declared["table"], named, where)
        self.key = self.table.c[declared["key"]]
        self.counted = "log" in declared or declared.get("version_as") == "number"
        self.log: tuple[sa.Column[Any], sa.Column[Any]] | None = None
        if "log" in declared:
            log = declared["log"]
            entries = _reflected(connection, log["table"], [log["key"], log["number"]], where)
            self.log = entries.c[log["key"]], entries.c[log["number"]]
        self.version = self._version()
        wanted = [declared["key"], *own, *declared["columns"]] if "columns" in declared else self.table.c.keys()
        self.columns = [self.table.c[name] for name in dict.fromkeys(wanted)]
        self.writable = frozenset(declared.get("writable", wanted)) - {declared["key"], *own}

    def select(self) -> sa.Select[Any]:
        """Return what reads the stream's columns, and the version."""
        return sa.select(*self.columns, self.version.label("onevoice_version"))

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
        version = version_text(row["onevoice_version"])
        # Names that the database describes are a kind of text of their own, which JSON does not take.
        data = {str(column.name): plain(row[column.name]) for column in self.columns}
        if self.log is not None:
            data[NO_VERSION_FIELD] = row["onevoice_version"]
        elif not self.counted:
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
        version = NO_VERSION_FIELD if self.log is not None else self._declared["version"]
        required = [self._declared["key"], version]
        properties = {column.name: self._form(column, required) for column in self.columns}
        properties[version] = {"type": "integer"} if self.counted else {"type": "string", "format": "date-time"}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self._stream,
            "description": f"A row of the table {self._declared['table']}, as the database describes it.",
            "type": "object",
            "properties": properties,
            "required": required,
        }

    def _version(self) -> sa.ColumnElement[Any]:
        if self.log is None:
            column: sa.ColumnElement[Any] = self.table.c[self._declared["version"]]
            return sa.type_coerce(column, Counted() if self.counted else Instant())
        key, number = self.log
        last = sa.select(sa.func.max(number)).where(key == self.key).correlate(self.table).scalar_subquery()
        return sa.type_coerce(sa.func.coalesce(last, 0), Counted())

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


def _reflected(connection: Connection, place: str, columns: list[str], where: str) -> sa.Table:
    schema, _, name = place.rpartition(".")
    try:
        table = sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
    except sa.exc.NoSuchTableError:
        raise OperatorError(f"{where}: there is no table {place}, or no right to see it") from None
    for column in columns:
        if column not in table.c:
            raise OperatorError(f"{where}: table {place} has no column {column}")
    return table
