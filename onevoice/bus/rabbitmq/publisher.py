"""Publishes many messages at once and returns when the broker has confirmed every one.

Takes messages from any thread; gives nothing back but the certainty. On a nack it goes on with a new channel: after a
leader of a quorum queue died, an old channel can be refused for ever while a new one works at once. Who publishes the
same message twice keeps its id.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any

import pika
from pika.channel import Channel
from pika.exceptions import AMQPError

from onevoice.bus.envelope import CONTENT_TYPE
from onevoice.bus.rabbitmq.link import Link
from onevoice.errors import TransientError

PUBLISH_SECONDS = 15.0
_REFUSALS = 4
_REFUSED_DELAY_SECONDS = 0.1
_SLICE = 500
_PERSISTENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to publish; one that is not `mandatory` may find no queue."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str | None
    mandatory: bool = True


@dataclass(slots=True, eq=False)
class _Attempt:
    """What became of one set of messages on one channel; changed on the I/O thread until `done`."""

    unsent: deque[Outgoing]
    sent: dict[int, Outgoing] = field(default_factory=dict)
    refused: list[Outgoing] = field(default_factory=list)
    returned: bool = False
    abandoned: bool = False
    channel: Channel | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def left(self) -> list[Outgoing]:
        """Return what was not confirmed, in order of publishing as far as it is known."""
        return [*self.refused, *self.sent.values(), *self.unsent]


class Publisher:
    """The publishing connection, shared by all threads.

    Args:
        declare: called with each fresh channel before anything is published on it.
    """

    def __init__(self, parameters: pika.connection.Parameters, *, declare: Callable[[Channel], None]) -> None:
        self._declare = declare
        self._closed = False
        self._channel: Channel | None = None
        self._tag = 0
        self._unconfirmed: dict[int, _Attempt] = {}
        self._queue: deque[_Attempt] = deque()
        self.link = Link(parameters, name="onevoice publish", on_open=self._opened, on_lost=self._lost)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once all messages are confirmed.

        Raises:
            TransientError: some were not, within `PUBLISH_SECONDS` or after repeated refusals.
        """
        deadline = time.monotonic() + PUBLISH_SECONDS
        left: Sequence[Outgoing] = messages
        refusals = 0
        while left:
            if self._closed:
                raise TransientError("rabbitmq: the bus is closed")
            attempt = self._try(left, deadline)
            if attempt.returned:
                self.link.call(partial(self._leave, attempt.channel))  # the next channel declares the queues again
                raise TransientError("rabbitmq: a message found no queue; was a queue deleted by hand?", retry_after=5)
            left = attempt.left()
            if attempt.refused:
                refusals += 1
                if refusals >= _REFUSALS:
                    raise TransientError(
                        "rabbitmq: publishing is refused, a queue is full or has no leader", retry_after=5
                    )
                time.sleep(_REFUSED_DELAY_SECONDS * 2**refusals * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                self.link.call(partial(self._leave, attempt.channel))

    def _try(self, messages: Sequence[Outgoing], deadline: float) -> _Attempt:
        attempt = _Attempt(deque(messages))
        self._queue.append(attempt)
        self.link.call(self._drain)  # without a connection it waits in the queue for the next one
        if not attempt.done.wait(max(0.0, deadline - time.monotonic())):
            attempt.abandoned = True
            raise TransientError(f"rabbitmq: no confirm within {PUBLISH_SECONDS:.0f} s; is the broker up?")
        return attempt

    def close(self) -> None:
        """End the connection; what is not confirmed by now fails."""
        self._closed = True
        self.link.close()
        for attempt in list(self._queue):
            attempt.done.set()

    # --- I/O thread ---

    def _opened(self, channel: Channel) -> None:
        self._declare(channel)
        self._tag = 0
        self._channel = channel
        channel.add_on_return_callback(self._returned)
        channel.confirm_delivery(partial(self._confirmed, channel), callback=lambda _frame: self._ready())

    def _ready(self) -> None:
        self.link.settled()
        self._drain()

    def _lost(self) -> None:
        self._channel = None
        attempts = dict.fromkeys(self._unconfirmed.values())
        self._unconfirmed.clear()
        for attempt in attempts:
            if attempt in self._queue:
                self._queue.remove(attempt)
            attempt.done.set()

    def _leave(self, channel: Channel | None) -> None:
        if channel is not None and channel is self._channel:
            self.link.renew_channel()

    def _drain(self) -> None:
        """Publish one slice of the oldest attempt, then let confirms and heartbeats have their turn."""
        if self._channel is None or not self._channel.is_open or not self._queue:
            return
        attempt = self._queue[0]
        attempt.channel = self._channel
        try:
            for _ in range(_SLICE):
                if attempt.abandoned or not attempt.unsent:
                    self._queue.popleft()
                    break
                self._send(attempt, attempt.unsent.popleft())
        except AMQPError:
            self.link.fail()
            return
        if self._queue:
            self.link.call(self._drain)

    def _send(self, attempt: _Attempt, message: Outgoing) -> None:
        assert self._channel is not None  # noqa: S101 - seen by the caller, on this thread
        self._tag += 1
        attempt.sent[self._tag] = message
        self._unconfirmed[self._tag] = attempt
        self._channel.basic_publish(
            message.exchange,
            message.routing_key,
            message.body,
            pika.BasicProperties(content_type=CONTENT_TYPE, delivery_mode=_PERSISTENT, message_id=message.message_id),
            mandatory=message.mandatory,
        )

    def _confirmed(self, channel: Channel, frame: Any) -> None:
        if channel is not self._channel:
            return  # the last words of a channel that was left; its tags mean other messages by now
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        last = method.delivery_tag
        tags = list(takewhile(last.__ge__, self._unconfirmed)) if method.multiple else [last]
        for tag in tags:
            attempt = self._unconfirmed.pop(tag)
            message = attempt.sent.pop(tag)
            if refused:
                attempt.refused.append(message)
            if not attempt.sent and not attempt.unsent:
                attempt.done.set()

    def _returned(self, channel: Channel, _method: Any, _properties: Any, _body: bytes) -> None:
        # It comes before its own confirm and does not say to which it belongs; whoever is under way publishes again.
        if channel is self._channel:
            for attempt in self._unconfirmed.values():
                attempt.returned = True
