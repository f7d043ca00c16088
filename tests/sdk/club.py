"""A small club's membership service over REST: pages by number, changes since, entity tags, a key in a header."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "club-k3y"
PAGE = 3
FIRST = datetime(2025, 5, 1, 9, 0, tzinfo=UTC)


class Club:
    """The members, by number; `url` once it is served. `lost` answers get lost after the work was done."""

    def __init__(self) -> None:
        self.url = ""
        self.members: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.sent: list[tuple[dict[str, str], Any]] = []
        self.lost = 0
        self._ticks = 0

    def stamp(self) -> str:
        self._ticks += 1
        return (FIRST + timedelta(minutes=10 * self._ticks)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def put(self, number: int, **fields: Any) -> None:
        member = self.members.get(number, {"number": number, "resigned": False})
        self.members[number] = {**member, **fields, "changed": self.stamp()}

    def answer(self, method: str, target: str, headers: Any, body: Any) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(target)
        self.asked.append((method, target))
        if headers.get("X-Club-Key") != KEY:
            return 401, {}, {"error": "who are you?"}
        if parts.path == "/v1/members":
            return self._list({name: values[0] for name, values in parse_qs(parts.query).items()})
        number = parts.path.removeprefix("/v1/members/")
        if not number.isdecimal() or int(number) not in self.members:
            return 404, {}, {"error": "no such member"}
        return self._one(int(number), method, headers, body)

    def _list(self, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        found = sorted(self.members.values(), key=lambda member: member["changed"])
        found = [member for member in found if member["changed"] >= query.get("since", "")]
        at = (int(query["page"]) - 1) * PAGE
        return 200, {}, {"data": {"members": found[at : at + PAGE]}}

    def _one(self, number: int, method: str, headers: Any, body: Any) -> tuple[int, dict[str, str], Any]:
        member = self.members[number]
        if method == "PATCH":
            self.sent.append((dict(headers.items()), body))
            if headers.get("If-Match") not in (None, f'"{member["changed"]}"'):
                return 412, {}, {"error": "changed meanwhile"}
            given = body["member"]
            if "@" not in (given.get("mail") or "@"):
                return 422, {}, {"errors": {"mail": [f"{given['mail']} is no address"]}}
            self.put(number, **given)
        member = self.members[number]
        return 200, {"ETag": f'"{member["changed"]}"'}, {"member": member}


@contextmanager
def served(club: Club) -> Iterator[Club]:
    """Serve the club on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = club.answer(self.command, self.path, self.headers, json.loads(raw) if raw else None)
            if self.command == "PATCH" and club.lost:
                club.lost -= 1
                self.close_connection = True
                return
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = _answer

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    club.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield club
    listening.shutdown()
    listening.server_close()
    thread.join(5)
