"""One sample server as a child process.

`Server(...).start()` waits, with a bound, for the line that says where it is; `stop()` asks it to end, then makes it.
One rule: a started server is stopped, whatever happens in between; a restart keeps the port.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

PROJECT = Path(__file__).resolve().parents[1]
START_SECONDS = 20.0
STOP_SECONDS = 10.0


class StartError(Exception):
    """A server did not come up."""


class Server:
    """`python -m samples.<name>` on a port of its own; its error output is in DIR/server.log."""

    def __init__(self, name: str, data: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.url = ""
        self._data = data
        self._arguments = arguments
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Start the process without waiting for it."""
        self._data.mkdir(parents=True, exist_ok=True)
        port = str(urlsplit(self.url).port or 0)
        command = [sys.executable, "-m", f"samples.{self.name}", "--data", str(self._data), "--port", port]
        paths = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
        with (self._data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                env={**os.environ, "PYTHONPATH": paths, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def await_ready(self) -> None:
        """Wait until the server says where it is. Raises StartError."""
        if self._process is None or self._process.stdout is None:
            raise StartError(f"{self.name} was not launched")
        line = _line(self._process.stdout, time.monotonic() + START_SECONDS)
        if not line:
            self.stop()
            raise StartError(f"{self.name} did not start: see {self._data / 'server.log'}")
        self.url = json.loads(line)["url"]

    def start(self) -> None:
        """Start and wait."""
        self.launch()
        self.await_ready()

    def stop(self) -> None:
        """End the process: SIGTERM, and SIGKILL when that does not help. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.stop()


def _line(stream: IO[bytes], deadline: float) -> bytes:
    """The first line, or what came until the stream ended or time was up."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(stream.fileno(), 4096) if ready else b""
        if not piece:
            return b""
        text += piece
    return text
