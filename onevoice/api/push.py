"""Doors for records: source records, CloudEvents and signed webhooks. 202 means safe on the bus, not taken in yet.

The one rule: all of a request is taken or none of it, and what is answered with anything but 202 can be sent again
without harm.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
from fastapi import APIRouter, Request

from onevoice.api.body import BatchBody, RecordBody, objects
from onevoice.api.caller import AnyCaller, Caller
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import FuseHere, HubHere, configured
from onevoice.bus import parse_envelope
from onevoice.errors import RecordError, RefusedError
from onevoice.messages import Envelope, Json, SourceRecord
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.webhook import WebhookResult, receiver_of, take_webhook

_SOURCE = "/onevoice/"
_STREAM = re.compile(r"([A-Za-z0-9_.-]+)\.json")
_LINES = ("application/x-ndjson", "application/jsonl")
_EVENTS = ("application/cloudevents+json", "application/cloudevents-batch+json")
_JSON = "application/json"


def _taken_as(*types: str) -> dict[str, Any]:
    """The request body for OpenAPI, which cannot be read off the code: it depends on the stream's own schema."""
    one: Json = {"type": "object"}
    many: Json = {"oneOf": [one, {"type": "array", "items": one}]}
    content = {kind: {"schema": {"type": "string"} if kind in _LINES else many} for kind in types}
    return {"requestBody": {"required": True, "content": content}}


router = APIRouter(tags=["push"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What became of a push: how many records it held, how many of them were news."""

    received: int
    published: int


@router.post("/records/{system}/{stream}", status_code=202, openapi_extra=_taken_as(_JSON, *_LINES))
def push_records(
    system: str, stream: str, caller: AnyCaller, hub: HubHere, fuse: FuseHere, body: BatchBody, request: Request
) -> Pushed:
    """Push source records of one stream, in the system's own shape: one, an array, or one a line (NDJSON).

    A record that was pushed before with the same version and content is no news.
    """
    _speaks_as(caller, system)
    found = hub.catalog.streams.get((system, stream))
    if found is None:
        raise ProblemError(404, "the system has no such stream; see 'onevoice status'")
    documents = objects(body, lines=_media_type(request, (_JSON, *_LINES)) in _LINES)
    records = _records(found, documents)
    if not all(hub.catalog.is_urgent(system, stream, one) for one in documents):
        fuse.check()
    published = hub.door.publish(system, records)
    return Pushed(received=len(records), published=published)


@router.post("/events", status_code=202, openapi_extra=_taken_as(*_EVENTS, _JSON))
def push_events(caller: AnyCaller, hub: HubHere, fuse: FuseHere, body: BatchBody, request: Request) -> Pushed:
    """Push CloudEvents in structured form, one or a batch, as the system would publish them over AMQP.

    `source` is `/onevoice/<system>`, the stream is the file name in `dataschema`; id, sequence, reading stay as sent.
    """
    _media_type(request, (*_EVENTS, _JSON))
    documents = objects(body, lines=False)
    bodies = [body] if len(documents) == 1 and body.lstrip()[:1] == b"{" else [orjson.dumps(one) for one in documents]
    envelopes, errors = [], []
    for index, (event, text) in enumerate(zip(documents, bodies, strict=True)):
        try:
            envelopes.append(_envelope(caller, hub.catalog, event, text))
        except RecordError as error:
            errors.append(_fault(index, error))
    _refuse(errors)
    if not all(envelope.urgent for envelope in envelopes):
        fuse.check()
    hub.bus.publish_records(envelopes)
    return Pushed(received=len(envelopes), published=len(envelopes))


@router.post("/webhooks/{system}", status_code=202, openapi_extra=_taken_as(_JSON))
def push_webhook(system: str, hub: HubHere, fuse: FuseHere, body: RecordBody, request: Request) -> WebhookResult:
    """Take a system's own webhook; its signature is the proof of who sends it, no key is needed."""
    try:
        receiver = receiver_of(hub, configured(hub, system))
    except RefusedError as error:
        raise ProblemError(404, str(error)) from None

    def admit(records: Sequence[SourceRecord]) -> None:
        if not all(hub.catalog.is_urgent(system, record.stream, record.data) for record in records):
            fuse.check()

    try:
        return take_webhook(hub, system, receiver, dict(request.headers), body, admit)
    except RefusedError as error:
        raise ProblemError(401, str(error)) from None


def _speaks_as(caller: Caller, system: str) -> None:
    if (caller.kind, caller.name) != ("system", system):
        raise ProblemError(403, "a system speaks as itself: push with that system's own key")


def _records(stream: Stream, documents: Sequence[Json]) -> list[SourceRecord]:
    records, errors = [], []
    for index, document in enumerate(documents):
        try:
            key, version = stream.mapping.key(document), stream.mapping.version(document)
            records.append(SourceRecord(stream=stream.name, key=key, version=version, data=document))
        except RecordError as error:
            errors.append(_fault(index, error))
    _refuse(errors)
    return records


def _envelope(caller: Caller, catalog: Catalog, event: Json, text: bytes) -> Envelope:
    source, schema = event.get("source"), event.get("dataschema")
    if caller.kind != "system" or source != _SOURCE + caller.name:
        _speaks_as(caller, source.removeprefix(_SOURCE) if isinstance(source, str) else "")
        raise RecordError(f"source is not {_SOURCE}<system>", pointers=("/source",))
    named = _STREAM.fullmatch(schema.rpartition("/")[2]) if isinstance(schema, str) else None
    if named is None or (caller.name, named[1]) not in catalog.streams:
        raise RecordError("dataschema does not end in <stream>.json of a stream there is", pointers=("/dataschema",))
    envelope = parse_envelope(text, routing_key=f"{caller.name}.{named[1]}", user_id=None, urgent=False)
    return replace(envelope, urgent=catalog.is_urgent(caller.name, named[1], envelope.data))


def _fault(index: int, error: RecordError) -> Json:
    return {"index": index, "reason": str(error), "pointers": list(error.pointers)}


def _refuse(errors: Sequence[Json]) -> None:
    if errors:
        raise ProblemError(422, "nothing was taken: correct these records and send all again", extra={"errors": errors})


def _media_type(request: Request, accepted: Sequence[str]) -> str:
    given = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if given not in accepted:
        raise ProblemError(415, f"send {', '.join(accepted)}")
    return given
