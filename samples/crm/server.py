"""The CRM's door: HTTP on the standard library's threading server.

POST /soap takes calls, GET /soap?wsdl gives the WSDL byte for byte, GET /healthz says that the server lives. With an
admin token set, POST /admin/expire-sessions and /admin/faults exist for tests. One rule: a body larger than `LARGEST`
is refused before it is read.
"""

from __future__ import annotations

import hmac
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from samples.crm.service import CrmService
from samples.crm.soap import SoapError, answer, fault, parse
from samples.serving.faults import Faults

WSDL = Path(__file__).with_name("crm.wsdl")
LARGEST = 1024 * 1024


class CrmServer(ThreadingHTTPServer):
    """One listening CRM."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, service: CrmService, admin_token: str | None) -> None:
        super().__init__((host, port), _Handler)
        self.service = service
        self.faults = Faults()
        self.admin_token = admin_token

    @property
    def url(self) -> str:
        """The URL without a path."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: CrmServer
    protocol_version = "HTTP/1.1"
    timeout = 30  # an idle or dripping connection ends
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # headers and body leave in one packet

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/soap" and query.lower() == "wsdl":
            self._reply(200, WSDL.read_bytes(), "text/xml; charset=utf-8")
        elif path == "/healthz":
            self._reply(200, b'{"status": "ok"}', "application/json")
        else:
            self._reply(404, b"", "text/plain")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.close_connection = True
            self._reply(413 if length.isdecimal() else 411, b"", "text/plain")
            return
        body = self.rfile.read(int(length))
        if self.path == "/soap":
            self._soap(body)
        elif self.path.startswith("/admin/") and self._is_admin():
            self._admin(body)
        else:
            self._reply(404, b"", "text/plain")

    def _soap(self, body: bytes) -> None:
        forced = self.server.faults.take()
        if forced:
            time.sleep(forced.seconds)
            if forced.status:
                self._reply(forced.status, b"", "text/plain", {"Retry-After": str(forced.retry_after)})
                return
        try:
            call = parse(body)
            self._reply(200, answer(call.operation, self.server.service.handle(call)), "text/xml; charset=utf-8")
        except SoapError as failure:
            self._reply(500, fault(failure), "text/xml; charset=utf-8")

    def _admin(self, body: bytes) -> None:
        if self.path == "/admin/expire-sessions":
            self.server.service.expire_sessions()
        elif self.path == "/admin/faults":
            self.server.faults.force(json.loads(body or b"{}"))
        else:
            self._reply(404, b"", "text/plain")
            return
        self._reply(204, b"", "text/plain")

    def _is_admin(self) -> bool:
        token = self.server.admin_token
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return token is not None and hmac.compare_digest(given.encode(), token.encode())

    def _reply(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            if status != 204 or name.startswith("Retry"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing: the journal is the record of calls."""
