"""The page about the bus: exchanges, queues, rights and the envelope, from the code that makes them."""

import json
from datetime import UTC, datetime

from onevoice.bus import MESSAGE_LIMIT, Topology, envelope_json, work_messages
from onevoice.bus.envelope import CONTENT_TYPE, DELETED_TYPE, MAX_DEPTH, MAX_TEXT, RECORD_TYPE
from onevoice.bus.topology import HUB_USER, RECEIPT_STREAM
from onevoice.messages import Envelope, Lane, Work
from scripts.docs.markdown import code, codes, page, table

_EXAMPLE = Envelope(
    id="5f0c8d0e-5d5c-5d2a-9d0e-3a4c8f6b7e10",
    system="callcentre",
    stream="do_not_call",
    key="D-1",
    time=datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    sequence="2026-01-31T09:30:00.000000Z",
    reading=0,
    data={"entry_id": "D-1", "number": "+442079460000"},
)


def bus_page() -> str:
    """Return the page."""
    topology = Topology({"callcentre": ["call", "do_not_call"], "crm": ["Contact"]}, frozenset({"callcentre"}))
    exchanges = [[code(e.name), e.type, "to `onevoice.unrouted`" if e.guarded else ""] for e in topology.exchanges]
    queues = [
        [code(q.name), "<br>".join(code(f"{exchange} {key}".strip()) for exchange, key in q.bindings)]
        for q in topology.queues.values()
    ]
    arguments: dict[tuple[str, object], list[str]] = {}
    for queue in topology.queues.values():
        for name, value in queue.arguments.items():
            arguments.setdefault((name, value), []).append(queue.name)
    every = len(topology.queues)
    rows = [
        [code(name), code(value), "every queue" if len(names) == every else _whose(names, every)]
        for (name, value), names in sorted(arguments.items(), key=str)
    ]
    user = topology.broker_users()[0]
    return page(
        "The bus: exchanges, queues, envelope",
        "RabbitMQ, AMQP 0-9-1. `onevoice.in` and its envelope are public: other people's systems may depend on them. "
        "`onevoice.work` is private. The embedded hub keeps the same queues as rows of one table; there, systems send "
        "the same envelope by HTTP to `POST /v1/events`. Everything is computed in `onevoice/bus/topology.py` from the "
        "configured systems.",
        "## Exchanges",
        table(["exchange", "type", "what it cannot route"], exchanges),
        f"The name `onevoice.out` and the stream {code(RECEIPT_STREAM)} are kept for systems that will be written to "
        "over AMQP; nothing is declared under them yet.",
        "## Queues",
        "For a system `callcentre` with two streams and a system `crm` with one. Queues are durable quorum queues.",
        table(["queue", "bound to (exchange, routing key)"], queues),
        table(["argument", "value", "where"], rows),
        "## Who may publish what",
        f"The hub's own user is {code(HUB_USER)}. A system with an `amqp_password` gets a user of its own name from "
        "`onevoice init`; for `callcentre`:",
        table(
            ["right", "pattern"],
            [
                ["configure", code(user.configure) or "nothing"],
                ["read", code(user.read) or "nothing"],
                ["write", code(user.write)],
                *([f"routing keys on {code(name)}", code(pattern)] for name, pattern in user.topics.items()),
            ],
        ),
        "An envelope whose source differs from its routing key, or from the user that the broker checked, goes to "
        "quarantine without effect.",
        "## The envelope",
        f"CloudEvents 1.0, structured JSON, {code(CONTENT_TYPE)}; {code('type')} is {code(RECORD_TYPE)}, or "
        f"{code(DELETED_TYPE)} with `data` null. `sequence` is the source version as text whose order is that of the "
        "versions; `reading` counts up when content differs at the same version. The optional extensions are "
        f"{codes(['traceparent', 'correlationid', 'causationid'])}.",
        _json(envelope_json(_EXAMPLE)),
        f"Limits: {MESSAGE_LIMIT} bytes a message, {MAX_DEPTH} levels, {MAX_TEXT} characters in an attribute, whole "
        "numbers of at most 64 bits, no NUL in a text. A time has a zone.",
        "## Work",
        "What travels on `onevoice.work` says only who is owed something; the worker reads what it is at that moment.",
        *(_json(body) for _, _, body in work_messages([_WORK])),
    )


_WORK = Work(system="crm", lane=Lane.SUPPRESSION, stream="Contact", target="003OV0000000A4b")


def _whose(names: list[str], every: int) -> str:
    return "every other queue" if len(names) > every / 2 else codes(names)


def _json(body: bytes) -> str:
    return f"```json\n{json.dumps(json.loads(body), indent=2)}\n```"
