"""Messages that must leave: kept in the server's own database until somebody took them.

`Outbox.add(connection, ...)` keeps a message in the caller's transaction; `Relay` is the thread that sends what is due.
Rules: at least once, so a receiver may see a message twice; a message that failed is tried again later and later, at
most `max_attempts` times (for ever when None), and then stays as `dead`, where an admin sees it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from samples.serving.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, delivery_id TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, body TEXT NOT NULL,
    urgent INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (state, urgent, seq);
"""
FIRST_PAUSE = 0.25
IDLE = 0.5
BATCH = 20  # small, so that what is urgent soon has its turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message on its way out; `delivery_id` is the same at every attempt."""

    delivery_id: str
    topic: str
    body: bytes


class NotTakenError(Exception):
    """Nobody confirmed the message. `retry_after` is what the receiver asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Sender(Protocol):
    """The way out. `send` returns when the message was taken, or raises NotTakenError."""

    def send(self, message: Message) -> None: ...
    def idle(self) -> None:
        """Called when there is nothing to send, at least once a second."""

    def close(self) -> None: ...


class Outbox:
    """The messages of one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.news = threading.Event()

    @staticmethod
    def add(
        connection: sqlite3.Connection, topic: str, body: str, *, delivery_id: str | None = None, urgent: bool = False
    ) -> None:
        """Keep a message, in the transaction of what it tells about. Call `news.set()` after the commit."""
        connection.execute(
            "INSERT INTO outbox (delivery_id, topic, body, urgent) VALUES (?, ?, ?, ?)",
            (delivery_id or str(uuid.uuid4()), topic, body, urgent),
        )

    def due(self, now: float) -> list[tuple[int, int, Message]]:
        """Some messages that may be tried now, urgent ones first, then by age: number, attempts so far, message."""
        rows = self._database.rows(
            "SELECT * FROM outbox WHERE state = 'waiting' AND due <= ? ORDER BY urgent DESC, seq LIMIT ?", now, BATCH
        )
        return [
            (
                row["seq"],
                row["attempts"],
                Message(delivery_id=row["delivery_id"], topic=row["topic"], body=row["body"].encode()),
            )
            for row in rows
        ]

    def settle(self, seq: int, state: str, due: float = 0) -> None:
        """Write down how an attempt ended."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE outbox SET state = ?, attempts = attempts + 1, due = ? WHERE seq = ?", (state, due, seq)
            )

    def counts(self) -> dict[str, int]:
        """How many messages are waiting, delivered, dead."""
        rows = self._database.rows("SELECT state, count(*) AS number FROM outbox GROUP BY state")
        return {"waiting": 0, "delivered": 0, "dead": 0} | {row["state"]: row["number"] for row in rows}


class Relay:
    """The thread that empties an outbox."""

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[], Sender | None],
        *,
        max_attempts: int | None,
        longest_pause: float,
    ) -> None:
        """`connect` gives the way out as configured now, the same object while nothing changed; None: nowhere yet."""
        self._outbox = outbox
        self._connect = connect
        self._max_attempts = max_attempts
        self._longest_pause = longest_pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox")

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End after the attempt under way."""
        self._stop.set()
        self._outbox.news.set()
        self._thread.join(30)

    def _run(self) -> None:
        sender: Sender | None = None
        while not self._stop.is_set():
            self._outbox.news.clear()
            sender = self._connect()
            sent = self._round(sender) if sender else 0
            if sender and not sent:
                sender.idle()
            if not sent:
                self._outbox.news.wait(IDLE)
        if sender:
            sender.close()

    def _round(self, sender: Sender) -> int:
        """Try what is due; gives how many were tried."""
        due = self._outbox.due(time.time())
        for seq, attempts, message in due:
            if self._stop.is_set():
                break
            try:
                sender.send(message)
            except NotTakenError as failure:
                last = self._max_attempts is not None and attempts + 1 >= self._max_attempts
                pause = max(min(FIRST_PAUSE * 2 ** min(attempts, 20), self._longest_pause), failure.retry_after or 0)
                self._outbox.settle(seq, "dead" if last else "waiting", time.time() + pause)
            else:
                self._outbox.settle(seq, "delivered")
        return len(due)
