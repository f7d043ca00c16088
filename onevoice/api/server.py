"""Runs the application until told to stop, in whatever thread calls."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

from onevoice.errors import OperatorError

STOP_SECONDS = 10
_LOOK_SECONDS = 0.1


def serve(app: FastAPI, host: str, port: int, stop_event: threading.Event, *, share_port: bool = False) -> None:
    """Serve until the event is set, then finish what is under way and return.

    Args:
        share_port: other processes listen on the port as well (SO_REUSEPORT).

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
        proxy_headers=False,  # nothing here asks from which address a request came
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)

    def end() -> None:
        stop_event.wait()
        server.should_exit = True

    threading.Thread(target=end, name="api-stop", daemon=True).start()
    with suppress(SystemExit):  # uvicorn's way of saying that it could not start
        server.run([_shared(host, port)] if share_port else None)
    if not stop_event.is_set():
        raise OperatorError(f"api: the HTTP server on {host}:{port} ended; is the port free? see api.host and api.port")


def _shared(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    shared = socket.socket(family)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        shared.bind((host, port))
    except OSError as error:
        shared.close()
        raise OperatorError(f"api: {host}:{port} cannot be had ({error.strerror}); see api.host and api.port") from None
    return shared


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
