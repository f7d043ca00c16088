"""Failures on request: the next calls are answered with an error, or only after a while.

An admin posts `{"count": 2, "status": 429, "retry_after": 1}` or `{"count": 1, "seconds": 3}`; a server asks `take()`
for each call. One rule: faults are counted down, so that a forgotten one ends by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one call: wait `seconds`, then answer `status` (0: answer as usual)."""

    status: int = 0
    retry_after: int = 1
    seconds: float = 0.0


class Faults:
    """The faults still to come; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = 0
        self._fault = Fault()

    def force(self, wish: Mapping[str, Any]) -> None:
        """Replace what is to come: `count` (default 1), `status`, `retry_after` (seconds), `seconds` to hang."""
        with self._lock:
            self._left = int(wish.get("count", 1))
            self._fault = Fault(
                status=int(wish.get("status", 0)),
                retry_after=int(wish.get("retry_after", 1)),
                seconds=float(wish.get("seconds", 0)),
            )

    def take(self) -> Fault | None:
        """The fault of this call, if one is due."""
        with self._lock:
            if self._left <= 0:
                return None
            self._left -= 1
            return self._fault
