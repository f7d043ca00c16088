"""For each kind a small system of the form that `onevoice connector new` begins with, with the same people."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pika
import sqlalchemy as sa

from onevoice.sdk.formats import Csv
from onevoice.sdk.sql import open_engine, writing
from tests.conftest import RabbitVhost

TOKEN = "pe0ple-token"
FIELDS = ("id", "given_name", "family_name", "email", "phone", "no_email", "updated_at")
PAGE = 4


@dataclass(slots=True)
class Running:
    """A system that runs: what a connector is told of it, and its people as they are there."""

    values: dict[str, object]
    people: Callable[[], dict[str, dict[str, Any]]]
    secrets: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, object] = field(default_factory=dict)
    wrong_secrets: dict[str, str] | None = None
    refill: Callable[[], None] = lambda: None


class People:
    """The people of one system; a change moves the time of change."""

    def __init__(self) -> None:
        self.ticks = 0
        self.found: dict[str, dict[str, Any]] = {}
        for number in range(1, 10):
            self.put(str(number), given_name=f"Given{number}", family_name="Osterley", email=f"n{number}@example.com")

    def put(self, key: str, **fields: Any) -> dict[str, Any]:
        self.ticks += 1
        at = datetime(2025, 5, 1, 9, 0, tzinfo=UTC) + timedelta(minutes=5 * self.ticks)
        blank = {"given_name": None, "family_name": None, "email": None, "phone": None, "no_email": False}
        person = {**blank, **self.found.get(key, {}), **fields, "id": key, "updated_at": at.isoformat()}
        self.found[key] = {name: person[name] for name in FIELDS}
        return self.found[key]

    def since(self, moment: str) -> list[dict[str, Any]]:
        found = sorted(self.found.values(), key=lambda one: str(one["updated_at"]))
        return [one for one in found if not moment or datetime.fromisoformat(one["updated_at"]) >= _time(moment)]


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def rest(_tmp: Path, _vhost: Any) -> Iterator[Running]:
    people = People()

    def answer(method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(target)
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {}, {}
        if parts.path == "/people":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            at = (int(asked["page"]) - 1) * PAGE
            return 200, {}, {"people": people.since(asked.get("updated_since", ""))[at : at + PAGE]}
        key = parts.path.removeprefix("/people/")
        if key not in people.found:
            return 404, {}, {}
        if method == "PATCH":
            if headers.get("If-Match") not in (None, f'"{people.found[key]["updated_at"]}"'):
                return 412, {}, {}
            people.put(key, **json.loads(body))
        return 200, {"ETag": f'"{people.found[key]["updated_at"]}"'}, people.found[key]

    with _http(lambda *asked: _as_json(*answer(*asked))) as url:
        yield Running(
            values={"url": url},
            people=lambda: people.found,
            secrets={"token": TOKEN},
            unreachable={"url": "http://127.0.0.1:1"},
            wrong_secrets={"token": "wr0ng"},
        )


@contextmanager
def soap(tmp: Path, _vhost: Any) -> Iterator[Running]:
    people = People()
    wsdl = next((tmp / "connectors").glob("*/*.wsdl"))
    space = re.findall(r'targetNamespace="(urn:[^"]+)"', wsdl.read_text())[0]

    def element(name: str, value: Any) -> str:
        if value is None:
            return f'<t:{name} xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
        return f"<t:{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</t:{name}>"

    def answer(method: str, _target: str, _headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if method == "GET":
            return 200, {}, wsdl.read_bytes()
        text = body.decode()
        [operation] = re.findall(r"Body><\w+:(\w+)", text)
        told = dict(re.findall(r"<\w+:(\w+)>([^<]*)</", text))
        if operation == "savePerson":
            fields = {name: told[name] for name in FIELDS[1:5] if name in told}
            person = people.put(
                told["id"], **fields, **({"no_email": told["no_email"] == "true"} if "no_email" in told else {})
            )
            inner = f"<t:saved>{element('updated_at', person['updated_at'])}</t:saved>"
        else:
            ids = re.findall(r":ids>([^<]*)</", text)
            found = [people.found[key] for key in ids if key in people.found]
            rows = found if operation == "getPeople" else people.since(told.get("since", ""))
            inner = "".join(f"<t:person>{''.join(element(n, one[n]) for n in FIELDS)}</t:person>" for one in rows)
            inner = f"<t:people>{inner}</t:people>"
        whole = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{space}"><e:Body>{inner}'
        return 200, {"Content-Type": "text/xml"}, f"{whole}</e:Body></e:Envelope>".encode()

    with _http(answer) as url:
        nowhere = {"endpoint": "http://127.0.0.1:1/soap"}
        yield Running(values={"endpoint": f"{url}/soap"}, people=lambda: people.found, unreachable=nowhere)


@contextmanager
def sql(tmp: Path, _vhost: Any) -> Iterator[Running]:
    (tmp / "people.sqlite").touch()
    url = f"sqlite:///{tmp}/people.sqlite"
    owner = open_engine(url, password=None)
    columns = "id INTEGER PRIMARY KEY, given_name TEXT, family_name TEXT, email TEXT, phone TEXT, no_email BOOLEAN"
    with writing(owner, "test") as connection:
        connection.exec_driver_sql(f"CREATE TABLE people ({columns}, updated_at TEXT)")
        connection.exec_driver_sql(
            "CREATE TRIGGER up AFTER UPDATE OF email, given_name, family_name, phone, no_email ON people BEGIN "
            "UPDATE people SET updated_at = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE id = new.id; END"
        )
        rows = [
            {**one, "updated_at": _time(one["updated_at"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            for one in People().found.values()
        ]
        names = ", ".join(f":{name}" for name in FIELDS)
        connection.execute(sa.text(f"INSERT INTO people ({', '.join(FIELDS)}) VALUES ({names})"), rows)

    def people() -> dict[str, dict[str, Any]]:
        with owner.connect() as connection:
            return {str(row["id"]): dict(row) for row in connection.execute(sa.text("SELECT * FROM people")).mappings()}

    yield Running(
        values={"database": url}, people=people, unreachable={"database": "postgresql://hub@127.0.0.1:1/people"}
    )
    owner.dispose()


@contextmanager
def file(tmp: Path, _vhost: Any) -> Iterator[Running]:
    folder = tmp / "files"
    folder.mkdir()
    form = Csv(columns=["id"])
    rows = [{**one, "no_email": "no"} for one in People().found.values()]
    (folder / "people.csv").write_bytes(form.dump(rows, where="test"))

    def people() -> dict[str, dict[str, Any]]:
        return {str(one["id"]): one for one in form.parse((folder / "people.csv").read_bytes(), where="test")}

    yield Running(values={"folder": str(folder)}, people=people, unreachable={"folder": f"{folder}/none"})


@contextmanager
def amqp(_tmp: Path, vhost: RabbitVhost) -> Iterator[Running]:
    people = People()
    connection = pika.BlockingConnection(pika.URLParameters(vhost.url))
    channel = connection.channel()
    for queue in ("people", "questions"):
        channel.queue_declare(queue)
    closing = threading.Event()

    def refill() -> None:
        channel.queue_purge("people")
        for one in people.found.values():
            channel.basic_publish("", "people", json.dumps(one).encode())

    def answered(asked: dict[str, Any]) -> dict[str, Any]:
        if asked["do"] == "get":
            found = [people.found[key] for key in asked["ids"] if key in people.found]
            return {"people": found, "at": datetime.now(UTC).isoformat()}
        return {"results": [_saved(people, one) for one in asked["changes"]]}

    def serve() -> None:
        own = pika.BlockingConnection(pika.URLParameters(vhost.url))
        served = own.channel()
        for method, properties, body in served.consume("questions", auto_ack=True, inactivity_timeout=0.1):
            if closing.is_set():
                break
            if method is not None:
                same = pika.BasicProperties(correlation_id=properties.correlation_id)
                served.basic_publish("", properties.reply_to, json.dumps(answered(json.loads(body))).encode(), same)
        own.close()

    refill()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Running(
            values={"broker": vhost.url.replace(f":{vhost.password}@", "@")},
            people=lambda: people.found,
            secrets={"password": vhost.password},
            unreachable={"broker": "amqp://hub@127.0.0.1:1/"},
            wrong_secrets={"password": "wr0ng"},
            refill=refill,
        )
    finally:
        closing.set()
        thread.join(10)
        connection.close()


def _saved(people: People, one: dict[str, Any]) -> dict[str, Any]:
    key, wanted = one["id"], one["if_updated_at"]
    if key not in people.found:
        return {"id": key, "result": "gone"}
    if wanted is not None and _time(wanted) != _time(people.found[key]["updated_at"]):
        return {"id": key, "result": "stale"}
    if not one["fields"].keys() <= set(FIELDS[1:6]):
        return {"id": key, "result": "refused"}
    return {"id": key, "result": "saved", "updated_at": people.put(key, **one["fields"])["updated_at"]}


def _as_json(status: int, headers: dict[str, str], said: Any) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(said).encode()


@contextmanager
def _http(answer: Callable[[str, str, Any, bytes], tuple[int, dict[str, str], bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, content = answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(5)


SYSTEMS = {"rest": rest, "soap": soap, "sql": sql, "file": file, "amqp": amqp}
