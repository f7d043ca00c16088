"""Marked values go through every error path; no answer that refuses, and no log line, may hold one."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from fastapi.testclient import TestClient

from onevoice.api import create_app
from onevoice.workers.customers import Customers
from onevoice.workers.hub import Hub
from tests.api.door import SECRETS, bearer
from tests.api.records import account, call, contact, do_not_call

MARK = "Zweitausendeins"
PHONE = "+4915112345678"
REFS = (f"email:{MARK}@example.com", f"phone:{PHONE}", f"rec:crm:Contact:{MARK}", MARK, f"phone:{MARK}")


@pytest.fixture
def log_lines() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def test_no_refusal_repeats_what_was_sent(
    hub: Hub, log_lines: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with TestClient(create_app(hub, loops_alive=lambda: True), raise_server_exceptions=False) as client:
        refused = [answer for answer in _wrong_requests(client) if answer.status_code >= 400]

    assert len(refused) >= 20
    for answer in refused:
        assert answer.headers["content-type"] == "application/problem+json", (answer.status_code, answer.text)
        assert MARK.lower() not in answer.text.lower(), answer.text
        assert PHONE not in answer.text
    assert len(log_lines) >= len(refused)
    libraries = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    told = "\n".join([json.dumps(log_lines, default=str), *libraries]).lower()
    for secret in (MARK.lower(), PHONE[1:], *SECRETS.values()):
        assert secret not in told


def _wrong_requests(client: TestClient) -> Iterator[Any]:
    anna, shop, centre = bearer("ANNA_KEY"), bearer("SHOP_KEY"), bearer("CALL_KEY")
    for ref in REFS:
        for part in ("", "/timeline", "/explain", "/acts", "/permissions", "/timeline?before=" + MARK):
            yield client.get(f"/v1/customers/{ref}{part}", headers=anna)
        yield client.get(f"/v1/customers/{ref}/context?channel={MARK}&department={MARK}", headers=centre)
        yield client.post("/v1/context", json={"ref": ref, MARK: MARK}, headers=centre)
        yield client.post("/v1/context", json={"ref": ref, "channel": MARK}, headers=centre)
        yield client.get(f"/v1/customers/{ref}", headers={"Authorization": f"Bearer {MARK}"})
        yield client.post(
            "/v1/judgements", json={"action": "merge", "customers": [ref, ref], "reason": MARK}, headers=anna
        )
    yield client.post("/v1/judgements", json={"action": MARK}, headers=anna)
    yield client.post("/v1/judgements", json={"action": "retract", "judgement": MARK}, headers=anna)
    yield client.post("/v1/quarantine/reprocess", json={"fingerprint": MARK}, headers=anna)
    yield client.post("/v1/obligations/resend", json={"system": MARK}, headers=anna)
    yield client.get(f"/v1/watch/{MARK}", headers=anna)
    yield client.get(f"/v1/{MARK}", headers=anna)
    yield client.post(f"/v1/records/shop/{MARK}", json=account(first_name=MARK), headers=shop)
    yield client.post("/v1/records/crm/Contact", json=contact(LastName=MARK), headers=shop)
    yield client.post("/v1/records/shop/customers", json=account(id={MARK: MARK}), headers=shop)
    yield client.post("/v1/records/shop/customers", json=account(updated_at=None, email=MARK), headers=shop)
    yield client.post("/v1/records/shop/customers", content=f'{{"id": "{MARK}"'.encode(), headers=shop)
    yield client.post("/v1/events", json={"source": "/onevoice/callcentre", "data": {MARK: PHONE}}, headers=centre)
    yield client.post("/v1/events", json={"source": MARK, "data": call(number=PHONE)}, headers=centre)
    yield client.post("/v1/webhooks/shop", content=MARK.encode(), headers={"X-Shop-Signature": MARK})


def test_what_goes_to_quarantine_says_why_without_the_values(hub: Hub, log_lines: list[dict[str, Any]]) -> None:
    with TestClient(create_app(hub, loops_alive=lambda: True)) as client:
        body = json.dumps({"id": MARK, "email": f"{MARK}@example.com"}).encode()
        stamp = str(int(time.time()))
        told = stamp.encode() + b".customers/updated." + body
        signed = hmac.new(SECRETS["SHOP_WEBHOOK"].encode(), told, hashlib.sha256).hexdigest()
        answer = client.post(
            "/v1/webhooks/shop",
            content=body,
            headers={
                "X-Shop-Topic": "customers/updated",
                "X-Shop-Timestamp": stamp,
                "X-Shop-Signature": f"sha256={signed}",
            },
        )
        listed = client.get("/v1/quarantine", headers=bearer("ANNA_KEY"))

    assert answer.json() == {"published": 0, "quarantined": 1}
    assert listed.json()[0]["count"] == 1
    assert MARK not in listed.text
    assert MARK not in json.dumps(log_lines, default=str)


def test_defect_is_answered_and_logged_without_its_text(
    hub: Hub, log_lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise ValueError(f"cannot handle {MARK}")

    monkeypatch.setattr(Customers, "find", broken)
    with TestClient(create_app(hub, loops_alive=lambda: True)) as client:
        answer = client.get(f"/v1/customers/email:{MARK}@example.com", headers=bearer("ANNA_KEY"))

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert MARK not in answer.text
    failed = next(line for line in log_lines if line["event"] == "request_failed")
    assert (failed["error"], failed["at"].partition(":")[0]) == ("ValueError", "test_privacy.py")
    assert MARK not in json.dumps(log_lines, default=str)
    assert not [record for record in caplog.records if record.exc_info and MARK in str(record.exc_info[1])]


def test_log_line_names_route_and_caller_and_no_reference(hub: Hub, log_lines: list[dict[str, Any]]) -> None:
    with TestClient(create_app(hub, loops_alive=lambda: True)) as client:
        client.get(f"/v1/customers/phone:{PHONE}/context?channel=phone", headers=bearer("CALL_KEY"))
        client.post("/v1/records/callcentre/do_not_call", json=do_not_call(point=PHONE), headers=bearer("CALL_KEY"))

    requests = [line for line in log_lines if line["event"] == "request"]
    assert [(line["method"], line["route"], line["status"], line["caller"]) for line in requests] == [
        ("GET", "/v1/customers/{ref:path}/context", 200, "system:callcentre"),
        ("POST", "/v1/records/{system}/{stream}", 202, "system:callcentre"),
    ]
    assert PHONE not in json.dumps(log_lines, default=str)
