"""The sample call centre: screen pops, events that wait for the hub, suppression lists that are good or rejected."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pika
import pytest
from fastapi.testclient import TestClient

from samples.callcentre.app import CallCentre, build_app
from samples.callcentre.store import LIST_COLUMNS, CallCentreStore
from samples.callcentre.suppression import SuppressionFolder, write_list
from samples.population import generate
from samples.serving.journal import Journal

RECORDS = generate(60, 1).records
ADMIN = {"Authorization": "Bearer admin-token"}
ROWS = [
    ("phone", "+447400123456", "marketing", "withdrawn", "2026-01-02T10:00:00Z"),
    ("email", "ada@example.org", "*", "do not contact", "2026-01-03T10:00:00Z"),
]
Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[CallCentre]:
    store, journal = CallCentreStore(tmp_path), Journal(tmp_path / "journal.jsonl")
    store.load({"call": RECORDS["callcentre", "call"], "do_not_call": RECORDS["callcentre", "do_not_call"]})
    yield CallCentre(
        store=store,
        journal=journal,
        folder=SuppressionFolder(tmp_path, store, journal),
        system="callcentre",
        api_key=lambda: "api-key",
        amqp_password=lambda: None,
        admin_token="admin-token",
    )
    store.close()
    journal.close()


@pytest.fixture
def desktop(centre: CallCentre) -> Iterator[TestClient]:
    with TestClient(build_app(centre)) as client:
        yield client


def events(receiver: Any) -> list[dict[str, Any]]:
    return [json.loads(body) for method, path, _, body in receiver.received if path == "/v1/events"]


def test_a_call_asks_the_hub_who_it_is_and_is_published(desktop: TestClient, centre: CallCentre, receiver: Any) -> None:
    receiver.answer = {"name": "Ada Byron"}
    centre.store.set("hub_url", receiver.url)
    answer = desktop.post("/desktop/calls", json={"number": "07400 123456", "agent": "agent-07"}).json()
    asked, published = receiver.wait_for(2)[:2]

    path, _, query = asked[1].partition("?")
    assert unquote(path) == "/v1/customers/phone:+447400123456/context"
    assert "+" not in path
    assert query == "channel=phone&department=service"
    assert asked[2]["Authorization"] == "Bearer api-key"
    assert answer["context"] == {"name": "Ada Byron"}
    assert desktop.get(f"/desktop/calls/{answer['call']['call_id']}").json()["context"] == {"name": "Ada Byron"}

    event = json.loads(published[3])
    assert published[2]["Content-Type"] == "application/cloudevents+json"
    assert event["data"] == answer["call"]
    assert event["subject"] == answer["call"]["call_id"]
    assert event["source"] == "/onevoice/callcentre"
    assert event["type"] == "onevoice.record.v1"
    assert event["dataschema"] == "schemas/sample_callcentre/call.json"
    assert (event["sequence"], event["reading"]) == (answer["call"]["updated_at"], 0)
    assert list(event["data"]) == list(RECORDS["callcentre", "call"][0])


def test_events_wait_while_the_hub_is_down_and_come_with_the_same_id(
    desktop: TestClient, centre: CallCentre, receiver: Any, eventually: Eventually
) -> None:
    centre.store.set("hub_url", "http://127.0.0.1:9")
    entry = desktop.post("/desktop/do-not-call", json={"number": "07400 123456", "note": "No offers"})
    eventually(lambda: centre.store.outbox.due(float("inf"))[0][1] >= 1)

    receiver.statuses += [503]
    desktop.put("/admin/hub", json={"hub_url": receiver.url}, headers=ADMIN).raise_for_status()
    receiver.wait_for(2)
    first, second = events(receiver)

    assert first == second
    assert first["data"] == entry.json()
    assert first["sequence"] == entry.json()["requested_at"]
    eventually(lambda: desktop.get("/admin/outbox", headers=ADMIN).json()["waiting"] == 0)


def test_the_history_is_published_once_and_wishes_first(centre: CallCentre, receiver: Any) -> None:
    expected = RECORDS["callcentre", "call"] + RECORDS["callcentre", "do_not_call"]
    centre.store.set("hub_url", receiver.url)
    assert centre.store.publish_history() == len(expected)
    assert centre.store.publish_history() == 0
    with TestClient(build_app(centre)) as desktop:
        desktop.post("/desktop/do-not-call", json={"channel": "email", "point": "ada@example.org"})
        receiver.wait_for(len(expected) + 1)

    subjects = [event["subject"] for event in events(receiver)]
    assert sorted(subjects[: len(expected) + 1]) == sorted(
        {record.get("call_id") or record["entry_id"] for record in expected}
        | {f"D-{len(RECORDS['callcentre', 'do_not_call']) + 1:06d}"}
    )


def test_a_withheld_number_asks_nobody_and_a_bad_one_is_refused(
    desktop: TestClient, centre: CallCentre, receiver: Any
) -> None:
    centre.store.set("hub_url", receiver.url)
    withheld = desktop.post("/desktop/calls", json={"number": ""})
    refused = desktop.post("/desktop/calls", json={"number": "12"})
    receiver.wait_for(1)

    assert withheld.json()["call"]["number"] == ""
    assert withheld.json()["context"] is None
    assert refused.status_code == 422
    assert [path for _, path, _, _ in receiver.received] == ["/v1/events"]


def test_a_list_replaces_the_one_before_and_is_confirmed(
    desktop: TestClient, centre: CallCentre, tmp_path: Path, eventually: Eventually
) -> None:
    receipt = tmp_path / "outbox" / "suppression-loaded.json"
    for rows in (ROWS, ROWS[1:]):
        write_list(tmp_path / "scratch.csv", rows)
        digest = hashlib.sha256((tmp_path / "scratch.csv").read_bytes()).hexdigest()
        (tmp_path / "scratch.csv").replace(tmp_path / "inbox" / "suppression.csv")
        eventually(lambda digest=digest: receipt.exists() and json.loads(receipt.read_text())["sha256"] == digest)
        assert json.loads(receipt.read_text())["rows"] == len(rows)
        with (tmp_path / "outbox" / "suppression-loaded.csv").open(newline="") as file:
            assert [tuple(row) for row in csv.reader(file)] == [LIST_COLUMNS, *sorted(rows)]

    assert centre.store.suppression_list() == ROWS[1:]
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"channel,point\nphone,+447400123456\n",
        b"channel,point,purpose,reason,since\nphone,+447400123456,marketing,withdrawn\n",
        b"channel,point,purpose,reason,since\nphone,07400,marketing,withdrawn,2026-01-02T10:00:00Z\n",
        b"channel,point,purpose,reason,since\nemail,a@b.example,marketing,withdrawn,yesterday\n",
        b"channel,point,purpose,reason,since\nemail,a@b.example,,withdrawn,2026-01-02T10:00:00Z\n",
        b"channel,point,purpose,reason,since\nemail,\xff@b.example,x,withdrawn,2026-01-02T10:00:00Z\n",
    ],
    ids=["empty", "header", "columns", "phone", "time", "blank", "encoding"],
)
def test_a_malformed_list_is_rejected_and_the_old_one_stays(centre: CallCentre, tmp_path: Path, content: bytes) -> None:
    write_list(tmp_path / "inbox" / "suppression.csv", ROWS)
    assert centre.folder.look()
    receipt = (tmp_path / "outbox" / "suppression-loaded.json").read_text()
    (tmp_path / "inbox" / "suppression.csv").write_bytes(content)
    assert centre.folder.look()
    assert not centre.folder.look()

    rejected = [path for path in (tmp_path / "rejected").iterdir() if path.suffix == ".csv"]
    assert [path.read_bytes() for path in rejected] == [content]
    reason = rejected[0].with_name(f"{rejected[0].name}.reason.txt").read_text()
    assert "07400" not in reason
    assert "example" not in reason
    assert centre.store.suppression_list() == sorted(ROWS)
    assert (tmp_path / "outbox" / "suppression-loaded.json").read_text() == receipt


def test_a_list_that_was_claimed_before_a_crash_is_loaded_after_it(centre: CallCentre, tmp_path: Path) -> None:
    write_list(tmp_path / "inbox" / ".loading-suppression.csv", ROWS)
    write_list(tmp_path / "inbox" / "suppression.csv", ROWS[:1])

    assert centre.folder.look()
    assert centre.store.suppression_list() == sorted(ROWS)
    assert centre.folder.look()
    assert centre.store.suppression_list() == ROWS[:1]


def test_over_amqp_events_are_persistent_signed_by_their_user_and_urgent_ones_apart(
    centre: CallCentre, rabbit_vhost: Any, eventually: Eventually
) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(rabbit_vhost.url))
    channel = connection.channel()
    parameters = pika.URLParameters(rabbit_vhost.url)
    host = f"{parameters.host}:{parameters.port}/{rabbit_vhost.name}"
    centre.store.set("amqp", f"amqp://{rabbit_vhost.user}@{host}")
    with TestClient(build_app(replace(centre, amqp_password=lambda: rabbit_vhost.password))) as desktop:
        desktop.post("/desktop/calls", json={"number": "07400 123456"})
        desktop.post("/desktop/do-not-call", json={"number": "07400 123456"})
        # nobody has made the exchanges yet: both wait
        eventually(lambda: all(attempts >= 1 for _, attempts, _ in centre.store.outbox.due(float("inf"))))
        assert centre.store.outbox.counts()["waiting"] == 2
        for exchange in ("onevoice.in", "onevoice.in.urgent"):
            channel.exchange_declare(exchange, "topic", durable=True)
            channel.queue_declare(f"test.{exchange}")
            channel.queue_bind(f"test.{exchange}", exchange, "callcentre.#")
        eventually(lambda: centre.store.outbox.counts()["delivered"] == 2)

    for exchange, stream in (("onevoice.in", "call"), ("onevoice.in.urgent", "do_not_call")):
        method, properties, body = channel.basic_get(f"test.{exchange}", auto_ack=True)
        assert method.routing_key == f"callcentre.{stream}"
        assert (properties.delivery_mode, properties.user_id) == (2, rabbit_vhost.user)
        assert properties.content_type == "application/cloudevents+json"
        assert json.loads(body)["dataschema"] == f"schemas/sample_callcentre/{stream}.json"
    connection.close()
