"""Wakes consumers of this process as soon as something is put into their queue."""

import threading
from collections import Counter
from collections.abc import Iterable


class QueueSignal:
    """A count of arrivals a queue; who saw the count before looking into the queue cannot miss one."""

    def __init__(self) -> None:
        """Start at nought."""
        self._condition = threading.Condition()
        self._counts: Counter[str] = Counter()

    def count(self, queue: str) -> int:
        """Return the arrivals so far."""
        return self._counts[queue]

    def raise_for(self, queues: Iterable[str]) -> None:
        """Count an arrival in each queue and wake who waits."""
        with self._condition:
            self._counts.update(queues)
            self._condition.notify_all()

    def wait(self, queue: str, seen: int, timeout: float) -> None:
        """Wait until there were more arrivals than `seen`, at most `timeout` seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._counts[queue] != seen, timeout)
