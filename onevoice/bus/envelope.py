"""Envelopes and work as bytes, and back: CloudEvents 1.0, structured JSON.

Takes bytes from anyone; gives an `Envelope` or a reason. Whose record it is comes from the routing key, which the
broker has checked; the body must agree with it. No reason holds a value from the message.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import orjson

from onevoice.bus.topology import HUB_USER, routing_key
from onevoice.errors import RecordError
from onevoice.messages import Envelope, Event, Json, Lane, Work

MESSAGE_LIMIT = 1 << 20
WORKS_IN_MESSAGE = 100
PUBLISH_LIMIT = 12 << 20
"""RabbitMQ 4 refuses 16 MiB; up to here a body over `MESSAGE_LIMIT` still reaches quarantine whole."""
MAX_DEPTH = 64
MAX_TEXT = 512

RECORD_TYPE = "onevoice.record.v1"
DELETED_TYPE = "onevoice.record.deleted.v1"
CONTENT_TYPE = "application/cloudevents+json"

_SOURCE = "/onevoice/"
_LANES = frozenset(lane.value for lane in Lane)
_DIGITS_AS_NOUGHT = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_RUN = b"0" * 19
_LONG_NUMBER = re.compile(rb"[:,\[\s]-?[0-9]{19,}")  # not in quotes, at least not at its start
_INTEGERS = range(-(2**63), 2**64)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeIdentity:
    """Whose message it seems to be; empty text where it does not say."""

    system: str
    stream: str
    key: str
    id: str


def envelope_json(envelope: Envelope) -> bytes:
    """Return the envelope as one CloudEvents JSON document.

    Raises:
        RecordError: it is not JSON, too long for the broker, or a delete with data (or the reverse).
    """
    where = f"{envelope.system}.{envelope.stream}"
    if envelope.deleted != (envelope.data is None):
        raise RecordError(f"{where}: a delete carries no data, and nothing else lacks it; correct the reader")
    if len(routing_key(envelope.system, envelope.stream).encode()) > 255:
        raise RecordError("system and stream are too long for a routing key; correct the reader")
    event: Json = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": _SOURCE + envelope.system,
        "type": DELETED_TYPE if envelope.deleted else RECORD_TYPE,
        "subject": envelope.key,
        "time": envelope.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"schemas/{envelope.system}/{envelope.stream}.json",
        "sequence": envelope.sequence,
        "reading": envelope.reading,
    }
    for name, value in (
        ("traceparent", envelope.traceparent),
        ("correlationid", envelope.correlation_id),
        ("causationid", envelope.causation_id),
    ):
        if value is not None:
            event[name] = value
    event["data"] = envelope.data
    try:
        body = orjson.dumps(event)
    except TypeError:
        raise RecordError(f"{where}: the data cannot be written as JSON; correct the reader") from None
    if len(body) > PUBLISH_LIMIT:
        raise RecordError(f"{where}: the record is over {PUBLISH_LIMIT} bytes; quarantine it from where it was read")
    return body


def event_json(event: Event) -> bytes:
    """Return an event as one CloudEvents JSON document; its type is `onevoice.<routing key>.v1`."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(event.id),
            "source": _SOURCE.removesuffix("/"),
            "type": f"onevoice.{event.type}.v1",
            "subject": event.subject,
            "time": event.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": event.data,
        }
    )


def parse_envelope(body: bytes, *, routing_key: str, user_id: str | None, urgent: bool) -> Envelope:
    """Return the envelope in a message, checked against how it travelled.

    Args:
        user_id: the broker user that sent it, if the message says so.
        urgent: it came over the urgent exchange.

    Raises:
        RecordError: the message is not what the public contract says, or claims to be another system's.
    """
    event = _document(body)
    system, _, stream = routing_key.partition(".")
    if not stream:
        raise RecordError("the routing key is not <system>.<stream>; publish under the system's own keys")
    _check_sender(event, system, user_id)
    kind = event.get("type")
    if kind not in (RECORD_TYPE, DELETED_TYPE):
        raise RecordError(f"type is neither {RECORD_TYPE} nor {DELETED_TYPE}", pointers=("/type",))
    deleted = kind == DELETED_TYPE
    return Envelope(
        id=_text(event, "id"),
        system=system,
        stream=stream,
        key=_text(event, "subject"),
        time=_time(event),
        sequence=_text(event, "sequence"),
        reading=_reading(event),
        data=_data(event, deleted=deleted),
        deleted=deleted,
        urgent=urgent,
        correlation_id=_optional(event, "correlationid"),
        causation_id=_optional(event, "causationid"),
        traceparent=_optional(event, "traceparent"),
    )


def envelope_identity(body: bytes, routing_key: str) -> EnvelopeIdentity:
    """Return what can be told of a message that is about to be quarantined; never raises.

    System and stream come from the routing key, since the body may lie.
    """
    system, _, stream = routing_key.partition(".")
    try:
        event = orjson.loads(body) if len(body) <= PUBLISH_LIMIT else {}
    except orjson.JSONDecodeError:
        event = {}
    if not isinstance(event, dict):
        event = {}
    return EnvelopeIdentity(
        system=_storable(system),
        stream=_storable(stream),
        key=_storable(event.get("subject")),
        id=_storable(event.get("id")),
    )


def work_messages(works: Iterable[Work]) -> Iterator[tuple[str, Lane, bytes]]:
    """Yield system, lane and body of the messages that carry the works, many in one, in their order."""
    together: dict[tuple[str, Lane], list[tuple[str, str]]] = defaultdict(list)
    for work in works:
        together[work.system, work.lane].append((work.stream, work.target))
    for (system, lane), targets in together.items():
        for at in range(0, len(targets), WORKS_IN_MESSAGE):
            some = targets[at : at + WORKS_IN_MESSAGE]
            yield system, lane, orjson.dumps({"system": system, "lane": lane.value, "targets": some})


def parse_work(body: bytes) -> list[Work]:
    """Return the works in a message.

    Raises:
        RecordError: it holds none.
    """
    event = _document(body)
    lane, system, targets = _text(event, "lane"), _text(event, "system"), event.get("targets")
    if lane not in _LANES:
        raise RecordError("lane is none of the two", pointers=("/lane",))
    if not isinstance(targets, list) or not targets or not all(map(_is_target, targets)):
        raise RecordError("targets are no pairs of stream and key", pointers=("/targets",))
    return [Work(system=system, lane=Lane(lane), stream=stream, target=target) for stream, target in targets]


def _is_target(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    return all(isinstance(part, str) and part for part in value)


def _document(body: bytes) -> Json:
    if len(body) > MESSAGE_LIMIT:
        raise RecordError(f"the message is over {MESSAGE_LIMIT} bytes; send the record in parts or without attachments")
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RecordError("the message is not JSON in UTF-8") from None
    if not isinstance(event, dict):
        raise RecordError("the message is not a JSON object")
    # The three dear checks run only where a cheap look at the bytes cannot rule the trouble out.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth_exceeds(event, MAX_DEPTH):
        raise RecordError(f"the message nests deeper than {MAX_DEPTH}")
    if _LONG_RUN in body.translate(_DIGITS_AS_NOUGHT) and _LONG_NUMBER.search(body) and _has_huge_integer(body):
        raise RecordError("a whole number is beyond 64 bits and would be rounded; send it as text")
    if b"\\u0000" in body and _has_nul(event):
        raise RecordError("a text holds the character NUL, which no store can keep")
    return event


def _check_sender(event: Json, system: str, user_id: str | None) -> None:
    if event.get("specversion") != "1.0":
        raise RecordError("specversion is not 1.0", pointers=("/specversion",))
    if event.get("source") != _SOURCE + system:
        raise RecordError("source is not the routing key's system; a system speaks as itself", pointers=("/source",))
    if user_id is not None and user_id not in (system, HUB_USER):
        raise RecordError("the broker user is not the routing key's system; a system speaks as itself")


def _text(event: Json, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_TEXT:
        raise RecordError(f"{name} is not a text of 1 to {MAX_TEXT} characters", pointers=(f"/{name}",))
    return value


def _optional(event: Json, name: str) -> str | None:
    return None if event.get(name) is None else _text(event, name)


def _time(event: Json) -> datetime:
    try:
        time = datetime.fromisoformat(_text(event, "time"))
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RecordError("time is not an RFC 3339 time with a zone", pointers=("/time",))


def _reading(event: Json) -> int:
    value = event.get("reading")
    if type(value) is not int or not 0 <= value < 2**31:
        raise RecordError("reading is not a whole number from 0", pointers=("/reading",))
    return value


def _data(event: Json, *, deleted: bool) -> Json | None:
    content_type = event.get("datacontenttype", "application/json")
    if not isinstance(content_type, str) or not content_type.startswith("application/json"):
        raise RecordError("datacontenttype is not application/json", pointers=("/datacontenttype",))
    data = event.get("data")
    if deleted and data is not None:
        raise RecordError("a delete carries data", pointers=("/data",))
    if not deleted and not isinstance(data, dict):
        raise RecordError("data is not an object", pointers=("/data",))
    return cast("Json | None", data)


def _storable(value: object) -> str:
    return value.replace("\0", "")[:MAX_TEXT] if isinstance(value, str) else ""


def _depth_exceeds(document: object, limit: int) -> bool:
    level: list[Any] = [document]
    for _ in range(limit):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def _has_huge_integer(body: bytes) -> bool:
    found = False

    def check(digits: str) -> int:
        nonlocal found
        found = found or len(digits) > 20 or int(digits) not in _INTEGERS
        return 0

    json.loads(body, parse_int=check)  # orjson has made a float of it by now; the standard parser keeps every digit
    return found


def _has_nul(document: object) -> bool:
    rest: list[Any] = [document]
    while rest:
        node = rest.pop()
        if isinstance(node, str):
            if "\0" in node:
                return True
        else:
            rest.extend(_children(node))
            if isinstance(node, dict):
                rest.extend(node)
    return False


def _children(node: object) -> Any:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()
