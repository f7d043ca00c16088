"""AMQP 0-9-1 on pika: a queue as something to read, messages out with a confirm, and questions with their answer.

Takes a broker's address, queues and bytes; gives messages. The one rules: a message is acknowledged only once the page
that it came in is safe, and a message out counts only once the broker confirmed that a queue took it.
"""

import json
import logging
import ssl
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, RecordError, TransientError
from onevoice.messages import Json
from onevoice.sdk.files import json_object
from onevoice.sdk.place import place

# At debug level pika logs frames, bodies included.
logging.getLogger("pika").setLevel(logging.CRITICAL + 1)

_REPLIES = "amq.rabbitmq.reply-to"
_TEXT = 100_000
# 403: no right; 404: no such queue or exchange; 405, 406: it is another's, or of another kind; 530: no such vhost.
_OPERATOR_CODES = (403, 404, 405, 406, 530)
_REFUSALS = (
    pika.exceptions.AuthenticationError,
    pika.exceptions.ProbableAccessDeniedError,
    pika.exceptions.ProbableAuthenticationError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it came."""

    routing_key: str
    body: bytes
    headers: Mapping[str, Any]
    id: str = ""


class Amqp:
    """Speaks to one broker; safe to share between threads.

    Args:
        address: `amqp://user@host:5672/vhost`, without its password.
        answer_seconds: how long an answer to a question may take.

    Raises:
        ConfigurationError: the address is none, or carries a password.
    """

    def __init__(self, address: str, *, password: str | None, system: str, answer_seconds: float = 10.0) -> None:
        self._parameters = _parameters(address, password, system)
        self._system = system
        self._answer_seconds = answer_seconds
        self._lock = threading.Lock()
        self._channel: BlockingChannel | None = None

    def check(self, *queues: str) -> None:
        """Prove that the broker lets us in and has these queues.

        Raises:
            OperatorError: it does not, or has not.
            TransientError: it is away.
        """
        where = place(self._system)
        with self._own_channel(where) as channel, classified(where):
            for queue in queues:
                channel.queue_declare(queue, passive=True)

    def drain(self, queue: str, *, stream: str, size: int) -> Iterator[list[Message]]:
        """Yield what waits in a queue, `size` messages at a time; a lot is acknowledged when the next is asked for.

        A reader that stops early, or dies, leaves its last lot in the queue. What comes while it reads waits for the
        next read, so that a read ends.

        Raises:
            OperatorError, TransientError: see `classified`; what was not acknowledged comes again.
        """
        where = place(self._system, stream)
        with self._own_channel(where) as channel:
            with classified(where):
                left = channel.queue_declare(queue, passive=True).method.message_count
            while left > 0:
                messages, last = self._lot(channel, queue, min(size, left), where)
                if not messages:
                    return
                yield messages
                with classified(where):
                    channel.basic_ack(last, multiple=True)
                left -= len(messages)

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        stream: str = "",
        message_id: str = "",
        content_type: str = "application/json",
    ) -> None:
        """Hand a message to the broker, which keeps it on disk, and wait for its word.

        Raises:
            TransientError: no queue takes it, or the broker did not confirm; publish it again with the same id.
            OperatorError: no right, or no such exchange.
        """
        where = place(self._system, stream)
        properties = pika.BasicProperties(content_type=content_type, delivery_mode=2, message_id=message_id or None)
        with self._shared_channel(where) as channel:
            _publish(channel, exchange, routing_key, body, properties, where)

    def ask(self, exchange: str, routing_key: str, question: Json, *, stream: str = "") -> Json:
        """Publish a question and return the answer to it, both JSON objects (request and reply, direct reply-to).

        A question that is not answered in time is dropped by the broker if nobody took it yet; else it may be carried
        out nevertheless: ask only for what may be done twice.

        Raises:
            TransientError: no answer in time, an answer that is no JSON object, or as `publish`.
            OperatorError: as `publish`.
        """
        where = place(self._system, stream)
        number = uuid.uuid4().hex
        answers: list[bytes] = []
        properties = pika.BasicProperties(
            content_type="application/json",
            correlation_id=number,
            reply_to=_REPLIES,
            expiration=str(int(self._answer_seconds * 1000)),
        )

        def take(_channel: Any, _method: Any, told: Any, body: bytes) -> None:
            if told.correlation_id == number:
                answers.append(body)

        with self._shared_channel(where) as channel, classified(where):
            tag = channel.basic_consume(_REPLIES, take, auto_ack=True)
            try:
                _publish(channel, exchange, routing_key, json.dumps(question).encode(), properties, where)
                deadline = time.monotonic() + self._answer_seconds
                while not answers and (left := deadline - time.monotonic()) > 0:
                    channel.connection.process_data_events(time_limit=left)
            finally:
                if channel.is_open:
                    channel.basic_cancel(tag)
        if not answers:
            raise TransientError(f"{where}: no answer in {self._answer_seconds:g} s; it is asked again")
        try:
            return json_object(answers[0], where=where)
        except RecordError:
            raise TransientError(f"{where}: an answer that is no JSON object; it is asked again") from None

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._drop()

    def _lot(self, channel: BlockingChannel, queue: str, size: int, where: str) -> tuple[list[Message], int]:
        messages: list[Message] = []
        last = 0
        with classified(where):
            for _ in range(size):
                method, properties, body = channel.basic_get(queue)
                if method is None:
                    break
                last = method.delivery_tag
                headers = dict(properties.headers or {})
                message_id = properties.message_id or ""
                messages.append(Message(routing_key=method.routing_key, body=body, headers=headers, id=message_id))
        return messages, last

    @contextmanager
    def _own_channel(self, where: str) -> Iterator[BlockingChannel]:
        """Give a channel on a connection of its own, which ends with the block."""
        with classified(where):
            connection = pika.BlockingConnection(self._parameters)
        try:
            with classified(where):
                channel = connection.channel()
            yield channel
        finally:
            _quietly_close(connection)

    @contextmanager
    def _shared_channel(self, where: str) -> Iterator[BlockingChannel]:
        """Give the channel for messages out, opened anew where it was lost, to one thread at a time."""
        with self._lock:
            try:
                yield self._opened(where)
            except OnevoiceError:
                self._drop()
                raise

    def _opened(self, where: str) -> BlockingChannel:
        if self._channel is not None:
            try:
                self._channel.connection.process_data_events(time_limit=0)  # learns of a loss while nobody looked
            except (pika.exceptions.AMQPError, OSError):
                self._drop()
        if self._channel is None or not self._channel.is_open:
            self._drop()
            with classified(where):
                self._channel = pika.BlockingConnection(self._parameters).channel()
                self._channel.confirm_delivery()
        return self._channel

    def _drop(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            _quietly_close(channel.connection)


def record_of(message: Message) -> Json:
    """Return the JSON object in a message; what is none as `{"_text": …}`, for quarantine."""
    try:
        return json_object(message.body, where="")
    except RecordError:
        return {"_text": message.body[:_TEXT].decode("utf-8", "backslashreplace")}


@contextmanager
def classified(where: str) -> Iterator[None]:
    """Turn pika's errors into ours.

    Raises:
        OperatorError: the broker does not let us in, or has no such queue, exchange or virtual host.
        TransientError: it is away, or went away.
    """
    try:
        yield
    except _REFUSALS:
        raise OperatorError(f"{where}: the broker refuses access; check user, password and virtual host") from None
    except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker) as closed:
        if closed.reply_code in _OPERATOR_CODES:
            text = f"{where}: the broker refuses ({closed.reply_code}); check queues, exchanges and rights"
            raise OperatorError(text) from None
        raise TransientError(f"{where}: the broker closed the line ({closed.reply_code}); it is tried again") from None
    except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise TransientError(f"{where}: the broker is away ({type(error).__name__}); it is tried again") from None


def _publish(
    channel: BlockingChannel,
    exchange: str,
    routing_key: str,
    body: bytes,
    properties: pika.BasicProperties,
    where: str,
) -> None:
    with classified(where):
        try:
            channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
        except pika.exceptions.UnroutableError:
            raise TransientError(f"{where}: no queue takes {routing_key!r}; is the other side running?") from None
        except pika.exceptions.NackError:
            raise TransientError(f"{where}: the broker did not take the message; it is tried again") from None


def _parameters(address: str, password: str | None, system: str) -> pika.ConnectionParameters:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ConfigurationError(
            "setting 'broker' is no broker's address; write e.g. broker = \"amqp://user@host:5672/vhost\""
        )
    if parts.password is not None:
        raise ConfigurationError("setting 'broker' carries a password; write it as the secret 'password' instead")
    secure = parts.scheme == "amqps"
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=port or (5671 if secure else 5672),
        virtual_host=unquote(parts.path[1:]) or "/",
        credentials=pika.PlainCredentials(unquote(parts.username or "guest"), password or ""),
        ssl_options=pika.SSLOptions(ssl.create_default_context(), parts.hostname) if secure else None,
        heartbeat=600,  # a page may take long, and nobody serves the line meanwhile
        blocked_connection_timeout=30,
        socket_timeout=5,
        stack_timeout=5,
        connection_attempts=1,
        client_properties={"connection_name": f"onevoice {system}"},
    )


def _quietly_close(connection: Any) -> None:
    try:
        connection.close()
    except (pika.exceptions.AMQPError, OSError):
        """It is closed already."""
