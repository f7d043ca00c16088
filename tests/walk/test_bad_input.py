"""Bad input at every door of a running hub: without effect, kept where it can be looked at, and in no log."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pika
import pytest
import requests
from sqlalchemy import text

from onevoice.testing.servers import PrivateRabbit
from tests.walk.conftest import Company, await_condition

pytestmark = pytest.mark.timeout(180)

MARKS = ("Zzmarkname", "zzmark.address", "7400998877", "zzmarkpoint")


def event(stream: str = "do_not_call", *, source: str = "callcentre", **fields: Any) -> dict[str, Any]:
    """One event of the call centre, with a marked value in every personal field."""
    number, now = f"D-{uuid.uuid4().hex[:8]}", datetime.now(UTC).isoformat(timespec="microseconds")
    data = {
        "entry_id": number,
        "channel": "phone",
        "point": "zzmarkpoint",
        "requested_at": now.replace("+00:00", "Z"),
        "source": "Zzmarkname",
        "note": "zzmark.address@example.com",
    }
    return {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": f"/onevoice/{source}",
        "type": "onevoice.record.v1",
        "subject": number,
        "time": now,
        "dataschema": f"schemas/sample_callcentre/{stream}.json",
        "datacontenttype": "application/json",
        "sequence": data["requested_at"],
        "reading": 0,
        "data": data | fields,
    }


def push(company: Company, body: bytes | dict[str, Any], *, key: str | None = "CALLCENTRE_API_KEY") -> int:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Content-Type": "application/cloudevents+json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {company.stack.company.secret(key)}"
        given = body if isinstance(body, bytes) else json.dumps(body).encode()
        return session.post(f"{company.stack.url}/v1/events", data=given, headers=headers, timeout=30).status_code


def quarantined(company: Company, where: str) -> int:
    with company.tables.engine.connect() as connection:
        statement = text(f"select count(*) from quarantine where resolved_at is null and {where}")
        return int(connection.execute(statement).scalar_one())


def records_of(company: Company, system: str) -> int:
    with company.tables.engine.connect() as connection:
        statement = text("select count(*) from source_record where system = :system")
        return int(connection.execute(statement, {"system": system}).scalar_one())


def publish(company: Company, user: str, password: str, key: str, body: bytes) -> None:
    """Publish as a system's own program would, with the broker's own client."""
    rabbit: PrivateRabbit = company.stack.servers["rabbit"]
    parameters = pika.URLParameters(rabbit.url(user=user, password=password))
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("onevoice.in", key, body, pika.BasicProperties(user_id=user, delivery_mode=2))
    finally:
        connection.close()


def send_bad_messages(company: Company) -> dict[str, int]:
    """Where each lands: condition on quarantine -> how many."""
    if company.stack.kind == "embedded":
        assert push(company, event(channel="carrier pigeon")) == 202
        assert push(company, event(point="zzmarkpoint@@", channel="email")) == 202
        return {"stream = 'do_not_call' and step in ('source schema', 'mapping', 'canonical schema')": 2}
    password = company.stack.company.secret("CALLCENTRE_AMQP_PASSWORD")
    publish(company, "callcentre", password, "callcentre.no_such_stream", json.dumps(event("no_such_stream")).encode())
    publish(company, "callcentre", password, "callcentre.do_not_call", b'{"Zzmarkname": ')
    publish(company, "callcentre", password, "callcentre.do_not_call", json.dumps(event(source="crm")).encode())
    publish(company, "callcentre", password, "callcentre.do_not_call", json.dumps(event(channel="pigeon")).encode())
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        publish(company, "callcentre", password, "crm.Contact", json.dumps(event(source="crm")).encode())
    return {
        "step = 'routing'": 1,
        "step = 'envelope' and stream = 'do_not_call'": 2,
        "step in ('source schema', 'mapping', 'canonical schema')": 1,
    }


def test_what_cannot_be_taken_ends_in_quarantine_and_has_no_effect(company: Company) -> None:
    before = records_of(company, "callcentre")
    expected = send_bad_messages(company)
    for condition, count in expected.items():
        await_condition(lambda condition=condition, count=count: quarantined(company, condition) == count)  # type: ignore[misc]
    assert records_of(company, "callcentre") == before
    listed = company.stack.onevoice("quarantine", "list", "--json")
    assert sum(one["count"] for one in json.loads(listed)) == sum(expected.values())
    company.settle()


def test_no_marked_value_is_in_the_logs_or_in_what_commands_print(company: Company) -> None:
    crm_system = company.stack.company
    refused: list[Callable[[], int]] = [
        lambda: push(company, event(source="crm")),
        lambda: push(company, event(), key=None),
        lambda: push(company, b'{"Zzmarkname": '),
        lambda: push(company, b"[" * 70 + b'"Zzmarkname"' + b"]" * 70),
        lambda: push(company, event() | {"sequence": {"Zzmarkname": 1}}),
    ]
    assert all(400 <= answer() < 500 for answer in refused)
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {crm_system.secret('OPERATOR_API_KEY')}"}
        for path in (
            "phone:+447400998877/context",
            "email:zzmark.address@example.com",
            "Zzmarkname",
            "phone:Zzmarkname",
        ):
            session.get(f"{company.stack.url}/v1/customers/{path}", headers=headers, timeout=30)
        forged = {"X-Shop-Topic": "customers/updated", "X-Shop-Timestamp": "1", "X-Shop-Signature": "sha256=00"}
        body = b'{"id": 1, "email": "zzmark.address@example.com"}'
        answer = session.post(f"{company.stack.url}/v1/webhooks/shop", data=body, headers=forged, timeout=30)
        assert answer.status_code in (400, 401, 415)

    person = company.person()
    crm_system.force_faults("crm", count=3, status=500)
    company.edit_account(person.shop, email="zzmark.address@example.com")
    await_condition(lambda: (company.stores.crm_contact(person.crm) or {}).get("Email") == "zzmark.address@example.com")
    company.settle()
    printed = [
        company.stack.onevoice(*words) for words in (("status",), ("quarantine", "list"), ("obligation", "list"))
    ]
    log = (company.stack.directory / "hub" / "hub.log").read_text(encoding="utf-8")
    assert "started" in log
    for words in (log, *printed, metrics(company), reasons(company)):
        assert re.search("|".join(map(re.escape, MARKS)), words) is None
    assert person.mobile.lstrip("+") not in log
    assert person.email not in log


def metrics(company: Company) -> str:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {company.stack.company.secret('OPERATOR_API_KEY')}"}
        return session.get(f"{company.stack.url}/metrics", headers=headers, timeout=30).text


def reasons(company: Company) -> str:
    """Every reason that the hub keeps in its tables."""
    wanted = (
        "select reason || pointers from quarantine",
        "select coalesce(last_error, '') from obligation",
        "select coalesce(last_error, '') || coalesce(reason, '') from system_state",
    )
    with company.tables.engine.connect() as connection:
        columns = [wanted[0].replace("pointers", "cast(pointers as text)"), *wanted[1:]]
        return "\n".join(str(row[0]) for statement in columns for row in connection.execute(text(statement)))
