"""The messages of a mix as they lie in a queue: encoded once, before any run, the same bytes for every contender."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchmarks.population import Told
from onevoice.bus.envelope import envelope_json
from onevoice.bus.topology import IN_EXCHANGE, URGENT_EXCHANGE, routing_key
from onevoice.messages import Envelope
from onevoice.workers.catalog import Catalog

PREFIX = "bench-"
_TOLD_AT = datetime(2026, 1, 1, tzinfo=UTC)
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One encoded message, and where it is published."""

    exchange: str
    routing_key: str
    body: bytes
    id: str
    told: Told


def message_of(one: Told, catalog: Catalog) -> Message:
    """Return the message in which a system tells of a record; a prohibition goes over the urgent exchange."""
    serial = next(_serial)
    envelope = Envelope(
        id=f"{PREFIX}{serial}",
        system=one.system,
        stream=one.record.stream,
        key=one.record.key,
        time=_TOLD_AT + timedelta(milliseconds=serial),
        sequence=one.record.version,
        reading=0,
        data=one.record.data,
    )
    urgent = catalog.is_urgent(one.system, one.record.stream, one.record.data)
    return Message(
        exchange=URGENT_EXCHANGE if urgent else IN_EXCHANGE,
        routing_key=routing_key(one.system, one.record.stream),
        body=envelope_json(envelope),
        id=envelope.id,
        told=one,
    )
