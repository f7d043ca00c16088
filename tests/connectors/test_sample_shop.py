"""The shop connector against the sample shop: REST both ways, and its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
import uvicorn

from onevoice.errors import ConfigurationError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import Receiver, RecordWriter
from samples.population import Population, generate
from samples.serving.bucket import TokenBucket
from samples.serving.journal import Journal
from samples.shop.app import Shop, build_app
from samples.shop.store import ShopStore

PEOPLE = 1200
TOKEN, SECRET = "t0ken-secret", "wh-secret"
NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


@cache
def population() -> Population:
    return generate(PEOPLE, 1)


class RunningShop:
    """The sample shop on a free port, and what was loaded into it."""

    def __init__(self, folder: Path) -> None:
        records = population().records
        self.customers = {str(row["id"]): row for row in records["shop", "customers"]}
        self.orders = {str(row["id"]): row for row in records["shop", "orders"]}
        self.store = ShopStore(folder)
        self.store.load({"customers": self.customers.values(), "orders": self.orders.values()})
        self.journal = Journal(folder / "journal.jsonl")
        shop = Shop(
            store=self.store,
            journal=self.journal,
            bucket=TokenBucket(1000, 1000),
            api_token=TOKEN,
            webhook_secret=SECRET,
            admin_token="admin",
        )
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(uvicorn.Config(build_app(shop), log_level="error"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})

    def start(self) -> None:
        self.thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            assert time.monotonic() < deadline, "the sample shop did not start"
            self.thread.join(0.02)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()
        self.store.close()
        self.journal.close()

    def force(self, **wish: Any) -> None:
        headers = {"Authorization": "Bearer admin"}
        assert requests.post(f"{self.url}/admin/faults", json=wish, headers=headers, timeout=5).status_code == 204


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[RunningShop]:
    running = RunningShop(tmp_path)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def connector(shop: RunningShop, connect: Any) -> Any:
    return connect("sample_shop", "shop", {"url": shop.url}, {"token": TOKEN, "webhook_secret": SECRET})


@pytest.fixture
def receiver(connect: Any) -> Any:
    """A connector that never calls the shop, at a fixed time."""
    secrets = {"token": TOKEN, "webhook_secret": SECRET}
    return connect("sample_shop", "shop", {"url": "http://127.0.0.1:1"}, secrets, now=lambda: NOW)


def read_all(connector: Any, stream: str, cursor: Any = None) -> tuple[dict[str, Any], Any]:
    pages = list(connector.read(stream, cursor))
    records = {record.key: record for page in pages for record in page.records}
    return records, pages[-1].cursor if pages else cursor


def one(connector: Any, key: str) -> Any:
    return connector.readback("customers", [key])[0]


def pushed(body: bytes, *, topic: str = "customers/update", at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"{timestamp}.{topic}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "X-Shop-Topic": topic,
        "X-Shop-Delivery": "d-1",
        "X-Shop-Timestamp": timestamp,
        "X-Shop-Signature": f"sha256={digest}",
    }


def test_every_record_comes_as_the_shop_has_it_and_fits_its_schema(
    shop: RunningShop, connector: Any, fits_schema: Callable[[str, str, Any], bool]
) -> None:
    assert isinstance(connector, RecordWriter)
    assert isinstance(connector, Receiver)
    connector.check()
    for stream, expected in (("customers", shop.customers), ("orders", shop.orders)):
        records, _ = read_all(connector, stream)
        assert {key: record.data for key, record in records.items()} == expected
        assert all(record.version == record.data["updated_at"] for record in records.values())
        assert all(fits_schema("sample_shop", stream, record.data) for record in records.values())


def spoil(shop: RunningShop, *keys: str, **fields: Any) -> None:
    """Let the shop give these accounts otherwise than it used to, in their old places."""
    with shop.store._database.transaction() as connection:
        for key in keys:
            body = orjson.dumps({**shop.customers[key], **fields}).decode()
            connection.execute("UPDATE record SET body = ? WHERE kind = 'customers' AND id = ?", (body, int(key)))


def test_an_odd_record_is_given_as_it_is_and_its_neighbours_are_read(shop: RunningShop, connector: Any) -> None:
    in_order = sorted(shop.customers, key=lambda key: (shop.customers[key]["updated_at"], int(key)))
    odd = [in_order[0], in_order[-1]]
    spoil(shop, *odd, updated_at=None)
    records, cursor = read_all(connector, "customers")
    assert records.keys() == shop.customers.keys()
    assert [key for key, record in records.items() if not record.version] == odd
    assert records[odd[0]].data["email"] == shop.customers[odd[0]]["email"]
    assert cursor == {"after": [records[in_order[-2]].version, in_order[-2]]}
    assert connector.readback("customers", [odd[0], in_order[1]]) == [records[in_order[1]]]
    proven = Change(key=odd[0], fields={"first_name": "Ann"}, expected_version="2025-01-01T00:00:00.000000Z")
    assert connector.write("customers", [proven])[0].outcome is WriteOutcome.REFUSED
    wish = Change(key=odd[0], fields={"accepts_email_marketing": not shop.customers[odd[0]]["accepts_email_marketing"]})
    assert connector.write("customers", [wish])[0].outcome is WriteOutcome.APPLIED


def test_one_odd_record_alone_parks_nothing(shop: RunningShop, connector: Any) -> None:
    last = max(shop.customers, key=lambda key: (shop.customers[key]["updated_at"], int(key)))
    _, cursor = read_all(connector, "customers")
    spoil(shop, last, updated_at=None)
    records, later = read_all(connector, "customers", cursor)
    assert [record.version for record in records.values()][-1] == ""
    assert later == cursor


def test_records_of_which_none_has_a_version_ask_for_a_person(shop: RunningShop, connector: Any) -> None:
    spoil(shop, *shop.customers, updated_at=None)
    with pytest.raises(OperatorError, match="the system's interface has changed"):
        read_all(connector, "customers")


def test_a_read_goes_on_after_each_page(connector: Any, resumes: Callable[[Any, str], None]) -> None:
    resumes(connector, "customers")


def test_a_second_read_brings_what_changed(shop: RunningShop, connector: Any) -> None:
    _, cursor = read_all(connector, "customers")
    key = next(iter(shop.customers))
    shop.store.change(int(key), {"locale": "fr-FR"})
    records, later = read_all(connector, "customers", cursor)
    assert records[key].data["locale"] == "fr-FR"
    assert later["after"] == [records[key].version, key]
    assert read_all(connector, "customers", later)[1] == later


def test_a_write_changes_named_fields_and_gives_the_new_version(shop: RunningShop, connector: Any) -> None:
    key = next(key for key, row in shop.customers.items() if row["default_address"])
    read = one(connector, key)
    fields = {"email": "new@example.com", "phone": None, "default_address.city": "Leeds"}
    [result] = connector.write("customers", [Change(key=key, fields=fields, expected_version=read.version)])
    assert result.outcome is WriteOutcome.APPLIED
    written = one(connector, key)
    assert result.version == written.version > read.version
    address = {**read.data["default_address"], "city": "Leeds"}
    expected = {"email": "new@example.com", "phone": None, "default_address": address, "updated_at": written.version}
    assert written.data == {**read.data, **expected}


def test_an_address_is_cleared_and_made_as_a_whole(shop: RunningShop, connector: Any) -> None:
    key = next(key for key, row in shop.customers.items() if row["default_address"])
    parts = ("street", "city", "zip", "country")
    connector.write("customers", [Change(key=key, fields={f"default_address.{part}": None for part in parts})])
    assert one(connector, key).data["default_address"] is None
    partly = connector.write("customers", [Change(key=key, fields={"default_address.city": "Leeds"})])
    assert (partly[0].outcome, partly[0].reason) == (WriteOutcome.REFUSED, "HTTP 422: default_address")
    whole = dict(zip((f"default_address.{part}" for part in parts), ("1 Lane", "Leeds", "LS1 1AA", "GB"), strict=True))
    assert connector.write("customers", [Change(key=key, fields=whole)])[0].outcome is WriteOutcome.APPLIED
    assert one(connector, key).data["default_address"]["zip"] == "LS1 1AA"


def test_each_change_gets_its_own_result(shop: RunningShop, connector: Any) -> None:
    stale, refused, good, *_ = shop.customers
    version = one(connector, stale).version
    shop.store.change(int(stale), {"first_name": "Fresh"})
    results = connector.write(
        "customers",
        [
            Change(key=stale, fields={"email": "late@example.com"}, expected_version=version),
            Change(key="1", fields={"email": "nobody@example.com"}),
            Change(key=refused, fields={"email": "marked value", "locale": "en-GB"}),
            Change(key=good, fields={"accepts_email_marketing": False}),
        ],
    )
    assert [result.outcome.value for result in results] == ["conflict", "missing", "refused", "applied"]
    assert results[2].reason == "HTTP 422: email"
    assert one(connector, stale).data["email"] != "late@example.com"
    with pytest.raises(ConfigurationError, match="not writable"):
        connector.write("orders", [Change(key="90001", fields={"status": "paid"})])


def test_a_change_between_fetch_and_patch_is_a_conflict(shop: RunningShop, connector: Any) -> None:
    key = next(iter(shop.customers))
    version = one(connector, key).version
    change = shop.store.change

    def overtaken(number: int, fields: Any, if_match: str | None = None) -> Any:
        change(number, {"first_name": "Overtaken"})
        return change(number, fields, if_match)

    shop.store.change = overtaken  # type: ignore[method-assign]
    [result] = connector.write("customers", [Change(key=key, fields={"last_name": "Late"}, expected_version=version)])
    assert result.outcome is WriteOutcome.CONFLICT
    assert one(connector, key).data["last_name"] == shop.customers[key]["last_name"]


def test_reading_back_names_what_is_gone(shop: RunningShop, connector: Any) -> None:
    key = next(iter(shop.customers))
    present, gone = connector.readback("customers", [key, "1"])
    assert (present.key, present.deleted) == (key, False)
    assert (gone.key, gone.deleted, gone.data) == ("1", True, None)


def test_a_wrong_token_asks_for_a_person_and_is_not_shown(shop: RunningShop, connect: Any) -> None:
    connector = connect("sample_shop", "shop", {"url": shop.url}, {"token": "wr0ng-secret"})
    with pytest.raises(OperatorError, match="HTTP 401") as caught:
        connector.check()
    assert "wr0ng-secret" not in f"{caught.value} {connector!r}"


def test_a_full_shop_is_waited_for_as_it_asks(shop: RunningShop, connector: Any) -> None:
    shop.force(status=429, retry_after=7)
    with pytest.raises(TransientError) as caught:
        read_all(connector, "customers")
    assert caught.value.retry_after == 7
    key = next(iter(shop.customers))
    shop.force(status=503, retry_after=3)
    with pytest.raises(TransientError):
        connector.write("customers", [Change(key=key, fields={"locale": "fr-FR"})])
    assert one(connector, key).data == shop.customers[key]


def test_a_signed_webhook_gives_its_record(receiver: Any) -> None:
    body = orjson.dumps({"id": 5001, "email": "a@example.com", "updated_at": "2025-06-01T11:59:58.000001Z"})
    [record] = receiver.receive(pushed(body), body)
    assert (record.stream, record.key, record.version) == ("customers", "5001", "2025-06-01T11:59:58.000001Z")
    assert record.data == orjson.loads(body)
    lower = {name.lower(): value for name, value in pushed(body, topic="orders/create").items()}
    assert receiver.receive(lower, body)[0].stream == "orders"
    for seconds in (-299, 299):
        at = NOW + timedelta(seconds=seconds)
        assert receiver.receive(pushed(body, at=at), body)


def test_what_the_shop_itself_sends_is_accepted(shop: RunningShop, connector: Any) -> None:
    came: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.put((dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    door = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        shop.store.subscribe(f"http://127.0.0.1:{door.server_address[1]}/")
        key = next(iter(shop.customers))
        shop.store.change(int(key), {"accepts_email_marketing": False})
        headers, body = came.get(timeout=10)
    finally:
        door.shutdown()
        thread.join(5)
        door.server_close()
    assert connector.receive(headers, body) == [one(connector, key)]


def test_a_webhook_that_is_not_proven_is_refused(receiver: Any, connect: Any) -> None:
    body = b'{"id": 5001, "updated_at": "2025-06-01T11:59:58.000001Z"}'
    good = pushed(body)
    refused = [
        (pushed(body, secret="other"), body),
        (good, body + b" "),
        ({**good, "X-Shop-Timestamp": str(int(good["X-Shop-Timestamp"]) + 1)}, body),
        ({**good, "X-Shop-Topic": "orders/create"}, body),
        (pushed(body, topic="customers/update.x"), body),
        ({**good, "X-Shop-Signature": ""}, body),
        ({**good, "X-Shop-Signature": "sha256=ä"}, body),
        ({name: value for name, value in good.items() if name != "X-Shop-Timestamp"}, body),
        ({}, body),
        (pushed(body, at=NOW - timedelta(seconds=301)), body),
        (pushed(body, at=NOW + timedelta(seconds=301)), body),
    ]
    for headers, content in refused:
        with pytest.raises(RefusedError, match="system shop, webhook") as caught:
            receiver.receive(headers, content)
        assert SECRET not in str(caught.value)
    unready = connect("sample_shop", "shop", {"url": "http://127.0.0.1:1"}, {"token": TOKEN}, now=lambda: NOW)
    with pytest.raises(RefusedError, match="webhook_secret"):
        unready.receive(pushed(body, secret=""), body)


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        (b"marked", "customers/update"),
        (b"[]", "customers/update"),
        (b'{"id": 1}', "customers/update"),
        (b'{"id": "marked", "updated_at": "x"}', "customers/update"),
        (b'{"id": 1, "updated_at": "x"}', "marked/update"),
    ],
)
def test_a_signed_webhook_that_is_no_record_is_a_bad_record(receiver: Any, body: bytes, topic: str) -> None:
    with pytest.raises(RecordError) as caught:
        receiver.receive(pushed(body, topic=topic), body)
    assert "marked" not in str(caught.value)
