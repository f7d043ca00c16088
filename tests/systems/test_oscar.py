"""The connector against a real django-oscar shop: full sweeps that cost little and invent no deletes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import connectors
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import OperatorError, Settings, SourceRecord, TransientError
from onevoice.sdk.discovery import build, discover
from onevoice.testing.contract import Subject, examine, promised
from tests.sdk.conftest import server
from tests.systems.oscar_server import HUB, HUB_PASSWORD, PrivateOscar, Shopkeeper
from tests.systems.page import follow

__all__ = ["server"]  # a fixture

CONNECTORS = Path(connectors.__file__).parent
MANIFEST = discover(CONNECTORS)["oscar"]


@pytest.fixture(scope="module")
def shop() -> Iterator[PrivateOscar]:
    with PrivateOscar() as running:
        yield running


@pytest.fixture(scope="module")
def keeper(shop: PrivateOscar) -> Iterator[Shopkeeper]:
    person = Shopkeeper(shop)
    yield person
    person.close()


def settings(url: str, password: str = HUB_PASSWORD) -> Settings:
    values = {"url": url, "username": HUB}
    return Settings(system="shop", values=values, secrets={"password": password}, now=lambda: datetime.now(UTC))


@pytest.fixture
def connector(shop: PrivateOscar) -> Iterator[Any]:
    opened = build(MANIFEST, settings(shop.url))
    yield opened
    opened.close()


def name() -> str:
    return f"n{uuid4().hex[:10]}"


def read(connector: Any, stream: str, cursor: Any = None) -> tuple[dict[str, SourceRecord], Any]:
    records: dict[str, SourceRecord] = {}
    for page in connector.read(stream, cursor):
        records |= {record.key: record for record in page.records}
        cursor = page.cursor
    return records, cursor


def data(record: SourceRecord) -> dict[str, Any]:
    assert record.data is not None
    return record.data


def test_users_guests_and_orders_are_read(connector: Any, keeper: Shopkeeper) -> None:
    key = str(keeper.open_account(who := name(), first_name="Ann", last_name="Smith"))
    number = keeper.order_as_guest("Bob@guest.example")
    connector.check()
    users, _ = read(connector, "users")
    assert data(users[key])["email"] == f"{who}@customer.example"
    assert data(users[key])["joined_at"].endswith("Z")
    orders, _ = read(connector, "orders")
    [order] = [one for one in orders.values() if data(one)["number"] == number]
    assert data(order)["customer"] == {"stream": "guests", "key": order.key}
    assert (data(order)["status"], data(order)["total"], data(order)["currency"]) == ("new", "20.00", "GBP")
    guests, _ = read(connector, "guests")
    assert (data(guests[order.key])["last_name"], data(guests[order.key])["country"]) == ("Guest", "GB")


def test_a_sweep_gives_little_but_what_changed(connector: Any, keeper: Shopkeeper) -> None:
    keys = [str(keeper.open_account(name())) for _ in range(40)]
    everything, cursor = read(connector, "users")
    assert everything.keys() >= set(keys)
    assert read(connector, "users", cursor) == ({}, cursor)
    keeper.change(keys[7], email="moved@customer.example")
    changed, later = read(connector, "users", cursor)
    assert keys[7] in changed
    assert len(changed) < 5  # those of its bucket
    assert read(connector, "users", later)[0] == {}


def test_a_deleted_user_is_told_only_when_it_is_asked_for(connector: Any, keeper: Shopkeeper) -> None:
    gone, stays = str(keeper.open_account(name())), str(keeper.open_account(name()))
    _, cursor = read(connector, "users")
    keeper.delete(gone)
    changed, cursor = read(connector, "users", cursor)
    assert not any(record.deleted for record in changed.values())
    assert [(one.key, one.deleted) for one in connector.readback("users", [gone, stays])] == [
        (gone, True),
        (stays, False),
    ]


@pytest.mark.parametrize(
    ("body", "status"), [(b"<h1>Not Found</h1>", 404), (b"", 404), (b"[]", 404), (b'{"error": "gateway"}', 502)]
)
def test_what_another_program_says_is_no_delete(server: Any, body: bytes, status: int) -> None:
    server.say(body, status=status)
    connector = build(MANIFEST, settings(server.url))
    with pytest.raises(TransientError):
        connector.readback("users", ["3"])  # type: ignore[attr-defined]
    with pytest.raises((OperatorError, TransientError)):
        connector.check()
    connector.close()


@pytest.mark.parametrize("body", [b"<html>200</html>", b'{"detail": "later"}', b'[{"url": 1}, {"url": null}]'])
def test_a_list_that_is_none_is_not_taken_for_an_empty_one(server: Any, body: bytes) -> None:
    server.say(body)
    connector = build(MANIFEST, settings(server.url))
    with pytest.raises((OperatorError, TransientError)):
        read(connector, "users")
    connector.close()


def test_single_fields_are_written_and_what_is_refused_is_named(connector: Any, keeper: Shopkeeper) -> None:
    key = str(keeper.open_account(name(), first_name="Ann"))
    good, bad, nobody = connector.write(
        "users",
        [
            Change(key=key, fields={"email": "ann@new.example", "last_name": "Jones"}),
            Change(key=key, fields={"email": "nonsense"}),
            Change(key="99999", fields={"email": "x@new.example"}),
        ],
    )
    outcomes = [good.outcome, bad.outcome, nobody.outcome]
    assert outcomes == [WriteOutcome.APPLIED, WriteOutcome.REFUSED, WriteOutcome.MISSING]
    found = keeper.user(key)
    assert (found["first_name"], found["last_name"], found["email"]) == ("Ann", "Jones", "ann@new.example")
    assert "nonsense" not in bad.reason


def test_who_may_not_see_is_told_so(shop: PrivateOscar) -> None:
    connector = build(MANIFEST, settings(shop.url, "wr0ng"))
    with pytest.raises(OperatorError, match="credentials") as caught:
        connector.check()
    assert "wr0ng" not in str(caught.value)
    connector.close()


def test_it_keeps_the_contract(shop: PrivateOscar, keeper: Shopkeeper) -> None:
    keeper.open_account(name(), first_name="Ann", last_name="Smith")
    keeper.order_as_guest("bob@guest.example")
    given = settings(shop.url)

    def change(stream: str, record: SourceRecord) -> Change | None:
        fields = {"last_name": "Zed"}
        return Change(key=record.key, fields=fields, expected_version=record.version) if stream == "users" else None

    subject = Subject(
        manifest=MANIFEST,
        root=CONNECTORS.parent,
        settings=given,
        unreachable={**given.values, "url": "http://127.0.0.1:1"},
        wrong_secrets={"password": "wr0ng"},
        change=change,
    )
    checks = promised(subject.manifest)
    assert {one.check: one.problems for one in examine(subject, checks)} == dict.fromkeys(checks, ())


def test_the_page_connects_a_shop(shop: PrivateOscar, keeper: Shopkeeper, tmp_path: Path) -> None:
    keeper.open_account(who := name())
    put = {"https://shop.example.com": shop.url}
    printed = follow("connect-oscar.md", tmp_path, put=put, env={"ONEVOICE_SHOP_PASSWORD": HUB_PASSWORD})
    assert who not in printed
