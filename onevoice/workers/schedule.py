"""The built-in schedule of one system: what is read when.

Takes the hub and one system; reads what changed at every poll, and the whole of a stream at every interval of
reconciliation. The one rule: a reconciliation that fails or is refused never keeps the changes from being read, and
reads the whole stream again only an interval later.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event

import structlog
from sqlalchemy import select

from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError
from onevoice.store.tables import stream_state
from onevoice.workers.hub import Hub
from onevoice.workers.systems import READ

log = structlog.get_logger("onevoice")


@dataclass(slots=True)
class Schedule:
    """Polls one system; to be used by one thread."""

    hub: Hub
    system: str
    _tried: dict[str, datetime] = field(default_factory=dict)

    def run(self, stop: Event) -> None:
        """Poll until told to stop.

        Raises:
            ConfigurationError: the system cannot be read.
        """
        while not stop.is_set():
            self.poll(stop)
            stop.wait(self.hub.config.systems[self.system].poll_seconds)

    def poll(self, stop: Event) -> None:
        """Read every stream that is polled; one that is parked or paused is left alone.

        Raises:
            ConfigurationError: the system cannot be read.
        """
        for stream in self.hub.catalog.streams_of(self.system):
            if stream.polled and not stop.is_set() and self._lets_in():
                self._read(stream.name)

    def _lets_in(self) -> bool:
        return not self.hub.systems.is_paused(self.system, READ) and self.system not in self.hub.systems.parked()

    def _read(self, stream: str) -> None:
        let_in = not self._reconcile_due(stream) or self._attempted(stream, self._reconcile)
        if let_in:
            self._attempted(stream, self._sync)

    def _sync(self, stream: str) -> None:
        self.hub.sync.sync(self.system, stream)

    def _reconcile(self, stream: str) -> None:
        self._tried[stream] = datetime.now(UTC)
        self.hub.sync.reconcile(self.system, stream)

    def _attempted(self, stream: str, work: Callable[[str], None]) -> bool:
        """Do it, and note what stood in the way; returns whether the system still lets us in."""
        try:
            work(stream)
        except ConfigurationError:
            raise
        except OnevoiceError as error:
            log.warning("sync_failed", system=self.system, stream=stream, error=type(error).__name__, reason=str(error))
            return not isinstance(error, OperatorError)
        return True

    def _reconcile_due(self, stream: str) -> bool:
        """A stream is reconciled an interval after it was last read as a whole; its first complete read is one.

        An attempt counts as well, for this process: else one that a person must approve would read the whole stream
        at every poll.
        """
        with self.hub.store.transaction() as connection:
            row = connection.execute(
                select(stream_state.c.reconciled_at, stream_state.c.succeeded_at).where(
                    stream_state.c.system == self.system, stream_state.c.stream == stream
                )
            ).one_or_none()
        if row is None or row.succeeded_at is None:
            return False
        interval = timedelta(seconds=self.hub.config.systems[self.system].reconcile_seconds)
        whole = [at for at in (row.reconciled_at, self._tried.get(stream)) if at is not None]
        return not whole or max(whole) + interval < datetime.now(UTC)
