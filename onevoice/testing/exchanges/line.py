"""A line between a connector and its system that hands everything on and writes it down; it can lose an answer."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

from onevoice.sdk.exchange import Exchange as Throughput
from onevoice.sdk.throttle import Throttle
from onevoice.testing.exchanges.fixture import ADDRESS, Exchange
from onevoice.testing.exchanges.play import serving

_KEPT = ("content-type", "etag", "link", "retry-after", "last-modified")
_NOT_FORWARDED = ("host", "connection", "accept-encoding", "content-length")


@dataclass(slots=True)
class Line:
    """What went over a line.

    Attributes:
        proofs: the headers by which requests proved who they are.
        lose: which answer does not come back, counted from 1, after the system has done its work; 0: none.
    """

    system: str
    address: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    proofs: set[str] = field(default_factory=set)
    lose: int = 0


@contextmanager
def tapped(system: str) -> Iterator[Line]:
    """Give a line whose address stands for the system's; it hands everything on and writes it down."""
    line = Line(system)
    lock = threading.Lock()
    exchange = Throughput(throttle=Throttle(None), now=lambda: datetime.now(UTC))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or "0"))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
            sent = body.replace(line.address.encode(), system.encode())
            answer = exchange.send(self.command, f"{system}{self.path}", where="recording", headers=headers, body=sent)
            kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT}
            text = answer.body.decode("utf-8", "replace")
            with lock:
                line.proofs |= {value for name, value in headers.items() if name.lower() not in _KEPT}
                line.exchanges.append(
                    Exchange(
                        method=self.command,
                        target=self.path,
                        body=sent.decode("utf-8", "replace").replace(system, ADDRESS),
                        status=answer.status,
                        headers={name: value.replace(system, ADDRESS) for name, value in kept.items()},
                        answer=text.replace(system, ADDRESS),
                    )
                )
                lost = len(line.exchanges) == line.lose
            if lost:
                self.close_connection = True
                return
            content = text.replace(system, line.address).encode()
            self.send_response(answer.status)
            for name, value in kept.items():
                self.send_header(name, value.replace(system, line.address))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    try:
        with serving(Handler) as address:
            line.address = address
            yield line
    finally:
        exchange.close()


def moved(values: Mapping[str, object], system: str, address: str) -> dict[str, object]:
    """Return settings with another address in the place of the system's."""
    return {name: value.replace(system, address) if isinstance(value, str) else value for name, value in values.items()}
