"""The CRM's own database: contacts, cases, and what was deleted.

Values are the texts of the SOAP interface (`true`, `1974-03-18`, `...Z` with six digits). One rule: every write moves
SystemModstamp, and no two writes get the same one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from samples.crm.identifier import next_id
from samples.crm.objects import CONTACT, DEFAULTS, ObjectType, check
from samples.serving.clock import Clock
from samples.serving.database import Database

FILE = "crm.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    id TEXT PRIMARY KEY, object TEXT NOT NULL, modstamp TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS record_modstamp ON record (object, modstamp, id);
CREATE TABLE IF NOT EXISTS deleted (id TEXT PRIMARY KEY, object TEXT NOT NULL, deleted_at TEXT NOT NULL);
"""
Row = dict[str, str | None]


class RejectedError(Exception):
    """One record was not written. `code` and the message go back to the caller."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CrmStore:
    """Reads and writes the records of one CRM; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._database = Database(directory / FILE, SCHEMA)
        self.clock = Clock(self._latest())

    def load(self, records: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Fill an empty CRM with records as `samples.crm.shape` makes them, by object name."""
        rows = [
            (row["Id"], name, row["SystemModstamp"], json.dumps({field: _text(value) for field, value in row.items()}))
            for name, kept in records.items()
            for row in kept
        ]
        with self._database.transaction() as connection:
            connection.executemany("INSERT INTO record (id, object, modstamp, body) VALUES (?, ?, ?, ?)", rows)
        self.clock = Clock(self._latest())

    def changed(self, kind: ObjectType, *, after: tuple[str, str], until: str, limit: int) -> tuple[list[Row], bool]:
        """Up to `limit` records later than `after` = (SystemModstamp, Id), and whether that was all up to `until`."""
        rows = self._database.rows(
            "SELECT body FROM record WHERE object = ? AND (modstamp, id) > (?, ?) AND modstamp <= ?"
            " ORDER BY modstamp, id LIMIT ?",
            kind.name, *after, until, limit + 1,
        )  # fmt: skip
        return [json.loads(row["body"]) for row in rows[:limit]], len(rows) <= limit

    def get(self, kind: ObjectType, identifier: str) -> Row | None:
        """One record, or None."""
        rows = self._database.rows("SELECT body FROM record WHERE object = ? AND id = ?", kind.name, identifier)
        return json.loads(rows[0]["body"]) if rows else None

    def deleted(self, kind: ObjectType, since: str) -> list[tuple[str, str]]:
        """Ids and times of what was deleted later than `since`, in that order."""
        rows = self._database.rows(
            "SELECT id, deleted_at FROM deleted WHERE object = ? AND deleted_at > ? ORDER BY deleted_at",
            kind.name, since,
        )  # fmt: skip
        return [(row["id"], row["deleted_at"]) for row in rows]

    def upsert(
        self, kind: ObjectType, fields: Mapping[str, str | None], unmodified_since: str | None, *, by: str | None = None
    ) -> tuple[str, bool]:
        """Write one record; gives its id and whether it is new. Only the given fields change; None clears.

        The record is the one with this Id, or, where a field is named in `by`, the one that has the same value in it.

        Raises RejectedError: FIELD_INVALID, REQUIRED_FIELD_MISSING, INVALID_ID or CONFLICT.
        """
        given = {field: value for field, value in fields.items() if field != "Id"}
        for field, value in given.items():
            if problem := check(kind, field, value):
                raise RejectedError("FIELD_INVALID", f"{field}: {problem}")
        values = {field: _normal(kind, field, value) for field, value in given.items()}
        identifier = fields.get("Id")
        with self._database.transaction() as connection:
            if by is not None:
                identifier = _known_by(connection, kind, by, values[by])
            if "ContactId" in values and _read(connection, CONTACT, values["ContactId"]) is None:
                raise RejectedError("FIELD_INVALID", "ContactId: no such contact")
            row = self._new(connection, kind) if identifier is None else _read(connection, kind, identifier)
            if row is None:
                raise RejectedError("INVALID_ID", "no such record")
            if unmodified_since is not None and str(row["SystemModstamp"]) > unmodified_since:
                raise RejectedError("CONFLICT", "the record has changed since ifUnmodifiedSince")
            row |= values
            if missing := sorted(field for field in kind.required if row[field] is None):
                raise RejectedError("REQUIRED_FIELD_MISSING", ", ".join(missing))
            row["SystemModstamp"] = self.clock.tick()
            row["CreatedDate"] = row["CreatedDate"] or row["SystemModstamp"]
            connection.execute(
                "INSERT INTO record (id, object, modstamp, body) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET modstamp = excluded.modstamp, body = excluded.body",
                (row["Id"], kind.name, row["SystemModstamp"], json.dumps(row)),
            )
        return str(row["Id"]), identifier is None

    def delete(self, identifier: str) -> None:
        """Delete one record of any kind, a contact with its cases. Raises RejectedError INVALID_ID."""
        with self._database.transaction() as connection:
            doomed = connection.execute(
                "SELECT id, object FROM record WHERE id = ? OR json_extract(body, '$.ContactId') = ?",
                (identifier, identifier),
            ).fetchall()
            if not doomed:
                raise RejectedError("INVALID_ID", "no such record")
            for row in doomed:
                connection.execute("DELETE FROM record WHERE id = ?", (row["id"],))
                connection.execute(
                    "INSERT INTO deleted (id, object, deleted_at) VALUES (?, ?, ?)",
                    (row["id"], row["object"], self.clock.tick()),
                )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _latest(self) -> str | None:
        rows = self._database.rows(
            "SELECT max(modstamp) AS at FROM record UNION ALL SELECT max(deleted_at) FROM deleted"
        )
        return max((row["at"] for row in rows if row["at"]), default=None)

    def _new(self, connection: sqlite3.Connection, kind: ObjectType) -> Row:
        """An empty record with the next id and the defaults of its kind."""
        used = connection.execute(
            "SELECT max(id) FROM"
            " (SELECT id FROM record WHERE object = ? UNION ALL SELECT id FROM deleted WHERE object = ?)",
            (kind.name, kind.name),
        ).fetchone()
        return {field: DEFAULTS.get(field) for field in kind.fields} | {"Id": next_id(kind.prefix, used[0])}


def _read(connection: sqlite3.Connection, kind: ObjectType, identifier: str | None) -> Row | None:
    found = connection.execute(
        "SELECT body FROM record WHERE object = ? AND id = ?", (kind.name, identifier)
    ).fetchone()
    return json.loads(found["body"]) if found else None


def _known_by(connection: sqlite3.Connection, kind: ObjectType, field: str, value: str | None) -> str | None:
    found = connection.execute(
        "SELECT id FROM record WHERE object = ? AND json_extract(body, '$.' || ?) = ?", (kind.name, field, value)
    ).fetchone()
    return str(found["id"]) if found else None


def _normal(kind: ObjectType, field: str, value: str | None) -> str | None:
    if value is None or not value.strip():
        return None
    if kind.fields[field] == "boolean":
        return "true" if value in {"true", "1"} else "false"
    return value


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
