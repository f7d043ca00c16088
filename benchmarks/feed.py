"""Puts messages into queues: all of them before a run, or so many at a time that a queue never runs dry.

A hub's own readings of what it wrote come back over the same queue; behind a queue filled for the whole run they would
be counted in no run. So the hub is fed, and its readings wait no longer than `AHEAD` messages.
"""

import threading
import time
from collections.abc import Sequence

import pika
from pika.adapters.blocking_connection import BlockingChannel

from benchmarks.messages import Message
from benchmarks.target import Told
from onevoice.bus.topology import RECORDS_QUEUE

AHEAD = 2_000
LOOK_SECONDS = 0.1
_PERSISTENT = 2


def fill(url: str, queue: str, messages: Sequence[Message]) -> None:
    """Declare a quorum queue and return once it holds all the messages."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    for message in messages:
        channel.basic_publish("", queue, message.body, _properties(message))
    while _depth(channel, queue) < len(messages):
        connection.sleep(LOOK_SECONDS)
    connection.close()


class Feeder(threading.Thread):
    """Keeps the hub's ingest queue filled until it is stopped or out of messages; `fed` counts what it gave."""

    def __init__(self, url: str, messages: Sequence[Message], told: Told) -> None:
        super().__init__(name="feeder", daemon=True)
        self.fed = 0
        self.fault: Exception | None = None
        self._url = url
        self._messages = messages
        self._told = told
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Feed."""
        try:
            self._feed()
        except Exception as error:  # noqa: BLE001 - handed to whoever stops the feeder
            self.fault = error

    def stop(self) -> None:
        """End feeding.

        Raises:
            Exception: whatever ended it early.
        """
        self._stop_asked.set()
        self.join()
        if self.fault is not None:
            raise self.fault

    def _feed(self) -> None:
        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        channel = connection.channel()
        while not self._stop_asked.is_set() and self.fed < len(self._messages):
            lacking = AHEAD - _depth(channel, RECORDS_QUEUE)
            some = self._messages[self.fed : self.fed + max(0, lacking)]
            self._told.count = self.fed + len(some)
            for message in some:
                channel.basic_publish(message.exchange, message.routing_key, message.body, _properties(message))
                self.fed += 1
            connection.process_data_events(0)
            time.sleep(LOOK_SECONDS)
        connection.close()


def _properties(message: Message) -> pika.BasicProperties:
    return pika.BasicProperties(delivery_mode=_PERSISTENT, message_id=message.id)


def _depth(channel: BlockingChannel, queue: str) -> int:
    depth: int = channel.queue_declare(queue, passive=True).method.message_count
    return depth
