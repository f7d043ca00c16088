"""Signed pushes of a system: the connector proves and reads them, the door takes the records in.

The one rule: what is not proven leaves no trace but a refusal; what is proven and cannot be read waits in quarantine,
since its sender has done its part.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from onevoice.bus import Delivery
from onevoice.errors import RecordError, RefusedError
from onevoice.messages import SourceRecord
from onevoice.sdk import Receiver
from onevoice.workers.hub import Hub
from onevoice.workers.ingest.set_aside import keep, quarantine_row

STEP = "webhook"
_CALLER = frozenset({"authorization", "proxy-authorization", "cookie", "forwarded", "x-real-ip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResult:
    """What became of a push: records that were news, messages put aside."""

    published: int
    quarantined: int


def receiver_of(hub: Hub, system: str) -> Receiver:
    """Return the part of the system's connector that takes pushes.

    Raises:
        RefusedError: the system is not configured, or its connector takes none.
    """
    found = hub.systems.connector(system, "webhook") if system in hub.config.systems else None
    if not isinstance(found, Receiver):
        raise RefusedError(f"system {system}: takes no webhooks; push to /v1/records or /v1/events")
    return found


def take_webhook(
    hub: Hub,
    system: str,
    receiver: Receiver,
    headers: Mapping[str, str],
    body: bytes,
    admit: Callable[[Sequence[SourceRecord]], None],
) -> WebhookResult:
    """Check one push and take its records in.

    Args:
        admit: called with the records before they are taken; raises where there is no room.

    Raises:
        RefusedError: it is not proven to come from the system.
        TransientError: the store or the bus did not take it; the system sends it again.
    """
    try:
        records = receiver.receive(headers, body)
    except RecordError as error:
        unread = Delivery(body=body, routing_key=f"{system}.webhook", user_id=None, redelivered=0, tag=None)
        kept = {name: value for name, value in headers.items() if not _tells_of_caller(name.lower())}
        row = quarantine_row(unread, step=STEP, reason=str(error), pointers=error.pointers, headers=kept)
        with hub.store.transaction() as connection:
            keep(connection, [row])
        return WebhookResult(published=0, quarantined=1)
    admit(records)
    return WebhookResult(published=hub.door.publish(system, records), quarantined=0)


def replay_webhook(hub: Hub, system: str, headers: Mapping[str, str], body: bytes) -> int:
    """Take in the records of a push that was proven when it came, and could not be read then; returns how many.

    Raises:
        RecordError: it cannot be read now either.
        RefusedError: the system takes no webhooks any more.
        TransientError: the store or the bus did not take it.
    """
    records = receiver_of(hub, system).parse(headers, body)
    hub.door.publish(system, records)
    return len(records)


def _tells_of_caller(header: str) -> bool:
    """Who sent it and by which way does not help to read it, and is nobody's business later."""
    return header in _CALLER or header.startswith("x-forwarded-")
