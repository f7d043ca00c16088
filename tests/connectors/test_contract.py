"""Every connector folder there is keeps the contract, over the real thing or the sample of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.messages import Change, SourceRecord
from onevoice.sdk import Settings
from onevoice.sdk.discovery import discover
from onevoice.sdk.manifest import Quality
from onevoice.testing.contract import Subject, examine, promised
from samples.erp.database import create, load
from tests.connectors import (
    ami_server,
    test_asterisk,
    test_salesforce,
    test_sample_callcentre,
    test_sample_crm,
    test_sample_erp,
    test_sample_shop,
)

ROOT = Path(__file__).resolve().parents[2]
FOUND = discover(ROOT / "connectors")
NOWHERE = "http://127.0.0.1:1"

crm, shop, centre = test_sample_crm.crm, test_sample_shop.shop, test_sample_callcentre.centre
pbx, org = test_asterisk.pbx, test_salesforce.org


def writes(stream: str, **fields: object) -> Callable[[str, SourceRecord], Change | None]:
    def change(name: str, record: SourceRecord) -> Change | None:
        return Change(key=record.key, fields=fields, expected_version=record.version) if name == stream else None

    return change


def crm_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    running = request.getfixturevalue("crm")
    values = {"endpoint": running.endpoint, "username": test_sample_crm.USER}
    return {
        "values": values,
        "secrets": {"password": test_sample_crm.PASSWORD},
        "unreachable": {**values, "endpoint": NOWHERE},
        "wrong_secrets": {"password": "wr0ng"},
        "change": writes("Contact", FirstName="Zed"),
        "create": lambda _stream: {"FirstName": "Zed", "LastName": "Ray", "Email": "zed@example.com"},
    }


def erp_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    url = f"sqlite:///{request.getfixturevalue('tmp_path')}/erp.sqlite"
    people = test_sample_erp.population()
    create(url)
    load(url, people.records["erp", "customers"], people.erp_addresses, people.records["erp", "orders"])
    return {
        "values": {"database": url},
        "secrets": {},
        "unreachable": {"database": "postgresql://hub@127.0.0.1:1/erp"},
        "change": writes("customers", first_name="Zed"),
        "create": lambda _stream: {"first_name": "Zed", "last_name": "Ray", "email": "zed@example.com"},
    }


def loyalty_of(_request: pytest.FixtureRequest) -> dict[str, Any]:
    values = {"database": "mariadb://hub@127.0.0.1:1/loyalty"}
    return {"values": values, "secrets": {"password": "p4ss"}, "unreachable": values}


def salesforce_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    running = request.getfixturevalue("org")
    known = running.contacts(11, each_seconds=1)
    for contact in (*known[:2], None):
        running.objects.add("Case", ContactId=contact, Subject="Late", Origin="Phone", Status="New")
    change = writes("Contact", Email="zed@customer.example")

    def later(name: str, record: SourceRecord) -> Change | None:
        running.objects.pass_time(60)  # a version of that API is a whole second
        return change(name, record)

    values = {"login_url": running.url, "username": test_salesforce.USER}
    return {
        "values": values,
        "secrets": test_salesforce.secrets(),
        "unreachable": {**values, "login_url": NOWHERE},
        "wrong_secrets": test_salesforce.secrets("wr0ng"),
        "change": later,
    }


def shop_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "values": {"url": request.getfixturevalue("shop").url},
        "secrets": {"token": test_sample_shop.TOKEN},
        "unreachable": {"url": NOWHERE},
        "wrong_secrets": {"token": "wr0ng"},
        "change": writes("customers", first_name="Zed"),
        "create": lambda _stream: {"first_name": "Zed", "last_name": "Ray", "email": "zed@example.com"},
    }


def callcentre_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    folder = request.getfixturevalue("centre").folder
    return {"values": {"folder": str(folder)}, "secrets": {}, "unreachable": {"folder": f"{folder}/none"}}


def asterisk_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    folder = request.getfixturevalue("tmp_path")
    for name in ("inbox", "outbox"):
        (folder / name).mkdir()
    pbx = request.getfixturevalue("pbx")
    pbx.say_to_login = ami_server.EVENTS
    values = {"host": "127.0.0.1", "port": pbx.port, "username": ami_server.USER, "folder": str(folder)}
    values |= {"listen_seconds": 0.1, "screen_pop_url": "https://desk.example.com/{number}"}
    return {
        "values": values,
        "secrets": {"secret": ami_server.SECRET},
        "unreachable": {**values, "port": 1},
        "wrong_secrets": {"secret": "wr0ng"},
    }


def mailbox_of(_request: pytest.FixtureRequest) -> dict[str, Any]:
    values = {"host": "127.0.0.1", "port": 1, "username": "service"}
    return {"values": values, "secrets": {"password": "p4ss"}, "unreachable": values}


def oscar_of(_request: pytest.FixtureRequest) -> dict[str, Any]:
    values = {"url": NOWHERE, "username": "hub"}
    return {"values": values, "secrets": {"password": "p4ss"}, "unreachable": values}


def tryton_of(_request: pytest.FixtureRequest) -> dict[str, Any]:
    values = {"url": NOWHERE, "database": "db", "username": "hub"}
    return {"values": values, "secrets": {"password": "p4ss"}, "unreachable": values}


SYSTEMS: dict[str, Callable[[pytest.FixtureRequest], dict[str, Any]]] = {
    "asterisk": asterisk_of,
    "mailbox": mailbox_of,
    "oscar": oscar_of,
    "salesforce": salesforce_of,
    "sample_callcentre": callcentre_of,
    "sample_crm": crm_of,
    "sample_erp": erp_of,
    "sample_loyalty": loyalty_of,
    "sample_shop": shop_of,
    "tryton": tryton_of,
}
WITHOUT_SYSTEM = ("mailbox", "oscar", "sample_loyalty", "tryton")  # tests/systems has the rest
ON_PAPER = ("K1", "K2", "K4")


def test_every_connector_is_examined() -> None:
    assert FOUND.keys() == SYSTEMS.keys()


def test_every_connector_is_silver_at_least_and_the_four_are_gold_without_exemptions() -> None:
    assert {name: one.quality.tier for name, one in FOUND.items() if one.quality.tier not in ("silver", "gold")} == {}
    for name in ("sample_crm", "sample_erp", "sample_shop", "tryton"):
        assert FOUND[name].quality == Quality(tier="gold")


def test_no_exemption_is_of_a_check_that_the_tier_does_not_ask_for() -> None:
    for name, manifest in FOUND.items():
        asked = promised(replace(manifest, quality=Quality(tier=manifest.quality.tier)))
        assert manifest.quality.exempt.keys() <= set(asked), name


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_keeps_the_contract(name: str, request: pytest.FixtureRequest) -> None:
    given = SYSTEMS[name](request)
    settings = Settings(
        system=name, values=given.pop("values"), secrets=given.pop("secrets"), now=lambda: datetime.now(UTC)
    )
    subject = Subject(manifest=FOUND[name], root=ROOT, settings=settings, **given)
    checks = [one for one in promised(FOUND[name]) if name not in WITHOUT_SYSTEM or one in ON_PAPER]
    found = {finding.check: finding.problems[:3] for finding in examine(subject, checks)}
    assert found == dict.fromkeys(checks, ())
