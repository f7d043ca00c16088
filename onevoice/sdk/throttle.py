"""Keeps a connector within the rate that a system's manifest declares."""

import threading
import time
from collections.abc import Callable


class Throttle:
    """Spaces calls evenly; safe to share between threads.

    Args:
        per_second: how many calls the system allows each second; None: as many as there are.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = float("-inf")

    def wait(self) -> None:
        """Return when the next call may start."""
        if not self._gap:
            return
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            self._sleep(start - now)
