"""A gate in front of Tryton, on the hub's side only: it lets everything through and can make somebody be faster.

`before_write(key, act)` runs `act` once, after the hub has read a party and just before its write reaches Tryton.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests

WRITE = "model.party.party.write"


class Gate:
    """Forwards to `target`; remembers the session last shown, the writes and what Tryton said to each."""

    def __init__(self, target: str) -> None:
        self.authorization = ""
        self.writes: list[tuple[str, dict[str, Any], str]] = []
        self._target = target
        self._acts: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def before_write(self, key: str, act: Callable[[], None]) -> None:
        """Let somebody else act first, once, when the hub writes this party next."""
        with self._lock:
            self._acts[key] = act

    def verdicts(self, key: str) -> list[str]:
        """What Tryton said to the hub's writes of a party, in order: `ok`, or the class of its error."""
        with self._lock:
            return [verdict for written, _, verdict in self.writes if written == key]

    def forward(self, path: str, headers: dict[str, str], body: bytes) -> requests.Response:
        request = json.loads(body)
        self.authorization = headers.get("Authorization", "")
        key, values = "", {}
        if request["method"] == WRITE:
            key, values = str(request["params"][0][0]), request["params"][1]
            with self._lock:
                act = self._acts.pop(key, None)
            if act is not None:
                act()
        with requests.Session() as http:
            http.trust_env = False
            kept = {name: value for name, value in headers.items() if name in ("Authorization", "Content-Type")}
            answer = http.post(f"{self._target}{path}", data=body, headers=kept, timeout=30)
        if key:
            error = answer.json().get("error") if answer.ok else [str(answer.status_code)]
            with self._lock:
                self.writes.append((key, values, error[0] if error else "ok"))
        return answer


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = gate.forward(self.path, dict(self.headers.items()), body)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    return Handler
