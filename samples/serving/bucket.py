"""A token bucket: so many calls a second, so many at once.

`TokenBucket(rate, burst).take()` gives 0.0 when a call may go on, else the seconds until it may.
"""

from __future__ import annotations

import threading
import time


class TokenBucket:
    """Counts calls; safe to use from several threads."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take one token if there is one."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return (1 - self._tokens) / self._rate
