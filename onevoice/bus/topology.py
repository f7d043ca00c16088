"""Every exchange, queue, binding and broker right, computed from the configured systems and nowhere else.

Takes system names with their streams; gives names, declarations and `declare`. A key that is not bound here ends in
the quarantine queue, never nowhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onevoice.errors import ConfigurationError
from onevoice.messages import Lane

IN_EXCHANGE = "onevoice.in"
URGENT_EXCHANGE = "onevoice.in.urgent"
UNROUTED_EXCHANGE = "onevoice.unrouted"
EVENTS_EXCHANGE = "onevoice.events"
WORK_EXCHANGE = "onevoice.work"

RECORDS_QUEUE = "onevoice.in.records"
URGENT_QUEUE = "onevoice.in.urgent"
QUARANTINE_QUEUE = "onevoice.quarantine"

HUB_USER = "onevoice"
RECEIPT_STREAM = "receipt"

_SYSTEM = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STREAM = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_NEVER = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange; what it cannot route goes to `onevoice.unrouted` when `guarded`."""

    name: str
    type: str
    guarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One durable quorum queue with its bindings, (exchange, routing key) each."""

    name: str
    arguments: dict[str, Any]
    bindings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUser:
    """The rights of one system's own broker user, as regular expressions; an empty one grants nothing.

    Attributes:
        topics: exchange -> the routing keys that the user may publish there.
    """

    name: str
    configure: str
    write: str
    read: str
    topics: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topology:
    """What the hub needs of a broker.

    Attributes:
        systems: system -> its streams.
        amqp_systems: those that publish over AMQP themselves and so need a broker user.
        delivery_limit: hand-outs after which a message goes to quarantine. High, because a consumer's death counts
            for everything it had fetched.
        max_bytes: bytes a queue may hold before it refuses to take more.
    """

    systems: Mapping[str, Sequence[str]]
    amqp_systems: frozenset[str] = frozenset()
    delivery_limit: int = 1000
    max_bytes: int = 1 << 30
    queues: Mapping[str, Queue] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the names and compute the queues.

        Raises:
            ConfigurationError: a name cannot be part of a routing key, or is the hub's own.
        """
        for system, streams in self.systems.items():
            _check_system(system, streams)
        for system in sorted(self.amqp_systems - self.systems.keys()):
            raise ConfigurationError(f"systems.{system}: speaks AMQP but is not configured; add it to onevoice.toml")
        object.__setattr__(self, "queues", {queue.name: queue for queue in self._queues()})

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All exchanges, the one that others lean on first."""
        return (
            Exchange(name=UNROUTED_EXCHANGE, type="fanout", guarded=False),
            Exchange(name=IN_EXCHANGE, type="topic", guarded=True),
            Exchange(name=URGENT_EXCHANGE, type="topic", guarded=True),
            Exchange(name=EVENTS_EXCHANGE, type="topic", guarded=False),
            Exchange(name=WORK_EXCHANGE, type="direct", guarded=False),
        )

    def queue_for(self, *, system: str, stream: str, urgent: bool) -> str:
        """Return the queue in which an envelope of this stream lands."""
        if stream not in self.systems.get(system, ()):
            return QUARANTINE_QUEUE
        return URGENT_QUEUE if urgent else RECORDS_QUEUE

    def work_queue_for(self, system: str, lane: Lane) -> str:
        """Return the queue of a system's lane.

        Raises:
            ConfigurationError: the system is not configured.
        """
        return self.checked(work_queue(system, lane))

    def checked(self, queue: str) -> str:
        """Return the queue's name if it is one of ours.

        Raises:
            ConfigurationError: it is not.
        """
        if queue not in self.queues:
            raise ConfigurationError(f"bus: there is no queue {queue}; is its system in onevoice.toml?")
        return queue

    def declare(self, channel: Any) -> None:
        """Declare everything on a pika channel, blocking or not; what is there already stays as it is."""
        for exchange in self.exchanges:
            arguments = {"alternate-exchange": UNROUTED_EXCHANGE} if exchange.guarded else None
            channel.exchange_declare(
                exchange=exchange.name, exchange_type=exchange.type, durable=True, arguments=arguments
            )
        for queue in self.queues.values():
            channel.queue_declare(queue=queue.name, durable=True, arguments=queue.arguments)
            for exchange_name, key in queue.bindings:
                channel.queue_bind(queue=queue.name, exchange=exchange_name, routing_key=key)

    def broker_users(self) -> list[BrokerUser]:
        """Return the user of each system that speaks AMQP: it may publish under its own name and do nothing else."""
        return [
            BrokerUser(
                name=system,
                configure="",
                write=f"^({re.escape(IN_EXCHANGE)}|{re.escape(URGENT_EXCHANGE)})$",
                read="",
                topics=dict.fromkeys((IN_EXCHANGE, URGENT_EXCHANGE), rf"^{re.escape(system)}\."),
            )
            for system in sorted(self.amqp_systems)
        ]

    def _queues(self) -> list[Queue]:
        keys = [routing_key(system, stream) for system, streams in self.systems.items() for stream in streams]
        # Nothing stands behind quarantine, so nothing may drop out of it: no dead-letter exchange, no limit in reach.
        queues = [
            Queue(
                name=QUARANTINE_QUEUE,
                arguments=self._arguments(delivery_limit=_NEVER),
                bindings=((UNROUTED_EXCHANGE, ""),),
            )
        ]
        for name, exchange in ((RECORDS_QUEUE, IN_EXCHANGE), (URGENT_QUEUE, URGENT_EXCHANGE)):
            queues.append(self._guarded(name, tuple((exchange, key) for key in keys)))
        queues.extend(
            self._guarded(work_queue(system, lane), ((WORK_EXCHANGE, routing_key(system, lane)),), one_at_a_time=True)
            for system in self.systems
            for lane in Lane
        )
        return queues

    def _guarded(self, name: str, bindings: tuple[tuple[str, str], ...], *, one_at_a_time: bool = False) -> Queue:
        arguments = self._arguments(delivery_limit=self.delivery_limit) | {
            "x-dead-letter-exchange": UNROUTED_EXCHANGE,
            "x-dead-letter-strategy": "at-least-once",
        }
        if one_at_a_time:  # of several delivery workers one writes to a system; the next takes over when it is gone
            arguments["x-single-active-consumer"] = True
        return Queue(name=name, arguments=arguments, bindings=bindings)

    def _arguments(self, *, delivery_limit: int) -> dict[str, Any]:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": delivery_limit,
            "x-max-length-bytes": self.max_bytes,
            "x-overflow": "reject-publish",
        }


def routing_key(system: str, stream_or_lane: str) -> str:
    """Return the key under which a stream's envelopes, or a lane's work, travel."""
    return f"{system}.{stream_or_lane}"


def work_queue(system: str, lane: Lane) -> str:
    """Return the name of the queue of a system's lane."""
    return f"{WORK_EXCHANGE}.{system}.{lane}"


def _check_system(system: str, streams: Sequence[str]) -> None:
    if not _SYSTEM.fullmatch(system) or system == HUB_USER:
        raise ConfigurationError(
            f"systems.{system}: write a name of at most 64 letters, digits, _ or -, other than {HUB_USER}"
        )
    for stream in streams:
        if not _STREAM.fullmatch(stream) or stream == RECEIPT_STREAM:
            raise ConfigurationError(
                f"systems.{system}: stream {stream}: write at most 128 letters, digits, _, - or ., "
                f"other than {RECEIPT_STREAM}"
            )
