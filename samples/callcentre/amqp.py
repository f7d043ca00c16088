"""The hub's message broker, as the call centre sees it.

`AmqpSender` publishes persistent messages to `onevoice.in`, do-not-call requests to `onevoice.in.urgent`. One rule: a
message counts as taken only when the broker confirmed it and had a queue for it.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from samples.callcentre.envelope import CONTENT_TYPE
from samples.serving.outbox import Message, NotTakenError

EXCHANGES = {"call": "onevoice.in", "do_not_call": "onevoice.in.urgent"}
TIMEOUT = 10


class AmqpSender:
    """Publishes events; used by one thread only."""

    def __init__(self, url: str, password: Callable[[], str | None], system: str) -> None:
        """`url` is amqp://user@host:port/vhost, without a password; ValueError otherwise."""
        self.target = url
        self._user = user_in(url)
        self._password = password
        self._system = system
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None

    def send(self, message: Message) -> None:
        """Publish one event and wait for the confirm. Raises NotTakenError."""
        try:
            channel = self._open_channel()
            channel.basic_publish(
                exchange=EXCHANGES[message.topic],
                routing_key=f"{self._system}.{message.topic}",
                body=message.body,
                properties=pika.BasicProperties(
                    content_type=CONTENT_TYPE,
                    delivery_mode=pika.DeliveryMode.Persistent,
                    message_id=message.delivery_id,
                    user_id=self._user,
                ),
                mandatory=True,
            )
        except (AMQPError, OSError) as error:
            self.close()
            raise NotTakenError(type(error).__name__) from None

    def idle(self) -> None:
        """Answer the broker's heartbeats."""
        try:
            if self._connection is not None:
                self._connection.process_data_events(0)
        except (AMQPError, OSError):
            self.close()

    def close(self) -> None:
        """Close the connection; the next message opens a new one."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            try:
                connection.close()
            except (AMQPError, OSError):
                return

    def _open_channel(self) -> BlockingChannel:
        if self._channel is None or not self._channel.is_open:
            self.close()
            self._connection = pika.BlockingConnection(self._parameters())
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def _parameters(self) -> pika.URLParameters:
        parts = urlsplit(self.target)
        address = parts.netloc.rpartition("@")[2]
        netloc = f"{quote(self._user, safe='')}:{quote(self._password() or '', safe='')}@{address}"
        parameters = pika.URLParameters(urlunsplit(parts._replace(netloc=netloc)))
        parameters.blocked_connection_timeout = TIMEOUT
        parameters.socket_timeout = TIMEOUT
        return parameters


def user_in(url: str) -> str:
    """The user of a broker's URL. Raises ValueError when it is not amqp(s)://user@host/vhost without a password."""
    parts = urlsplit(url)
    if parts.scheme not in {"amqp", "amqps"} or not parts.username or not parts.hostname or parts.password:
        raise ValueError("the broker's URL must be amqp://user@host:port/vhost, without a password")
    return unquote(parts.username)
