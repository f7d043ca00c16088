"""A server on this machine that answers as a recording says, each exchange once; or as somebody makes of it.

What was not recorded is answered with 501 and remembered.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import lxml.etree
import orjson

from onevoice.testing.exchanges.fixture import ADDRESS, Exchange

Twist = Callable[["Played", Exchange, int], "Reply | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes out: the exchange's own answer unless somebody made another of it.

    Attributes:
        claimed: length that the answer says it has; None: the true one.
        hang: nothing goes out until the server is closed.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    claimed: int | None = None
    hang: bool = False


@dataclass(slots=True)
class Played:
    """A recording while it is played back.

    Attributes:
        address: where.
        unmatched: requests that were not recorded: method and path.
        asked: how many requests came.
    """

    exchanges: Sequence[Exchange]
    twist: Twist | None = None
    address: str = ""
    unmatched: list[str] = field(default_factory=list)
    asked: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    _used: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def unused(self) -> int:
        """Return how many exchanges nobody asked for."""
        return len(self.exchanges) - len(self._used)

    def reply(self, method: str, target: str, body: bytes) -> Reply:
        """Return the answer to a request."""
        text = body.decode("utf-8", "replace").replace(self.address, ADDRESS)
        asked = (method, _target(target), _content(text))
        with self._lock:
            number = self.asked
            self.asked += 1
            at = next((at for at, one in enumerate(self.exchanges) if self._is(one, asked, at)), None)
            if at is not None:
                self._used.add(at)
            found = self.exchanges[at] if at is not None else None
        if self.twist is not None:
            given = found or Exchange(method=method, target=target, body=text, status=501, headers={}, answer="")
            twisted = self.twist(self, given, number)
            if twisted is not None:
                return twisted
        if found is None:
            self.unmatched.append(f"{method} {urlsplit(target).path}")
            return Reply(status=501, headers={}, body=b"")
        return self.own(found)

    def own(self, exchange: Exchange) -> Reply:
        """Return the answer that was recorded."""
        headers = {name: value.replace(ADDRESS, self.address) for name, value in exchange.headers.items()}
        return Reply(status=exchange.status, headers=headers, body=self.text(exchange.answer))

    def text(self, answer: str) -> bytes:
        """Return a recorded text with this server's address in it."""
        return answer.replace(ADDRESS, self.address).encode()

    def _is(self, one: Exchange, asked: tuple[str, object, object], at: int) -> bool:
        # With a twist, an answer may be asked for again: what a client does then is what is looked at.
        free = at not in self._used or self.twist is not None
        return free and (one.method, _target(one.target), _content(one.body)) == asked


@contextmanager
def played(exchanges: Sequence[Exchange], twist: Twist | None = None) -> Iterator[Played]:
    """Play exchanges back on this machine until the block ends."""
    playing = Played(exchanges, twist)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = self.headers.get("Content-Length") or "0"
            reply = playing.reply(self.command, self.path, self.rfile.read(int(length)))
            if reply.hang:
                playing.closing.wait(30)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) if reply.claimed is None else reply.claimed))
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.claimed is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Handler) as address:
        playing.address = address
        try:
            yield playing
        finally:
            playing.closing.set()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of this machine; gives the address."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


def _target(target: str) -> object:
    parts = urlsplit(target)
    return parts.path, sorted(parse_qsl(parts.query, keep_blank_values=True))


def _content(body: str) -> object:
    """Return what a body says, whatever its blanks and the order of its names."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONDecodeError:
        pass
    try:
        return lxml.etree.tostring(lxml.etree.fromstring(body.encode()), method="c14n")
    except lxml.etree.XMLSyntaxError:
        return body
