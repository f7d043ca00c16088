"""What a record must be to pass the door, whatever its stream: nameable, and writable as one message.

Takes source records, gives those that can be published with their content hash, and quarantine rows of the others. The
one rule: no record that a reader may bring is too odd to be kept and told apart from its neighbours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onevoice.bus import Delivery
from onevoice.bus.envelope import MAX_TEXT, PUBLISH_LIMIT
from onevoice.errors import RecordError
from onevoice.messages import SourceRecord
from onevoice.workers.ingest.prepare import hash_of, sorted_json
from onevoice.workers.ingest.set_aside import quarantine_row

STEP = "door"
DATA_LIMIT = PUBLISH_LIMIT - (1 << 16)
"""Leaves room for what an envelope says besides the data."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A record that can be published; `digest` tells its content from other content."""

    record: SourceRecord
    digest: str


def check(system: str, records: Sequence[SourceRecord]) -> tuple[list[Checked], list[dict[str, Any]]]:
    """Return the records that can be published, and the quarantine rows of those that cannot."""
    good, bad = [], []
    for record in records:
        try:
            good.append(Checked(record, _digest(record)))
        except RecordError as error:
            bad.append(_row(system, record, error))
    return good, bad


def _digest(record: SourceRecord) -> str:
    _check_text(record.key, "the key")
    _check_text(record.version, "the version")
    if record.deleted:
        if record.data is not None:
            raise RecordError("a delete carries data; correct the reader", pointers=("/data",))
        return "deleted"
    if not isinstance(record.data, dict):
        raise RecordError("the data is not an object; correct the reader", pointers=("/data",))
    try:
        text = sorted_json(record.data)
    except TypeError:
        raise RecordError(
            "the data cannot be written as JSON: a whole number beyond 64 bits, broken characters, or no JSON type; "
            "correct the record, or send the value as text",
            pointers=("/data",),
        ) from None
    if len(text) > DATA_LIMIT:
        raise RecordError(f"the record is over {DATA_LIMIT} bytes; send it without attachments", pointers=("/data",))
    return hash_of(text)


def _check_text(text: object, name: str) -> None:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
        raise RecordError(f"{name} is not a text of 1 to {MAX_TEXT} characters; correct the record")
    if "\0" in text or not _is_unicode(text):
        raise RecordError(f"{name} holds NUL or half a character, which no store can keep; correct the record")


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _row(system: str, record: SourceRecord, error: RecordError) -> dict[str, Any]:
    """Return the row; the same record always gives the same one, so it holds nothing of the moment."""
    unsent = Delivery(
        body=_body(system, record),
        routing_key=f"{system}.{record.stream}",
        user_id=None,
        redelivered=0,
        tag=None,
    )
    row = quarantine_row(unsent, step=STEP, reason=str(error), pointers=error.pointers)
    return row | {"key": str(record.key).encode(errors="replace").decode().replace("\0", "")[:MAX_TEXT]}


def _body(system: str, record: SourceRecord) -> bytes:
    """Return the record as JSON that any text, number or type fits in; its order stays as it was read."""
    event: dict[str, Any] = {
        "source": f"/onevoice/{system}",
        "subject": record.key,
        "sequence": record.version,
        "deleted": record.deleted,
    }
    try:
        return json.dumps(event | {"data": record.data}, default=str).encode()
    except (TypeError, ValueError, RecursionError):  # a circle, an endless depth, a key that is no text
        return json.dumps(event | {"data": None}, default=str).encode()
