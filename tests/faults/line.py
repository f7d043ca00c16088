"""A TCP line that can fail: cut, slow, or one that loses every answer after the request has arrived.

The last is the trouble that matters: the other side has done what it was asked, and nobody hears of it.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

TROUBLES = ("cut", "mute", "slow", "flaky")
LOST = 0.5
"""Share of answers that a flaky line loses."""
SLOW_SECONDS = 0.4
_CHUNK = 65536


class Line:
    """Passes what arrives at `port` on to an address, and the answers back, as long as `trouble` is None.

    Args:
        host: where it leads to.
        port: of that host.
        at: the port to listen on; any free one by default.
    """

    def __init__(self, host: str, port: int, *, at: int = 0) -> None:
        self._target = (host, port)
        self._trouble: str | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", at))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, name=f"line {self.port}", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._hang_up()

    def fail(self, trouble: str) -> None:
        """Let it be in trouble: `cut` refuses all, `mute` loses answers, `flaky` half of them, `slow` holds them up."""
        assert trouble in TROUBLES
        self._trouble = trouble
        if trouble == "cut":
            self._hang_up()

    def mend(self) -> None:
        """Let everything pass again."""
        self._trouble = None

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._trouble == "cut":
                    raise ConnectionRefusedError
                far = socket.create_connection(self._target, timeout=10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
            threading.Thread(target=self._answer, args=(far, near), daemon=True).start()

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(_CHUNK):
                far.sendall(data)
        self._close(near, far)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while (data := far.recv(_CHUNK)) and not self._is_lost():
                if self._trouble == "slow":
                    time.sleep(SLOW_SECONDS)
                near.sendall(data)
        self._close(near, far)

    def _is_lost(self) -> bool:
        return self._trouble == "mute" or (self._trouble == "flaky" and random.random() < LOST)

    def _hang_up(self) -> None:
        with self._lock:
            some = list(self._open)
        self._close(*some)

    def _close(self, *ends: socket.socket) -> None:
        with self._lock:
            self._open -= set(ends)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes whoever reads it
            end.close()
