"""The post, which is not what it should be: messages to the hub come twice, late, and in another order.

Stands beside the hub's queues and puts copies of what passes back on their way: some at once, so that two workers have
the same message in their hands, some after newer ones. It also keeps every event that the hub tells, for the checker.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
import threading
import time
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import pika
from pika.exceptions import AMQPError

COPIES, EVENTS = "faults.copies", "faults.events"
COPY = {"copy": True}
AT_ONCE, LATER = 0.3, 0.2
LATE_SECONDS = (0.3, 8.0)
LOOK_SECONDS = 0.05
AGAIN_SECONDS = 0.5


class Post:
    """Runs in a thread from `with` to its end; what it has to copy when the broker dies is lost, as copies may be.

    Args:
        url: of the broker, for somebody who may read and write everything there.
    """

    def __init__(self, url: str, seed: int) -> None:
        self.copied = 0
        self._parameters = pika.URLParameters(url)
        self._chance = random.Random(seed)
        self._late: list[tuple[float, int, str, str, bytes]] = []
        self._numbers = itertools.count()
        self._told: dict[str, tuple[str, Any]] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin; every event from now on is kept."""
        with closing(pika.BlockingConnection(self._parameters)) as connection:
            channel = connection.channel()
            channel.queue_declare(EVENTS, durable=True, arguments={"x-queue-type": "quorum"})
            channel.queue_bind(EVENTS, "onevoice.events", "#")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def told(self) -> list[tuple[str, Any]]:
        """Return type and data of every event so far, each id once, however often it was published."""
        with closing(pika.BlockingConnection(self._parameters)) as connection:
            channel = connection.channel()
            while (got := channel.basic_get(EVENTS))[0] is not None:
                event = json.loads(got[2])
                self._told[event["id"]] = (event["type"], event["data"])
                channel.basic_ack(got[0].delivery_tag)
        return list(self._told.values())

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self._serve()
            except (AMQPError, OSError):
                self._end.wait(AGAIN_SECONDS)

    def _serve(self) -> None:
        with closing(pika.BlockingConnection(self._parameters)) as connection:
            channel = connection.channel()
            channel.queue_declare(COPIES, exclusive=True)
            for exchange in ("onevoice.in", "onevoice.in.urgent"):
                channel.queue_bind(COPIES, exchange, "#")
            channel.basic_consume(COPIES, self._passes, auto_ack=True)
            while not self._end.is_set():
                connection.process_data_events(LOOK_SECONDS)
                while self._late and self._late[0][0] <= time.monotonic():
                    self._send(channel, *heapq.heappop(self._late)[2:])

    def _passes(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if properties.headers and "copy" in properties.headers:
            return
        chance = self._chance.random()
        if chance < AT_ONCE:
            self._send(channel, method.exchange, method.routing_key, body)
        elif chance < AT_ONCE + LATER:
            at = time.monotonic() + self._chance.uniform(*LATE_SECONDS)
            heapq.heappush(self._late, (at, next(self._numbers), method.exchange, method.routing_key, body))

    def _send(self, channel: Any, exchange: str, key: str, body: bytes) -> None:
        channel.basic_publish(exchange, key, body, pika.BasicProperties(headers=COPY, delivery_mode=2))
        self.copied += 1
