"""The sample shop: paging, entity tags, rates, and webhooks that can be trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from samples.population import generate
from samples.serving.bucket import TokenBucket
from samples.serving.journal import Journal
from samples.shop.app import Shop, build_app
from samples.shop.store import ShopStore

RECORDS = generate(60, 1).records
TOKEN = {"Authorization": "Bearer api-token"}
ADMIN = {"Authorization": "Bearer admin-token"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ShopStore]:
    store = ShopStore(tmp_path)
    store.load({"customers": RECORDS["shop", "customers"], "orders": RECORDS["shop", "orders"]})
    yield store
    store.close()


@pytest.fixture
def open_shop(store: ShopStore, tmp_path: Path) -> Callable[..., TestClient]:
    def make(rate: float = 1000, burst: int = 1000) -> TestClient:
        shop = Shop(
            store=store,
            journal=Journal(tmp_path / "journal.jsonl"),
            bucket=TokenBucket(rate, burst),
            api_token="api-token",
            webhook_secret="webhook-secret",
            admin_token="admin-token",
        )
        return TestClient(build_app(shop))

    return make


@pytest.fixture
def shop(open_shop: Callable[..., TestClient]) -> Iterator[TestClient]:
    with open_shop() as client:
        client.headers.update(TOKEN)
        yield client


def test_the_api_wants_its_token(open_shop: Callable[..., TestClient]) -> None:
    client = open_shop()
    assert client.get("/api/customers").status_code == 401
    assert client.get("/api/customers", headers={"Authorization": "Bearer other"}).status_code == 401
    assert client.get("/api/customers", headers=TOKEN).status_code == 200
    assert client.put("/admin/webhook", json={"url": "http://x"}, headers=TOKEN).status_code == 401


@pytest.mark.parametrize("kind", ["customers", "orders"])
def test_cursors_give_every_record_once_in_order_of_change(shop: TestClient, kind: str) -> None:
    records: list[dict[str, Any]] = []
    cursor = None
    for _ in range(40):
        page = shop.get(f"/api/{kind}", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        records += page[kind]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    expected = RECORDS["shop", kind]
    assert records == sorted(expected, key=lambda record: (record["updated_at"], record["id"]))


def test_updated_since_is_inclusive(shop: TestClient) -> None:
    times = sorted(record["updated_at"] for record in RECORDS["shop", "customers"])
    page = shop.get("/api/customers", params={"updated_since": times[-3]}).json()

    assert [record["updated_at"] for record in page["customers"]] == times[-3:]
    assert shop.get("/api/customers", params={"cursor": "rubbish"}).status_code == 422


def test_a_write_needs_the_present_entity_tag(shop: TestClient) -> None:
    first = shop.get("/api/customers/5001")
    tag = first.headers["ETag"]
    unconditional = shop.patch("/api/customers/5001", json={"first_name": "Ada"})
    written = shop.patch("/api/customers/5001", json={"first_name": "Ada"}, headers={"If-Match": tag})
    stale = shop.patch("/api/customers/5001", json={"first_name": "Eve"}, headers={"If-Match": tag})

    assert [answer.status_code for answer in (unconditional, written, stale)] == [428, 200, 412]
    assert written.json() == {**first.json(), "first_name": "Ada", "updated_at": written.json()["updated_at"]}
    assert written.json()["updated_at"] > first.json()["updated_at"]
    assert shop.get("/api/customers/5001", headers={"If-None-Match": tag}).status_code == 200
    unchanged = shop.get("/api/customers/5001", headers={"If-None-Match": written.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_bad_values_are_refused_field_by_field_without_repeating_them(shop: TestClient) -> None:
    tag = shop.get("/api/customers/5001").headers["ETag"]
    bad = {
        "email": "nobody", "birth_date": "1974-13-01", "accepts_email_marketing": None, "id": 7,
        "default_address": {"street": "1 Mill Lane"}, "last_name": " ",
    }  # fmt: skip
    answer = shop.patch("/api/customers/5001", json=bad, headers={"If-Match": tag})

    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == set(bad)
    assert "nobody" not in answer.text
    assert shop.get("/api/customers/5001").headers["ETag"] == tag


def test_too_many_calls_get_429_with_retry_after(open_shop: Callable[..., TestClient]) -> None:
    client = open_shop(rate=0.5, burst=2)
    answers = [client.get("/api/customers/5001", headers=TOKEN) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 2


def test_forced_failures_are_counted_down(shop: TestClient) -> None:
    shop.post("/admin/faults", json={"count": 2, "status": 503, "retry_after": 7}, headers=ADMIN)
    answers = [shop.get("/api/customers/5001") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_a_change_is_posted_with_a_signature_over_time_topic_and_body(shop: TestClient, receiver: Any) -> None:
    shop.put("/admin/webhook", json={"url": f"{receiver.url}/hooks/shop"}, headers=ADMIN)
    edited = shop.post("/storefront/customers/5002", json={"accepts_email_marketing": False}).json()
    method, path, headers, body = receiver.wait_for(1)[0]

    signed = headers["X-Shop-Timestamp"].encode() + b".customers/update." + body
    expected = "sha256=" + hmac.new(b"webhook-secret", signed, hashlib.sha256).hexdigest()
    assert (method, path, headers["X-Shop-Topic"]) == ("POST", "/hooks/shop", "customers/update")
    assert headers["X-Shop-Signature"] == expected
    assert json.loads(body) == edited
    assert edited["accepts_email_marketing"] is False


def test_a_webhook_that_was_not_taken_comes_again(
    shop: TestClient, receiver: Any, eventually: Callable[[Callable[[], object]], None]
) -> None:
    receiver.statuses += [503]
    shop.put("/admin/webhook", json={"url": receiver.url}, headers=ADMIN)
    shop.post("/storefront/customers/5003/orders", params={"total": "19.90"})
    first, second = receiver.wait_for(2)

    assert first[2]["X-Shop-Delivery"] == second[2]["X-Shop-Delivery"]
    assert first[3] == second[3]
    assert (first[2]["X-Shop-Topic"], json.loads(first[3])["total"]) == ("orders/create", "19.90")
    eventually(lambda: shop.get("/admin/outbox", headers=ADMIN).json()["delivered"] == 1)


def test_a_webhook_waits_through_a_restart(
    store: ShopStore, open_shop: Callable[..., TestClient], receiver: Any
) -> None:
    store.subscribe(receiver.url)
    store.change(5001, {"first_name": "Ada"})
    assert store.outbox.counts()["waiting"] == 1

    with open_shop():
        assert json.loads(receiver.wait_for(1)[0][3])["first_name"] == "Ada"


def test_an_edit_that_changes_nothing_tells_nothing(shop: TestClient, receiver: Any, store: ShopStore) -> None:
    shop.put("/admin/webhook", json={"url": receiver.url}, headers=ADMIN)
    before = shop.get("/api/customers/5001").json()
    after = shop.post("/storefront/customers/5001", json={"first_name": before["first_name"]}).json()

    assert after == before
    assert store.outbox.counts() == {"waiting": 0, "delivered": 0, "dead": 0}


def test_a_customer_signs_up(shop: TestClient) -> None:
    wish = {"first_name": "Ada", "last_name": "Byron", "email": "ada@example.org"}
    made = shop.post("/storefront/customers", json=wish)

    assert made.status_code == 201
    assert shop.get(f"/api/customers/{made.json()['id']}").json() == made.json()
    assert list(made.json()) == list(RECORDS["shop", "customers"][0])
    assert shop.post("/storefront/customers", json={"first_name": "Ada"}).status_code == 422
