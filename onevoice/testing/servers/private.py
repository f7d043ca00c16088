"""What PrivatePostgres and PrivateRabbit share: a life from start to end that leaves nothing behind.

The one rule: only what this object started is ever touched, and all of it ends with this process, unless `keep` says
that it shall stay; then `end_kept` ends it later.
"""

from __future__ import annotations

import abc
import atexit
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from onevoice.errors import OperatorError
from onevoice.testing.servers.account import Account, make_folder, write_private
from onevoice.testing.servers.process import ServerProcess

POLL_SECONDS = 0.05
LOG_TAIL_LINES = 15
KEEPERS_FILE = "keepers"


class PrivateServer(abc.ABC):
    """A server of our own on free ports of 127.0.0.1 with its data in a temporary folder.

    Args:
        keep: let it run on after this process, until `end_kept(server.folder)`.

    Use it as a context manager, or call `start` and `close`.
    """

    name: str
    start_seconds: float

    def __init__(self, account: Account | None, *, keep: bool) -> None:
        self.account = account
        self.keep = keep
        self.folder: Path = make_folder(self.name, account)
        self.log = self.folder / "server.log"
        self._process: ServerProcess | None = None
        self._owner = os.getpid()
        if not keep:
            atexit.register(self.close)

    @property
    def pid(self) -> int:
        """Process id of the running server program (for fault tests that signal it themselves)."""
        if self._process is None:
            raise OperatorError(f"{self.name}: not started")
        return self._process.pid

    def start(self) -> Self:
        """Start the server, on the same data and ports as before where it ran before, and wait until it answers.

        Raises:
            OperatorError: it ended at once, or does not answer in time; the message ends with the tail of its log.
        """
        if self._process is None or not self._process.is_running():
            self._process = self._launch()
            self._note_keepers()
        self._wait_until(self._answers)
        return self

    def stop(self) -> None:
        """Shut the server down in order and wait for it; its data stays for the next `start`."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL) and wait until it is gone; its data stays for the next `start`."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the server for good and remove its folder. Safe to call twice; does nothing in a forked child."""
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        for process in self._processes():
            process.end()
        self._after_end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start the server; what fails on the way is cleaned up."""
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server, unless it shall be kept."""
        if not self.keep:
            self.close()

    @abc.abstractmethod
    def _launch(self) -> ServerProcess:
        """Start the server program and return its process."""

    @abc.abstractmethod
    def _answers(self) -> bool:
        """Tell whether the server serves requests."""

    def _processes(self) -> list[ServerProcess]:
        return [self._process] if self._process is not None else []

    def _after_end(self) -> None:  # noqa: B027 - most servers leave nothing outside
        """Take away what the end of the server program left outside the folder."""

    def _note_keepers(self) -> None:
        lines = "".join(f"{process.keeper_pid}\n" for process in self._processes())
        write_private(self.folder / KEEPERS_FILE, lines, None)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.start_seconds
        while not condition():
            ended = self._process is not None and not self._process.is_running()
            if ended or time.monotonic() > deadline:
                what = "ended at once" if ended else f"does not answer after {self.start_seconds:.0f} s"
                raise OperatorError(f"private {self.name} {what}; its log ({self.log}) ends:\n{self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "(no log written)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])


def end_kept(folder: Path, *, seconds: float = 40.0) -> None:
    """End the server that was started with ``keep=True`` in `folder`, and remove the folder.

    Processes are recognised by their command line, so that a process id which has passed to a stranger is left alone.

    Raises:
        OperatorError: a process does not end in time.
    """
    listing = folder / KEEPERS_FILE
    pids = [int(line) for line in listing.read_text(encoding="utf-8").split()] if listing.exists() else []
    keepers = [pid for pid in pids if _is_keeper_of(pid, folder)]
    for pid in keepers:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while left := [pid for pid in keepers if _is_keeper_of(pid, folder)]:
        if time.monotonic() > deadline:
            raise OperatorError(f"servers in {folder} do not end: look at processes {left}")
        time.sleep(POLL_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


def _is_keeper_of(pid: int, folder: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(folder) in words
