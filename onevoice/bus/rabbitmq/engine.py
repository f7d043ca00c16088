"""The bus on RabbitMQ: one connection to publish, one for each consumer.

Takes and gives what the port says. Publishing and consuming never share a connection, since a broker in need blocks
those that publish.
"""

import threading
from collections.abc import Sequence

import pika
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from onevoice.bus.envelope import envelope_json, event_json, work_messages
from onevoice.bus.port import Consumer
from onevoice.bus.rabbitmq.consumer import RabbitConsumer
from onevoice.bus.rabbitmq.publisher import Outgoing, Publisher
from onevoice.bus.rabbitmq.question import ANSWER_SECONDS, ask_alive, ask_depth
from onevoice.bus.topology import EVENTS_EXCHANGE, IN_EXCHANGE, URGENT_EXCHANGE, WORK_EXCHANGE, Topology, routing_key
from onevoice.errors import ConfigurationError, OperatorError, TransientError
from onevoice.messages import Envelope, Event, Work

HEARTBEAT_SECONDS = 10
"""After two that were missed the broker hands out again what a frozen worker has fetched."""
BLOCKED_SECONDS = 30
_SHORT_TEXT_BYTES = 255


class RabbitBus:
    """Implements `Bus` on a RabbitMQ virtual host."""

    def __init__(self, url: str, topology: Topology) -> None:
        """Connect and declare the topology.

        Raises:
            ConfigurationError: the URL is malformed, or the broker holds a queue of ours with other arguments.
            OperatorError: the broker does not let the user in.
            TransientError: the broker does not answer.
        """
        self._topology = topology
        self._parameters = _parameters(url)
        _declare_once(self._parameters, topology)
        self._lock = threading.Lock()
        self._consumers: list[RabbitConsumer] = []
        # Declared again on every connection: a broker that lost its disk gets its queues back.
        self._publisher = Publisher(self._parameters, declare=topology.declare)
        if not self._publisher.link.wait_settled(ANSWER_SECONDS):
            self._publisher.close()
            raise TransientError("rabbitmq: the broker went away while connecting")

    def publish_records(self, envelopes: Sequence[Envelope]) -> None:
        """See `Bus.publish_records`."""
        self._publisher.publish(
            [
                Outgoing(
                    exchange=URGENT_EXCHANGE if one.urgent else IN_EXCHANGE,
                    routing_key=routing_key(one.system, one.stream),
                    body=envelope_json(one),
                    message_id=one.id if len(one.id.encode()) <= _SHORT_TEXT_BYTES else None,
                )
                for one in envelopes
            ]
        )

    def publish_work(self, work: Sequence[Work]) -> None:
        """See `Bus.publish_work`."""
        for one in work:
            self._topology.work_queue_for(one.system, one.lane)
        self._publisher.publish(
            [
                Outgoing(
                    exchange=WORK_EXCHANGE,
                    routing_key=routing_key(system, lane),
                    body=body,
                    message_id=None,
                )
                for system, lane, body in work_messages(work)
            ]
        )

    def publish_events(self, events: Sequence[Event]) -> None:
        """See `Bus.publish_events`."""
        self._publisher.publish(
            [
                Outgoing(
                    exchange=EVENTS_EXCHANGE,
                    routing_key=one.type,
                    body=event_json(one),
                    message_id=str(one.id),
                    mandatory=False,
                )
                for one in events
            ]
        )

    def consume(self, queue: str, *, prefetch: int) -> Consumer:
        """See `Bus.consume`."""
        consumer = RabbitConsumer(self._parameters, self._topology.checked(queue), prefetch=prefetch)
        with self._lock:
            self._consumers.append(consumer)
        return consumer

    def depth(self, queue: str) -> int:
        """See `Bus.depth`."""
        return ask_depth(self._publisher.link, self._topology.checked(queue))

    def ping(self) -> None:
        """See `Bus.ping`."""
        ask_alive(self._publisher.link)

    def close(self) -> None:
        """See `Bus.close`."""
        with self._lock:
            consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.close()
        self._publisher.close()


def _parameters(url: str) -> pika.URLParameters:
    try:
        parameters = pika.URLParameters(url)
    except (ValueError, TypeError, KeyError, AttributeError):
        # Without a cause: the library's message repeats the URL, password and all.
        raise ConfigurationError("bus.url: write amqp://user:password@host:5672/vhost") from None
    if parameters.heartbeat is None:
        parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.blocked_connection_timeout = BLOCKED_SECONDS
    parameters.socket_timeout = ANSWER_SECONDS
    parameters.stack_timeout = 2 * ANSWER_SECONDS
    return parameters


def _declare_once(parameters: pika.connection.Parameters, topology: Topology) -> None:
    """Declare in the foreground, where what is wrong with the broker can still be said."""
    try:
        connection = pika.BlockingConnection(parameters)
        try:
            topology.declare(connection.channel())
        finally:
            if connection.is_open:
                connection.close()
    except (ProbableAuthenticationError, ProbableAccessDeniedError):
        raise OperatorError("rabbitmq: the user of bus.url is not let in; check user, password and vhost") from None
    except ChannelClosedByBroker as error:
        raise ConfigurationError(
            f"rabbitmq: declaring was refused with code {error.reply_code}: 406 means that a queue or exchange of this "
            "name has other arguments (empty and delete it), 403 that the user of bus.url may not declare"
        ) from None
    except (AMQPConnectionError, AMQPError, OSError) as error:
        raise TransientError(f"rabbitmq: no connection ({type(error).__name__}); is the broker up?") from None
