"""The shop's own database: accounts, orders, and the webhooks still to be sent.

Records are kept as the JSON that the API shows. One rule: a change and the webhook that tells of it commit together.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from samples.serving import outbox
from samples.serving.clock import Clock
from samples.serving.database import Database

FILE = "shop.sqlite"
SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, id INTEGER NOT NULL, updated_at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS record_updated ON record (kind, updated_at, id);
CREATE TABLE IF NOT EXISTS idempotency (key TEXT PRIMARY KEY, content TEXT NOT NULL, id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
FIRST_IDS = {"customers": 5001, "orders": 90001}
Record = dict[str, Any]


class StaleError(Exception):
    """The record has changed since the caller read it."""


def etag(record: Mapping[str, Any]) -> str:
    """The entity tag of a record: another one after every change."""
    return f'"{hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:24]}"'


class ReusedError(Exception):
    """The idempotency key was used for something else before."""


class ShopStore:
    """Reads and writes the records of one shop; safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._database = Database(directory / FILE, SCHEMA + outbox.SCHEMA)
        self.outbox = outbox.Outbox(self._database)
        self._clock = Clock(self._latest())

    def load(self, records: Mapping[str, Iterable[Record]]) -> None:
        """Fill an empty shop with `customers` and `orders`; no webhook tells of it."""
        rows = [
            (kind, record["id"], record["updated_at"], json.dumps(record))
            for kind, kept in records.items()
            for record in kept
        ]
        with self._database.transaction() as connection:
            connection.executemany("INSERT INTO record (kind, id, updated_at, body) VALUES (?, ?, ?, ?)", rows)
        self._clock = Clock(self._latest())

    def page(self, kind: str, *, since: tuple[str, int], limit: int) -> tuple[list[Record], bool]:
        """Up to `limit` records from (updated_at, id) = `since` on, and whether more follow."""
        rows = self._database.rows(
            "SELECT body FROM record WHERE kind = ? AND (updated_at, id) >= (?, ?) ORDER BY updated_at, id LIMIT ?",
            kind, *since, limit + 1,
        )  # fmt: skip
        return [json.loads(row["body"]) for row in rows[:limit]], len(rows) > limit

    def get(self, kind: str, number: int) -> Record | None:
        """One record, or None."""
        rows = self._database.rows("SELECT body FROM record WHERE kind = ? AND id = ?", kind, number)
        return json.loads(rows[0]["body"]) if rows else None

    def change(self, number: int, fields: Mapping[str, Any], if_match: str | None = None) -> Record | None:
        """Change checked fields of an account; None when there is no such account.

        Raises StaleError when `if_match` is not the account's present entity tag. What changes nothing moves nothing.
        """
        with self._database.transaction() as connection:
            found = self.get("customers", number)
            if found is None:
                return None
            if if_match is not None and etag(found) not in {tag.strip() for tag in if_match.split(",")}:
                raise StaleError
            changed = {**found, **fields}
            if changed != found:
                changed["updated_at"] = self._clock.tick()
                self._write(connection, "customers", changed, "customers/update")
        self.outbox.news.set()
        return changed

    def add(self, kind: str, fields: Mapping[str, Any], created_field: str, *, once: str | None = None) -> Record:
        """Add an account or an order with the next id; `created_field` gets the present time.

        Under the same key in `once` there is one only: the same fields again give the record as it stands.

        Raises ReusedError when the key came with other fields.
        """
        content = json.dumps(fields, sort_keys=True)
        with self._database.transaction() as connection:
            if once is not None and (known := _known(connection, once)) is not None:
                found = self.get(kind, known["id"])
                if known["content"] != content or found is None:
                    raise ReusedError
                return found
            row = connection.execute("SELECT max(id) AS last FROM record WHERE kind = ?", (kind,)).fetchone()
            now = self._clock.tick()
            number = row["last"] + 1 if row["last"] else FIRST_IDS[kind]
            record = {"id": number, **fields, created_field: now, "updated_at": now}
            self._write(connection, kind, record, f"{kind}/create")
            if once is not None:
                connection.execute("INSERT INTO idempotency VALUES (?, ?, ?)", (once, content, number))
        self.outbox.news.set()
        return record

    def webhook_url(self) -> str | None:
        """Where webhooks go, if anywhere."""
        rows = self._database.rows("SELECT value FROM setting WHERE name = 'webhook_url'")
        return rows[0]["value"] if rows else None

    def subscribe(self, url: str) -> None:
        """Send webhooks to `url` from now on."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO setting (name, value) VALUES ('webhook_url', ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (url,),
            )
        self.outbox.news.set()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _latest(self) -> str | None:
        latest: str | None = self._database.rows("SELECT max(updated_at) AS at FROM record")[0]["at"]
        return latest

    def _write(self, connection: sqlite3.Connection, kind: str, record: Record, topic: str) -> None:
        connection.execute(
            "INSERT INTO record (kind, id, updated_at, body) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET updated_at = excluded.updated_at, body = excluded.body",
            (kind, record["id"], record["updated_at"], json.dumps(record)),
        )
        if self.webhook_url():
            self.outbox.add(connection, topic, json.dumps(record))


def _known(connection: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = connection.execute(
        "SELECT content, id FROM idempotency WHERE key = ?", (key,)
    ).fetchone()
    return found
