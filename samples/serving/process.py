"""Start and end of a sample server's process.

`announce(url)` prints the one JSON line that says where the server is; `serve(app, host, port)` runs an ASGI app until
SIGTERM or SIGINT. One rule: after either signal the process ends with exit code 0, its port closed.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
from pathlib import Path
from typing import Any

import uvicorn


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The arguments that every sample server takes."""
    arguments = argparse.ArgumentParser(prog=f"python -m samples.{name}", description=description)
    arguments.add_argument("--data", type=Path, required=True, help="folder of this server's own state")
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=0, help="0 takes a free one")
    return arguments


def announce(url: str) -> None:
    """Say on standard output that the server is ready, and where."""
    print(json.dumps({"ready": True, "url": url}), flush=True)


class _Announcing(uvicorn.Server):
    """Prints the ready line once the app has started."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            announce(self._url)


def serve(app: Any, host: str, port: int) -> None:
    """Serve `app` until a signal; returns after the last answer was sent (within 5 seconds)."""
    listener = socket.create_server((host, port), backlog=128)
    url = f"http://{host}:{listener.getsockname()[1]}"
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=5)
    # uvicorn re-raises the signal that ended it; these handlers make that a normal end
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Announcing(config, url).run(sockets=[listener])
