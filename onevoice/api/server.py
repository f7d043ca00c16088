"""Runs the application until told to stop, in whatever thread calls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from onevoice.errors import OperatorError

STOP_SECONDS = 10
_LOOK_SECONDS = 0.1


def serve(app: FastAPI, host: str, port: int, stop_event: threading.Event) -> None:
    """Serve until the event is set, then finish what is under way and return.

    Raises:
        OperatorError: the port cannot be had, or the server ended by itself.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,  # it would hold paths, and so references; the application notes templates instead
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)

    def end() -> None:
        stop_event.wait()
        server.should_exit = True

    threading.Thread(target=end, name="api-stop", daemon=True).start()
    with suppress(SystemExit):  # uvicorn's way of saying that it could not start
        server.run()
    if not stop_event.is_set():
        raise OperatorError(f"api: the HTTP server on {host}:{port} ended; is the port free? see api.host and api.port")


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
