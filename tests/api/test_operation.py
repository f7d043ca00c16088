"""What operators see and do: suppressions, obligations, status, watch, health, metrics, the generated document."""

from __future__ import annotations

import csv
import io
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import requests
from fastapi.testclient import TestClient

from onevoice.api import create_app, serve
from onevoice.config import load_config
from onevoice.errors import ConfigurationError, OperatorError
from onevoice.store import upsert
from onevoice.store.tables import stream_state, worker
from onevoice.testing.servers.account import free_port
from onevoice.workers.hub import Hub
from tests.api.door import Door, bearer
from tests.api.records import account, contact, debtor, do_not_call


def test_suppressions_are_listed_as_json_and_csv(door: Door) -> None:
    door.push("callcentre", "do_not_call", do_not_call(point="+447400999777"))

    entries = door.get("/v1/suppressions?channel=phone&channel=email").json()
    table = list(csv.DictReader(io.StringIO(door.get("/v1/suppressions?channel=phone&format=csv").text)))

    assert [(e["channel"], e["point"], e["reason"]) for e in entries] == [("phone", "+447400999777", "withdrawal")]
    assert [(row["point"], row["since"]) for row in table] == [("+447400999777", "2024-12-03T09:18:55.000000Z")]
    assert door.get("/v1/suppressions?channel=email").json() == []
    assert door.get("/v1/suppressions").status_code == 422
    assert door.get("/v1/suppressions?channel=phone&purpose=fun").status_code == 404


def test_opt_out_is_owed_to_the_systems_and_can_be_sent_again(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.push("callcentre", "do_not_call", do_not_call())

    owed = door.get("/v1/obligations?system=crm&state=due").json()
    again = door.post("/v1/obligations/resend", {"system": "crm", "state": "due"})

    assert [(o["lane"], o["target"]) for o in owed] == [("suppression", "003OV0000000A4b")]
    assert again.json() == {"count": 1}
    assert door.get("/v1/obligations?system=nobody").status_code == 404


def test_a_field_that_its_schema_does_not_name_is_told(door: Door) -> None:
    door.push("crm", "Contact", contact(Loyalty__c="gold"))

    [report] = door.get("/v1/drift").json()
    [crm, *_] = door.get("/v1/status").json()["systems"]

    told = [report[name] for name in ("system", "stream", "path", "what", "records")]
    assert told == ["crm", "Contact", "Loyalty__c", "new string", 1]
    assert crm["drift"] == 1
    assert "gold" not in door.get("/v1/drift").text


def test_status_counts_what_there_is(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.push("erp", "customers", debtor())

    status = door.get("/v1/status").json()

    assert (status["records"], status["customers"], status["bus"]) == (2, 1, "ok")
    assert [system["name"] for system in status["systems"]] == ["crm", "erp", "shop", "callcentre"]


def test_watch_turns_from_bad_to_good_and_back(door: Door) -> None:
    assert door.get("/v1/watch/shop").json()["ok"] is False

    _work(door.hub, datetime.now(UTC))
    good = door.get("/v1/watch/shop").json()
    _work(door.hub, datetime.now(UTC) - timedelta(hours=1))
    bad = door.get("/v1/watch/shop").json()

    assert good["ok"] is True, good
    assert {check["name"] for check in bad["checks"] if not check["ok"]} == {"backlog_age", "worker_heartbeat"}
    assert all(check["advice"] for check in bad["checks"])
    assert door.get("/v1/watch/nobody").status_code == 404


def _work(hub: Hub, when: datetime) -> None:
    """As if every stream had been read and every worker been seen at that time."""
    with hub.store.transaction() as connection:
        rows = [
            {"system": "shop", "stream": stream, "succeeded_at": when, "records_published": 0}
            for stream in ("customers", "orders")
        ]
        upsert(connection, stream_state, rows, key=("system", "stream"), update=["succeeded_at"])
        seen = {"name": "test", "role": "ingest,relay,delivery", "heartbeat_at": when}
        upsert(connection, worker, [seen], key=["name"], update=["heartbeat_at"])


def test_health_needs_no_key_and_says_when_a_loop_ended(hub: Hub) -> None:
    alive = True
    with TestClient(create_app(hub, loops_alive=lambda: alive)) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ready").json() == {"store": True, "bus": True, "loops": True}
        alive = False
        assert client.get("/health").status_code == 503
        assert client.get("/ready").status_code == 503


def test_metrics_count_requests_by_route_and_show_the_hub(hub: Hub) -> None:
    with TestClient(create_app(hub, loops_alive=lambda: True)) as client:
        door = Door(hub=hub, client=client)
        door.push("crm", "Contact", contact())
        door.get("/v1/customers/phone:+447400123456")

        text = door.get("/metrics").text

    assert 'onevoice_http_requests_total{method="GET",route="/v1/customers/{ref:path}",status="200"} 1.0' in text
    assert 'onevoice_queue_messages{queue="onevoice.in.records"} 0.0' in text
    assert "onevoice_records 1.0" in text
    assert "447400123456" not in text


def test_metrics_are_for_operators(door: Door) -> None:
    assert door.client.get("/metrics").status_code == 401
    assert door.get("/metrics", key="CRM_KEY").status_code == 403


def test_every_operation_asks_for_a_key_but_those_that_prove_themselves_otherwise(door: Door) -> None:
    document = door.client.get("/openapi.json").json()

    keyless = {
        path for path, operations in document["paths"].items() for one in operations.values() if "security" not in one
    }

    links = {"/v1/self/{link}", "/v1/self/{link}/receipt", "/v1/unsubscribe/{link}", "/v1/confirm/{link}"}
    assert keyless == {"/v1/webhooks/{system}", "/health", "/ready", "/v1/self/key", *links}
    for path, operations in document["paths"].items():
        for method in operations:
            if path not in keyless:
                bare = path.replace("{ref}", "x").replace("{system}", "shop").replace("{stream}", "customers")
                assert door.client.request(method, bare).status_code == 401, (method, path)


def test_every_operation_describes_its_errors_as_problem_documents(door: Door) -> None:
    document = door.client.get("/openapi.json").json()
    operations = [one for operations in document["paths"].values() for one in operations.values()]
    assert all("422" not in one["responses"] for one in operations)
    (schema,) = {
        json.dumps(one["responses"]["default"]["content"]["application/problem+json"]["schema"], sort_keys=True)
        for one in operations
    }

    answer = door.post("/v1/context", {"nothing": "of it"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    jsonschema.validate(answer.json(), json.loads(schema))


def test_two_callers_with_one_key_are_refused_at_start(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "key-of-anna")

    with pytest.raises(ConfigurationError, match="same key"):
        create_app(hub, loops_alive=lambda: True)


def test_missing_key_is_named_at_start(config_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANNA_KEY")

    with pytest.raises(ConfigurationError, match=r"operators\.anna\.api_key"):
        create_app(hub, loops_alive=lambda: True)
    assert load_config(config_path).operators["anna"].api_key.name == "ANNA_KEY"


def test_server_serves_and_stops_when_told(hub: Hub) -> None:
    port, stop = free_port(), threading.Event()
    app = create_app(hub, loops_alive=lambda: True)
    thread = threading.Thread(target=serve, args=(app, "127.0.0.1", port, stop), daemon=True)
    thread.start()
    try:
        answer = _first_answer(f"http://127.0.0.1:{port}/health")
        pushed = requests.post(
            f"http://127.0.0.1:{port}/v1/records/shop/customers", json=account(), headers=bearer("SHOP_KEY"), timeout=10
        )
    finally:
        stop.set()
        thread.join(20)

    assert (answer.status_code, pushed.status_code) == (200, 202)
    assert not thread.is_alive()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/health", timeout=2)


def test_taken_port_is_an_error_for_the_operator(hub: Hub) -> None:
    port, stop = free_port(), threading.Event()
    app = create_app(hub, loops_alive=lambda: True)
    first = threading.Thread(target=serve, args=(app, "127.0.0.1", port, stop), daemon=True)
    first.start()
    try:
        _first_answer(f"http://127.0.0.1:{port}/health")
        with pytest.raises(OperatorError, match=r"api\.port"):
            serve(app, "127.0.0.1", port, threading.Event())
    finally:
        stop.set()
        first.join(20)


def _first_answer(url: str) -> requests.Response:
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while True:
        try:
            return requests.get(url, timeout=5)
        except requests.ConnectionError:
            if datetime.now(UTC) > deadline:
                raise
            threading.Event().wait(0.05)
