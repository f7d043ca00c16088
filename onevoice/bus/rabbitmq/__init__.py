"""The RabbitMQ engine: pipelined confirms, consumers that reconnect, and the broker users of the systems."""

from onevoice.bus.rabbitmq.engine import RabbitBus
from onevoice.bus.rabbitmq.users import apply_users

__all__ = ["RabbitBus", "apply_users"]
