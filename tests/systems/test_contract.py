"""A real Tryton keeps the whole contract, as its manifest says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from onevoice.messages import Change, SourceRecord
from onevoice.sdk import Settings
from onevoice.sdk.discovery import discover
from onevoice.testing.contract import CHECKS, Subject, examine, promised
from tests.systems import test_tryton_connector as own
from tests.systems.tryton_client import TrytonClient
from tests.systems.tryton_server import ROOT, PrivateTryton

server, erp = own.server, own.erp


def renamed(stream: str, record: SourceRecord) -> Change | None:
    if stream != "party":
        return None
    return Change(key=record.key, fields={"name": "Zed Zed"}, expected_version=record.version)


@pytest.fixture
def subject(server: PrivateTryton, erp: TrytonClient) -> Subject:
    values = {"url": server.url, "database": server.database, "username": own.HUB_USER}
    people = [
        {"name": f"Ann {n}", "contact_mechanisms": [["create", [{"type": "email", "value": f"ann{n}@example.com"}]]]}
        for n in range(14)
    ]
    keys = erp.create("party.party", people)
    (company,) = erp.call("company.company.search", [], 0, None, None)
    for key in keys[:3]:
        sale = erp.sell(key, company, "20.00")
        erp.call("sale.sale.confirm", [sale], context={"company": company})
    return Subject(
        manifest=discover(ROOT / "connectors")["tryton"],
        root=ROOT,
        settings=Settings(
            system="tryton", values=values, secrets={"password": own.HUB_PASSWORD}, now=lambda: datetime.now(UTC)
        ),
        unreachable={**values, "url": "http://127.0.0.1:1"},
        wrong_secrets={"password": "wr0ng"},
        change=renamed,
        create=lambda _stream: {"name": "Zed Ray", "email": "zed@example.com", "address.city": "York"},
    )


def test_tryton_is_gold(subject: Subject) -> None:
    checks = promised(subject.manifest)
    assert set(checks) == CHECKS.keys()
    assert {one.check: one.problems for one in examine(subject, checks)} == dict.fromkeys(checks, ())
