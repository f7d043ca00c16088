"""The inbox: tells a message that came again from another one under the same id.

Takes checked messages and what became of them, keeps their ledger. The one rule: same id and same effect is a repeat
and does nothing; same id and another effect is a mistake of its sender and waits in quarantine, whole.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from onevoice.store import rows_by_keys, upsert
from onevoice.store.tables import message
from onevoice.workers.ingest.prepare import Incoming
from onevoice.workers.ingest.set_aside import quarantine_row

_KEY = ("system", "id")
_EFFECT = ("stream", "key", "sequence", "reading", "content_hash")
_REUSED = "another message came under this id before; give each message an id of its own"


def known_effects(connection: Connection, incoming: Sequence[Incoming]) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return the effects of the messages that came before under these ids."""
    keys = list({(i.envelope.system, i.envelope.id) for i in incoming})
    columns = [message.c[name] for name in ("system", "id", *_EFFECT)]
    rows = rows_by_keys(connection, message, columns, key=_KEY, keys=keys)
    return {(row.system, row.id): tuple(row[2:]) for row in rows}


def note_messages(connection: Connection, incoming: Sequence[Incoming], states: Sequence[str], now: datetime) -> None:
    """Write what is new into the ledger, and count what came again with the message that it repeats."""
    rows: list[dict[str, Any]] = []
    again: dict[tuple[str, str], dict[str, Any]] = {}
    for one, state in zip(incoming, states, strict=True):
        if state == "duplicate":
            counted = again.setdefault((one.envelope.system, one.envelope.id), _row(one, "unchanged", now))
            counted["duplicates"] += 1
        elif state != "conflict":
            rows.append(_row(one, state, now))
    upsert(connection, message, rows, key=_KEY)
    counting = {"duplicates": "message.duplicates + excluded.duplicates"}
    upsert(connection, message, list(again.values()), key=_KEY, expressions=counting)


def _row(one: Incoming, state: str, now: datetime) -> dict[str, Any]:
    row = dict(zip(_EFFECT, one.effect, strict=True))
    return row | {
        "system": one.ref.system,
        "id": one.envelope.id,
        "state": state,
        "duplicates": 0,
        "finished_at": now,
    }


def conflict_row(one: Incoming) -> dict[str, Any]:
    """Return the row for quarantine of a message under an id that another message has used."""
    return quarantine_row(
        one.delivery, step="inbox", reason=_REUSED, pointers=("/id",), mapping_version=one.mapping.version_id
    )


def one_cause(incoming: Sequence[Incoming], states: Sequence[str]) -> str | None:
    """Return the message that brought about all that is owed now; None where several may have."""
    news = [one for one, state in zip(incoming, states, strict=True) if state in ("applied", "stale")]
    return news[0].envelope.id if len(news) == 1 else None
