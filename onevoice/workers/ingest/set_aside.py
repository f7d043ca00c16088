"""What is kept of a message that cannot be taken: its bytes, how far it got, and why not."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from onevoice.bus import Delivery, envelope_identity
from onevoice.store import rows_by_keys, upsert
from onevoice.store.tables import quarantine
from onevoice.workers.outbox import event, tell

_UPDATED = (
    "user_id",
    "headers",
    "step",
    "reason",
    "pointers",
    "mapping_version",
    "fingerprint",
    "resolved_at",
    "resolution",
)
TRIAL = "tried alone"  # the step of a note that a message is being tried, of which nobody was told
_MESSAGES = uuid.UUID("0197a000-0000-7000-8000-717561726e74")


def quarantine_row(
    delivery: Delivery,
    *,
    step: str,
    reason: str,
    pointers: tuple[str, ...] = (),
    mapping_version: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the row of a message for quarantine; the same message always gets the same id."""
    identity = envelope_identity(delivery.body, delivery.routing_key)
    return {
        "id": _id(identity.system, identity.id, delivery.body),
        "system": identity.system,
        "stream": identity.stream,
        "key": identity.key,
        "message_id": identity.id,
        "body": delivery.body,
        "user_id": delivery.user_id,
        "headers": dict(headers) if headers is not None else None,
        "step": step,
        "reason": reason,
        "pointers": list(pointers),
        "mapping_version": mapping_version,
        "fingerprint": _fingerprint(identity.system, identity.stream, step, reason),
        "attempts": 1,
        "created_at": datetime.now(UTC),
        "resolved_at": None,
        "resolution": None,
    }


def keep(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store quarantine rows, and tell of those that did not wait there already.

    One message is one row, however often it fails.
    """
    unique = list({row["id"]: row for row in rows}.values())
    columns = [quarantine.c.id, quarantine.c.step, quarantine.c.resolved_at]
    keys = [(row["id"],) for row in unique]
    standing = rows_by_keys(connection, quarantine, columns, key=["id"], keys=keys, lock=True)
    waiting = {row.id for row in standing if row.resolved_at is None and row.step != TRIAL}
    store(connection, unique)
    announce(connection, [row for row in unique if row["id"] not in waiting])


def announce(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Tell of quarantine rows."""
    tell(connection, [event("quarantine.added", row["id"], _told(row), now=row["created_at"]) for row in rows])


def store(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Store quarantine rows of different messages and tell nobody."""
    upsert(
        connection,
        quarantine,
        rows,
        key=["id"],
        update=_UPDATED,
        expressions={"attempts": "quarantine.attempts + 1"},
    )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Where it came from and what is wrong, which holds no values; not the message itself."""
    return {name: row[name] for name in ("system", "stream", "key", "step", "reason", "pointers", "fingerprint")}


def _id(system: str, message_id: str, body: bytes) -> UUID:
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    return uuid.uuid5(_MESSAGES, f"{system}|{message_id}|{digest}")


def _fingerprint(system: str, stream: str, step: str, reason: str) -> str:
    """What equal failures have in common, so that thousands of them are one line."""
    return hashlib.blake2b("|".join((system, stream, step, reason)).encode(), digest_size=8).hexdigest()
