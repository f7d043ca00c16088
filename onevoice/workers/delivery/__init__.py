"""Brings every system to what it is owed, and proves it."""

from onevoice.workers.delivery.delivery import Delivery

__all__ = ["Delivery"]
