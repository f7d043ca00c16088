"""One subscription to one queue, on a connection of its own.

Takes pushed messages on the I/O thread, gives them to whoever calls `take`. A delivery tag dies with its channel, so
every tag carries the channel's number and a stale one is passed over: acknowledging it would close the new channel.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pika
from pika.channel import Channel

from onevoice.bus.port import Delivery
from onevoice.bus.rabbitmq.link import Link


@dataclass(frozen=True, slots=True)
class _Tag:
    channel: int
    number: int


class RabbitConsumer:
    """Implements `Consumer` on a RabbitMQ queue."""

    def __init__(self, parameters: pika.connection.Parameters, queue: str, *, prefetch: int) -> None:
        """Subscribe; returns before the connection stands."""
        self._queue = queue
        self._prefetch = prefetch
        self._arrived: deque[Delivery] = deque()
        self._condition = threading.Condition()
        self._waiting = 0
        self._closed = False
        self._channel: Channel | None = None
        self._channel_number = 0
        self._outstanding: dict[int, None] = {}
        self._link = Link(parameters, name=f"onevoice consume {queue}", on_open=self._opened, on_lost=self._lost)

    def take(self, limit: int, wait: float) -> list[Delivery]:
        """See `Consumer.take`."""
        deadline = time.monotonic() + wait
        with self._condition:
            self._waiting += 1  # before looking, so that an arrival after the look wakes us
            try:
                while not self._arrived and not self._closed:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0 or not self._condition.wait(remaining):
                        break
            finally:
                self._waiting -= 1
            if self._closed:
                return []
            taken: list[Delivery] = []
            try:
                while len(taken) < limit:
                    taken.append(self._arrived.popleft())
            except IndexError:  # a loss of the connection empties it at any moment
                pass
            return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.ack`."""
        self._link.call(partial(self._settle, _tags(deliveries), requeue=False))

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """See `Consumer.requeue`."""
        self._link.call(partial(self._settle, _tags(deliveries), requeue=True))

    def close(self) -> None:
        """See `Consumer.close`."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._link.close()

    # --- I/O thread ---

    def _opened(self, channel: Channel) -> None:
        self._channel = channel
        self._channel_number += 1
        channel.basic_qos(prefetch_count=self._prefetch, callback=lambda _frame: self._subscribe(channel))

    def _subscribe(self, channel: Channel) -> None:
        channel.basic_consume(self._queue, self._received, callback=lambda _frame: self._link.settled())

    def _lost(self) -> None:
        self._channel = None
        self._outstanding.clear()
        self._arrived.clear()

    def _received(self, _channel: Channel, method: Any, properties: Any, body: bytes) -> None:
        headers = properties.headers or {}
        self._outstanding[method.delivery_tag] = None
        self._arrived.append(
            Delivery(
                body=body,
                routing_key=method.routing_key,
                user_id=properties.user_id,
                redelivered=headers.get("x-delivery-count", 0),
                dead_letter_reason=headers.get("x-first-death-reason"),
                tag=_Tag(self._channel_number, method.delivery_tag),
            )
        )
        if self._waiting:
            with self._condition:
                self._condition.notify()

    def _settle(self, tags: list[_Tag], *, requeue: bool) -> None:
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        numbers = sorted(
            tag.number for tag in tags if tag.channel == self._channel_number and tag.number in self._outstanding
        )
        for number in numbers:
            del self._outstanding[number]
        # All that lies before the oldest delivery still out can be settled in one go, the rest one by one.
        oldest = next(iter(self._outstanding), None)
        before = [number for number in numbers if oldest is None or number < oldest]
        if before:
            self._answer(channel, before[-1], multiple=True, requeue=requeue)
        for number in numbers[len(before) :]:
            self._answer(channel, number, multiple=False, requeue=requeue)

    def _answer(self, channel: Channel, number: int, *, multiple: bool, requeue: bool) -> None:
        if requeue:
            channel.basic_nack(number, multiple=multiple, requeue=True)
        else:
            channel.basic_ack(number, multiple=multiple)


def _tags(deliveries: Sequence[Delivery]) -> list[_Tag]:
    return [delivery.tag for delivery in deliveries if isinstance(delivery.tag, _Tag)]
