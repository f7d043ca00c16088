"""The club's members over REST: pages by number, changes since, entity tags, a key in a header.

What is here is all that the service promises; the page on adding a connector is written against it.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "club-k3y"
PAGE = 3
FIRST = datetime(2025, 5, 1, 9, 0, tzinfo=UTC)

Answer = tuple[int, dict[str, str], Any]


class Club:
    """The members, by number; `url` once it is served.

    Attributes:
        lost: that many next answers to writes get lost, after the work was done.
        tagged: answers carry an entity tag.
    """

    def __init__(self) -> None:
        self.url = ""
        self.members: dict[int, dict[str, Any]] = {}
        self.sent: list[tuple[dict[str, str], Any]] = []
        self.lost = 0
        self.tagged = True
        self._ticks = 0
        self._joined: dict[str, int] = {}
        self._lock = threading.Lock()

    def put(self, number: int, **fields: Any) -> None:
        """Make or change a member, as somebody in the club's office would."""
        member = self.members.get(number, {"number": number, "resigned": False, "no_mail": False})
        self._ticks += 1
        changed = (FIRST + timedelta(minutes=10 * self._ticks)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.members[number] = {**member, **fields, "changed": changed}

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Answer:
        """Return status, headers and body of the answer to a request."""
        parts = urlsplit(target)
        if headers.get("X-Club-Key") != KEY:
            return 401, {}, {"error": "who are you?"}
        with self._lock:
            if parts.path == "/v1/members" and method == "POST":
                return self._join(headers.get("Idempotency-Key"), body["member"])
            if parts.path == "/v1/members":
                return self._list({name: values[0] for name, values in parse_qs(parts.query).items()})
            number = parts.path.removeprefix("/v1/members/")
            if not number.isdecimal() or int(number) not in self.members:
                return 404, {}, {"error": "no such member"}
            return self._one(int(number), method, headers, body)

    def _list(self, query: dict[str, str]) -> Answer:
        found = sorted(self.members.values(), key=lambda member: str(member["changed"]))
        found = [member for member in found if member["changed"] >= query.get("since", "")]
        at = (int(query["page"]) - 1) * PAGE
        return 200, {}, {"data": {"members": found[at : at + PAGE]}}

    def _join(self, key: str | None, given: dict[str, Any]) -> Answer:
        """Take a new member; the same key again is the member that it made."""
        if not key:
            return 400, {}, {"error": "send an Idempotency-Key"}
        lacking = {name: ["is required"] for name in ("given", "family") if not given.get(name)}
        if lacking:
            return 422, {}, {"errors": lacking}
        if key not in self._joined:
            self._joined[key] = max(self.members, default=0) + 1
            self.put(self._joined[key], **{"born": None, "mail": None, "home": None, **given})
        return 201, {}, {"member": self.members[self._joined[key]]}

    def _one(self, number: int, method: str, headers: Mapping[str, str], body: Any) -> Answer:
        if method == "PATCH":
            self.sent.append((dict(headers.items()), body))
            if headers.get("If-Match") not in (None, f'"{self.members[number]["changed"]}"'):
                return 412, {}, {"error": "changed meanwhile"}
            given = body["member"]
            if "@" not in (given.get("mail") or "@"):
                return 422, {}, {"errors": {"mail": [f"{given['mail']} is no address"]}}
            self.put(number, **given)
        member = self.members[number]
        return 200, {"ETag": f'"{member["changed"]}"'} if self.tagged else {}, {"member": member}


@contextmanager
def served(club: Club, port: int = 0) -> Iterator[Club]:
    """Serve the club on this machine, on a free port unless one is named."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            status, headers, said = club.answer(self.command, self.path, dict(self.headers.items()), body)
            if self.command != "GET" and club.lost:
                club.lost -= 1
                self.close_connection = True
                return
            content = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_POST = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing: a request's address is nobody's business."""

    listening = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    club.url = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield club
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


def founded() -> Club:
    """Return a club with members, of whom one has joined twice and asked for no mail at one place only."""
    club = Club()
    ann = {"given": "Ann", "family": "Osterley", "born": "1980-02-01", "mail": "ann.osterley@example.com"}
    club.put(1, **ann, home={"city": "Leeds", "postcode": "LS1 1AA"})
    club.put(2, given="Bob", family="Ray", born="1971-05-06", mail="bob@example.com", home=None)
    club.put(3, **ann, home={"city": "Leeds", "postcode": "LS1 1AA"})
    club.put(4, given="Cid", family="Moe", born=None, mail=None, home=None)
    club.put(3, no_mail=True)
    return club
