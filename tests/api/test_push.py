"""Doors for records: who may push what, what is taken, what is refused and how."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from onevoice.api import create_app
from onevoice.bus import RECORDS_QUEUE, URGENT_QUEUE
from onevoice.errors import RecordError, TransientError
from onevoice.store.tables import quarantine
from onevoice.workers.hub import Hub
from onevoice.workers.quarantine import reprocess
from tests.api.door import SECRETS, Door, bearer
from tests.api.records import account, call, contact, do_not_call


def test_pushed_record_becomes_a_customer(door: Door) -> None:
    answer = door.post("/v1/records/shop/customers", account(), key="SHOP_KEY")

    assert (answer.status_code, answer.json()) == (202, {"received": 1, "published": 1})
    assert door.take_in()["applied"] == 1
    assert door.customer("email:william.marshall@example.com")["golden"]["name"]["given"] == "Bill"


def test_array_and_lines_are_pushed_alike(door: Door) -> None:
    ours = [account(id=1), account(id=2)]
    array = door.post("/v1/records/shop/customers", ours, key="SHOP_KEY")
    lines = door.client.post(
        "/v1/records/shop/customers",
        content="\n".join(json.dumps(account(id=number)) for number in (3, 4)) + "\n\n",
        headers=bearer("SHOP_KEY") | {"Content-Type": "application/x-ndjson"},
    )

    assert array.json() == lines.json() == {"received": 2, "published": 2}
    assert door.take_in()["applied"] == 4


def test_same_record_again_is_no_news(door: Door) -> None:
    door.push("shop", "customers", account())

    again = door.post("/v1/records/shop/customers", account(), key="SHOP_KEY")

    assert again.json() == {"received": 1, "published": 0}


def test_every_version_in_one_push_counts(door: Door) -> None:
    withdrawn = account(accepts_email_marketing=False, updated_at="2024-12-01T10:00:00Z")
    silent = account(accepts_email_marketing=None, updated_at="2024-12-02T10:00:00Z")

    door.push("shop", "customers", silent, withdrawn)

    acts = door.get("/v1/customers/rec:shop:customers:5001/acts").json()
    assert [act["kind"] for act in acts] == ["withdrawal"]


def test_key_is_asked_for(door: Door) -> None:
    missing = door.client.post("/v1/records/shop/customers", json=account())
    wrong = door.client.post("/v1/records/shop/customers", json=account(), headers={"Authorization": "Bearer x"})

    assert {missing.status_code, wrong.status_code} == {401}
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    assert door.hub.bus.depth(RECORDS_QUEUE) == 0


def test_system_speaks_only_as_itself(door: Door) -> None:
    as_other = door.post("/v1/records/crm/Contact", contact(), key="SHOP_KEY")
    as_operator = door.post("/v1/records/crm/Contact", contact(), key="ANNA_KEY")

    assert {as_other.status_code, as_operator.status_code} == {403}
    assert door.hub.bus.depth(RECORDS_QUEUE) == 0


def test_unknown_stream_is_not_found(door: Door) -> None:
    answer = door.post("/v1/records/shop/nothing", account(), key="SHOP_KEY")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_one_record_without_key_refuses_all_and_names_it(door: Door) -> None:
    nameless = account()
    del nameless["id"]

    answer = door.post("/v1/records/shop/customers", [account(), nameless], key="SHOP_KEY")

    assert answer.status_code == 422
    assert [(one["index"], one["pointers"]) for one in answer.json()["errors"]] == [(1, ["/id"])]
    assert door.hub.bus.depth(RECORDS_QUEUE) == 0


def test_record_that_fails_its_schema_waits_in_quarantine_and_comes_back(door: Door) -> None:
    door.push("shop", "customers", account(locale=7), account(id=5002))

    (failure,) = door.get("/v1/quarantine").json()
    assert (failure["system"], failure["step"], failure["count"]) == ("shop", "source schema", 1)
    again = door.post("/v1/quarantine/reprocess", {"fingerprint": failure["fingerprint"]})
    assert again.json() == {"count": 1, "skipped": 0, "reasons": []}
    assert door.get("/v1/quarantine").json() == []
    assert door.take_in()["quarantined"] == 1
    assert len(door.get("/v1/quarantine").json()) == 1


def test_body_that_is_no_record_is_refused(door: Door) -> None:
    def push(body: bytes, kind: str = "application/json") -> int:
        headers = bearer("SHOP_KEY") | {"Content-Type": kind}
        return door.client.post("/v1/records/shop/customers", content=body, headers=headers).status_code

    assert push(b"{") == 422
    assert push(b"[]") == 422
    assert push(b"[1]") == 422
    assert push(b'{"id": 123456789012345678901234567890, "updated_at": "2024-01-01T00:00:00Z"}') == 422
    assert push(b'{"id": "a\\u0000b", "updated_at": "2024-01-01T00:00:00Z"}') == 422
    assert push(b'{"id": "a\\\\u0000b", "updated_at": "2024-01-01T00:00:00Z"}') == 202
    assert push(b"id\n1\n", "text/csv") == 415


def test_too_large_is_told_from_bad(door: Door) -> None:
    large = account(locale="x" * (1 << 20))
    many = [{"id": number} for number in range(1001)]

    assert door.post("/v1/records/shop/customers", large, key="SHOP_KEY").status_code == 413
    assert door.post("/v1/records/shop/customers", many, key="SHOP_KEY").status_code == 413
    headers = bearer("SHOP_KEY") | {"Content-Type": "application/json"}
    endless = (b" " * (1 << 16) for _ in range(200))
    assert door.client.post("/v1/records/shop/customers", content=endless, headers=headers).status_code == 413


def test_full_queue_refuses_records_and_lets_an_opt_out_through(hub: Hub) -> None:
    with TestClient(create_app(hub, loops_alive=lambda: True, most_waiting=0)) as client:
        ordinary = client.post("/v1/records/shop/customers", json=account(), headers=bearer("SHOP_KEY"))
        entry = do_not_call()
        opt_out = client.post("/v1/records/callcentre/do_not_call", json=entry, headers=bearer("CALL_KEY"))

    assert ordinary.status_code == 503
    assert int(ordinary.headers["Retry-After"]) >= 1
    assert opt_out.status_code == 202
    assert (hub.bus.depth(RECORDS_QUEUE), hub.bus.depth(URGENT_QUEUE)) == (0, 1)


# --- CloudEvents --------------------------------------------------------------------------------------------------


def _event(stream: str = "call", *, source: str = "/onevoice/callcentre", **changed: Any) -> dict[str, Any]:
    data = {"call": call, "do_not_call": do_not_call}[stream]()
    key, version = {"call": ("call_id", "updated_at"), "do_not_call": ("entry_id", "requested_at")}[stream]
    return {
        "specversion": "1.0",
        "id": f"event-{stream}",
        "source": source,
        "type": "onevoice.record.v1",
        "subject": data[key],
        "time": data[version],
        "dataschema": f"schemas/sample_callcentre/{stream}.json",
        "datacontenttype": "application/json",
        "sequence": data[version],
        "reading": 0,
        "data": data,
    } | changed


def test_events_are_taken_one_by_one_and_in_batches(door: Door) -> None:
    one = door.post("/v1/events", _event(), key="CALL_KEY", headers={"Content-Type": "application/cloudevents+json"})
    batch = [_event("do_not_call"), _event(id="event-again")]
    many = door.post(
        "/v1/events", batch, key="CALL_KEY", headers={"Content-Type": "application/cloudevents-batch+json"}
    )

    assert (one.status_code, one.json()) == (202, {"received": 1, "published": 1})
    assert many.json() == {"received": 2, "published": 2}
    assert door.hub.bus.depth(URGENT_QUEUE) == 1
    assert door.take_in() == {"quarantined": 0, "applied": 2, "unchanged": 1}


def test_event_of_another_system_is_forbidden(door: Door) -> None:
    foreign = door.post("/v1/events", _event(source="/onevoice/crm"), key="CALL_KEY")
    homeless = door.post("/v1/events", _event(source="urn:x"), key="CALL_KEY")

    assert {foreign.status_code, homeless.status_code} == {403}


def test_event_that_breaks_the_contract_is_refused_with_its_place(door: Door) -> None:
    answer = door.post("/v1/events", [_event(), _event(id="b", reading=-1)], key="CALL_KEY")
    stray = door.post("/v1/events", _event(dataschema="schemas/x/nothing.json"), key="CALL_KEY")

    assert answer.status_code == 422
    assert [(one["index"], one["pointers"]) for one in answer.json()["errors"]] == [(1, ["/reading"])]
    assert stray.json()["errors"][0]["pointers"] == ["/dataschema"]
    assert door.hub.bus.depth(RECORDS_QUEUE) == 0


# --- webhooks -----------------------------------------------------------------------------------------------------


def _webhook(door: Door, body: bytes, *, secret: str = SECRETS["SHOP_WEBHOOK"]) -> Any:
    stamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), stamp.encode() + b".customers/updated." + body, hashlib.sha256).hexdigest()
    signed = {"X-Shop-Timestamp": stamp, "X-Shop-Signature": f"sha256={signature}"}
    return door.client.post("/v1/webhooks/shop", content=body, headers={"X-Shop-Topic": "customers/updated", **signed})


def test_signed_webhook_is_taken(door: Door) -> None:
    answer = _webhook(door, json.dumps(account()).encode())

    assert (answer.status_code, answer.json()) == (202, {"published": 1, "quarantined": 0})
    assert door.take_in()["applied"] == 1


def test_webhook_with_a_wrong_signature_leaves_no_trace(door: Door) -> None:
    answer = _webhook(door, json.dumps(account()).encode(), secret="guessed")

    assert answer.status_code == 401
    assert door.hub.bus.depth(RECORDS_QUEUE) == 0
    assert door.get("/v1/quarantine").json() == []


def test_signed_webhook_that_cannot_be_read_waits_in_quarantine(door: Door) -> None:
    answer = _webhook(door, b"not json")

    assert (answer.status_code, answer.json()) == (202, {"published": 0, "quarantined": 1})
    assert door.get("/v1/quarantine").json()[0]["step"] == "webhook"


def test_webhook_that_waits_comes_back_without_its_signature_and_holds_up_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = json.dumps(account(accepts_email_marketing=False)).encode()
    _webhook(door, b"not json")
    connector = type(door.hub.systems.connector("shop", "webhook"))
    with monkeypatch.context() as defect:
        defect.setattr(connector, "receive", _cannot_read)
        _webhook(door, good)
    with door.hub.store.transaction() as connection:
        kept = [row.headers for row in connection.execute(select(quarantine.c.headers))]
    assert {headers["x-shop-topic"] for headers in kept} == {"customers/updated"}
    door.push("shop", "customers", account(locale=7, id=5002))

    sent = reprocess(door.hub, fingerprint=None, one=None, actor="anna")

    assert (sent.count, sent.skipped) == (2, 1)
    assert "not JSON" in sent.reasons[0]
    assert door.hub.bus.depth(URGENT_QUEUE) == 1
    assert door.take_in()["applied"] == 1


def _cannot_read(*_args: object) -> None:
    raise RecordError("shop, webhook: as a connector with a mistake would say")


def test_system_without_webhooks_has_no_such_door(door: Door) -> None:
    assert door.client.post("/v1/webhooks/erp", content=b"{}").status_code == 404
    assert door.client.post("/v1/webhooks/nobody", content=b"{}").status_code == 404


def test_bus_that_does_not_answer_is_said_and_the_same_push_goes_through_later(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object) -> None:
        raise TransientError("bus: no answer", retry_after=7)

    with monkeypatch.context() as broken:
        broken.setattr(type(door.hub.bus), "publish_records", away)
        refused = door.post("/v1/records/shop/customers", account(), key="SHOP_KEY")
    again = door.post("/v1/records/shop/customers", account(), key="SHOP_KEY")

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
    assert again.json() == {"received": 1, "published": 1}
    assert door.take_in()["applied"] == 1
