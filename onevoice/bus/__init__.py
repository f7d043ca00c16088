"""Carries envelopes in and work out: one port, two engines, one topology."""

from onevoice.bus.envelope import (
    MESSAGE_LIMIT,
    EnvelopeIdentity,
    envelope_identity,
    envelope_json,
    parse_envelope,
    parse_work,
    work_messages,
)
from onevoice.bus.opening import open_bus
from onevoice.bus.port import Bus, Consumer, Delivery
from onevoice.bus.topology import QUARANTINE_QUEUE, RECORDS_QUEUE, URGENT_QUEUE, BrokerUser, Topology, work_queue

__all__ = [
    "MESSAGE_LIMIT",
    "QUARANTINE_QUEUE",
    "RECORDS_QUEUE",
    "URGENT_QUEUE",
    "BrokerUser",
    "Bus",
    "Consumer",
    "Delivery",
    "EnvelopeIdentity",
    "Topology",
    "envelope_identity",
    "envelope_json",
    "open_bus",
    "parse_envelope",
    "parse_work",
    "work_messages",
    "work_queue",
]
