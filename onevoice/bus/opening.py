"""Opens the bus that `bus.url` names."""

from onevoice.bus.embedded import EmbeddedBus
from onevoice.bus.port import Bus
from onevoice.bus.rabbitmq import RabbitBus
from onevoice.bus.topology import Topology
from onevoice.errors import ConfigurationError
from onevoice.store import Store

EMBEDDED_URL = "embedded:"


def open_bus(url: str, store: Store, topology: Topology) -> Bus:
    """Open the bus and declare the topology on it.

    Args:
        url: `embedded:` for the queue table of the SQLite `store`, or `amqp://…`, `amqps://…` for RabbitMQ.

    Raises:
        ConfigurationError: the URL names no engine, the store does not fit it, or the broker's queues differ.
        OperatorError: the broker does not let the user in.
        TransientError: the broker does not answer.
    """
    if url == EMBEDDED_URL:
        return EmbeddedBus(store, topology)
    if url.startswith(("amqp://", "amqps://")):
        return RabbitBus(url, topology)
    raise ConfigurationError("bus.url: write embedded: or amqp://user:password@host:5672/vhost")
