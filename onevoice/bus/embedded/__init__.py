"""The embedded engine: queues as rows of the SQLite store, for one machine without a broker."""

from onevoice.bus.embedded.engine import EmbeddedBus

__all__ = ["EmbeddedBus"]
