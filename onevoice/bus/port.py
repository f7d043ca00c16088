"""The port through which the hub's rooms carry messages; RabbitMQ and the embedded queue both stand behind it.

Takes envelopes and work, gives deliveries. Transport is at least once: whoever publishes may publish again after an
error, whoever consumes must be harmless to run twice. No method may be called inside a store transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from onevoice.messages import Envelope, Event, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message handed to a consumer.

    Attributes:
        body: the bytes as they came.
        routing_key: as published, `<system>.<stream>` or `<system>.<lane>`.
        user_id: the broker user that published it, checked by the broker; None where the message does not say.
        redelivered: how many times it was handed out before without being acknowledged. A consumer that dies raises
            the count of everything it had fetched, so a high count is a suspicion, not a proof.
        dead_letter_reason: why the broker moved it to quarantine; None for a message that came straight here.
        tag: for `ack` and `requeue` of the consumer that gave it; opaque.
    """

    body: bytes
    routing_key: str
    user_id: str | None
    redelivered: int
    dead_letter_reason: str | None = None
    tag: object = field(compare=False, repr=False)


class Consumer(Protocol):
    """One subscription to one queue. It reconnects by itself; what was not acknowledged comes again."""

    def take(self, limit: int, wait: float) -> list[Delivery]:
        """Return up to `limit` deliveries in queue order.

        Blocks up to `wait` seconds for the first one, then returns what is there. Returns an empty list when nothing
        came, when `prefetch` deliveries are already out, while the broker is away and after `close`.

        Raises:
            TransientError: the embedded queue's store did not answer.
        """

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Forget the deliveries for good. One of a lost connection is passed over: it comes again anyway.

        Raises:
            TransientError: the embedded queue's store did not answer; they come again.
        """

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give the deliveries back to the queue at once, with their count raised.

        Raises:
            TransientError: the embedded queue's store did not answer; they come again.
        """

    def close(self) -> None:
        """Stop consuming; what is not acknowledged goes back to the queue. Harmless when called twice."""


class Bus(Protocol):
    """Carries envelopes in and work out. Safe to share between threads."""

    def publish_records(self, envelopes: Sequence[Envelope]) -> None:
        """Return once every envelope is safe on disk in the ingest queue of its lane.

        One whose system or stream is not configured is safe in the quarantine queue instead.

        Raises:
            RecordError: an envelope cannot be written as a message; nothing was published.
            TransientError: not all were confirmed, or the queue is full; publish all of them again later.
        """

    def publish_work(self, work: Sequence[Work]) -> None:
        """Return once every piece of work is safe on disk in the queue of its system and lane.

        Raises:
            ConfigurationError: a system is not configured; nothing was published.
            TransientError: not all were confirmed, or the queue is full; publish all of them again later.
        """

    def publish_events(self, events: Sequence[Event]) -> None:
        """Return once the broker has every event on its events exchange; one that nobody subscribes to is gone.

        The embedded bus has no subscribers.

        Raises:
            TransientError: not all were confirmed; publish all of them again later.
        """

    def consume(self, queue: str, *, prefetch: int) -> Consumer:
        """Subscribe to a queue; at most `prefetch` deliveries are out and not acknowledged.

        Raises:
            ConfigurationError: there is no such queue in the topology.
        """

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue; those handed out and not acknowledged are not counted.

        Raises:
            ConfigurationError: there is no such queue in the topology.
            TransientError: no answer.
        """

    def ping(self) -> None:
        """Ask the carrier for an answer.

        Raises:
            TransientError: there was none.
        """

    def close(self) -> None:
        """Close all consumers and connections and end all threads. Harmless when called twice."""
