"""The call centre's own database: calls, its own do-not-call entries, the loaded suppression list, events to publish.

One rule: a record and the event that tells of it commit together; a suppression list replaces the one before it as a
whole or not at all.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from samples.callcentre.envelope import KEYS, envelope
from samples.serving import outbox
from samples.serving.clock import Clock
from samples.serving.database import Database

FILE = "callcentre.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    stream TEXT NOT NULL, key TEXT NOT NULL, channel TEXT, point TEXT, body TEXT NOT NULL, screen_pop TEXT,
    PRIMARY KEY (stream, key)
);
CREATE TABLE IF NOT EXISTS suppression (
    channel TEXT NOT NULL, point TEXT NOT NULL, purpose TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS suppression_point ON suppression (channel, point);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LIST_COLUMNS = ("channel", "point", "purpose", "reason", "since")
Record = dict[str, Any]


class CallCentreStore:
    """Reads and writes what one call centre knows; safe to use from several threads."""

    def __init__(self, directory: Path, system: str = "callcentre") -> None:
        self._database = Database(directory / FILE, SCHEMA + outbox.SCHEMA)
        self._system = system
        self.outbox = outbox.Outbox(self._database)
        self.clock = Clock()

    def load(self, records: Mapping[str, Iterable[Record]]) -> None:
        """Fill an empty call centre with its history, by stream; nothing is published."""
        with self._database.transaction() as connection:
            for stream, kept in records.items():
                for record in kept:
                    _insert(connection, stream, record)

    def publish_history(self) -> int:
        """Put the whole history on its way, once in the life of this store; gives the number of events."""
        with self._database.transaction() as connection:
            if self.setting("history_published"):
                return 0
            rows = connection.execute("SELECT stream, body FROM record ORDER BY stream, key").fetchall()
            for row in rows:
                self._publish(connection, row["stream"], json.loads(row["body"]), urgent=False)
            _set(connection, "history_published", "yes")
        self.outbox.news.set()
        return len(rows)

    def add(self, stream: str, prefix: str, fields: Mapping[str, Any], screen_pop: Any = None) -> Record:
        """Keep a new record under the next key and put its event on its way."""
        with self._database.transaction() as connection:
            last = connection.execute("SELECT max(key) AS last FROM record WHERE stream = ?", (stream,)).fetchone()
            serial = int(last["last"].rpartition("-")[2]) + 1 if last["last"] else 1
            record = {KEYS[stream]: f"{prefix}-{serial:06d}", **fields}
            _insert(connection, stream, record, screen_pop)
            self._publish(connection, stream, record, urgent=stream == "do_not_call")
        self.outbox.news.set()
        return record

    def change(self, stream: str, record: Record, screen_pop: Any = None) -> None:
        """Put a record in the place of the one under its key, and its event on its way."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM record WHERE stream = ? AND key = ?", (stream, record[KEYS[stream]]))
            _insert(connection, stream, record, screen_pop)
            self._publish(connection, stream, record, urgent=False)
        self.outbox.news.set()

    def call(self, call_id: str) -> tuple[Record, Any] | None:
        """A call and the screen pop that was shown, or None."""
        rows = self._database.rows("SELECT body, screen_pop FROM record WHERE stream = 'call' AND key = ?", call_id)
        return (json.loads(rows[0]["body"]), json.loads(rows[0]["screen_pop"] or "null")) if rows else None

    def replace_list(self, rows: Iterable[Sequence[str]]) -> None:
        """Take a new suppression list instead of the old one; each row has the five columns."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM suppression")
            connection.executemany(
                "INSERT INTO suppression (channel, point, purpose, reason, since) VALUES (?, ?, ?, ?, ?)", rows
            )

    def suppression_list(self) -> list[tuple[str, ...]]:
        """The list in force, sorted."""
        rows = self._database.rows(
            "SELECT channel, point, purpose, reason, since FROM suppression ORDER BY channel, point, purpose, reason"
        )
        return [tuple(row) for row in rows]

    def setting(self, name: str) -> str | None:
        """A setting that outlives restarts."""
        rows = self._database.rows("SELECT value FROM setting WHERE name = ?", name)
        return rows[0]["value"] if rows else None

    def set(self, name: str, value: str) -> None:
        """Keep a setting."""
        with self._database.transaction() as connection:
            _set(connection, name, value)
        self.outbox.news.set()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _publish(self, connection: sqlite3.Connection, stream: str, record: Record, *, urgent: bool) -> None:
        event_id = str(uuid.uuid4())
        body = envelope(self._system, stream, record, event_id)
        self.outbox.add(connection, stream, body, delivery_id=event_id, urgent=urgent)


def _insert(connection: sqlite3.Connection, stream: str, record: Record, screen_pop: Any = None) -> None:
    connection.execute(
        "INSERT INTO record (stream, key, channel, point, body, screen_pop) VALUES (?, ?, ?, ?, ?, ?)",
        (
            stream,
            record[KEYS[stream]],
            record.get("channel"),
            record.get("point"),
            json.dumps(record),
            json.dumps(screen_pop),
        ),
    )


def _set(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
