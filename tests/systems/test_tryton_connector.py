"""The connector against a real Tryton of its own: what it reads, writes, and says when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import requests

from onevoice.messages import Change, Creation, WriteOutcome
from onevoice.sdk import OperatorError, Settings, TransientError, version_text
from onevoice.sdk.discovery import build, discover
from tests.systems.gate import Gate
from tests.systems.tryton_client import TrytonClient
from tests.systems.tryton_server import ROOT, PrivateTryton
from tests.systems.walk import HUB_PASSWORD, HUB_USER, NO_EMAIL, NO_PHONE

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateTryton]:
    with PrivateTryton() as tryton:
        yield tryton


@pytest.fixture(scope="module")
def erp(server: PrivateTryton) -> Iterator[TrytonClient]:
    client = TrytonClient(server.url, server.database, server.user, server.password)
    client.create("country.country", [{"name": "United Kingdom", "code": "GB"}, {"name": "Germany", "code": "DE"}])
    client.create("party.category", [{"name": NO_EMAIL}, {"name": NO_PHONE}])
    client.hire(HUB_USER, HUB_PASSWORD, client.found_company())
    yield client
    client.close()


@pytest.fixture
def connect(server: PrivateTryton, erp: TrytonClient) -> Iterator[Connect]:
    """`connect(password=..., **settings)` gives a connector that logs in as the hub's own user."""
    opened: list[Any] = []
    manifest = discover(ROOT / "connectors")["tryton"]

    def make(password: str = HUB_PASSWORD, page_size: int | None = None, **values: object) -> Any:
        settings = {"url": server.url, "database": server.database, "username": HUB_USER, **values}
        chosen = manifest
        if page_size is not None:
            smaller = {name: replace(spec, page_size=page_size) for name, spec in manifest.streams.items()}
            chosen = replace(manifest, streams=smaller)
        secrets = {"password": password}
        opened.append(
            build(chosen, Settings(system="erp", values=settings, secrets=secrets, now=lambda: datetime.now(UTC)))
        )
        return opened[-1]

    yield make
    for connector in opened:
        connector.close()


@pytest.fixture
def party(erp: TrytonClient) -> str:
    """A party with an address and one mechanism of each kind."""
    mechanisms = [
        {"type": "email", "value": "ann@example.com"},
        {"type": "phone", "value": "0161 496 0123"},
        {"type": "mobile", "value": "07400 123456"},
    ]
    (gb,) = erp.call("country.country.search", [["code", "=", "GB"]], 0, None, None)
    place = {"street": "14 Mill Lane", "city": "Manchester", "postal_code": "M14 5TP", "country": gb}
    row = {"name": "Ann Smith", "contact_mechanisms": [["create", mechanisms]], "addresses": [["create", [place]]]}
    return str(erp.create("party.party", [row])[0])


def one(connector: Any, key: str) -> Any:
    (record,) = connector.readback("party", [key])
    return record


def write(connector: Any, key: str, fields: dict[str, Any], expected: str | None = None) -> Any:
    (result,) = connector.write("party", [Change(key=key, fields=fields, expected_version=expected)])
    return result


def test_a_party_is_read_flat_with_its_first_active_parts(connect: Connect, party: str) -> None:
    record = one(connect(), party)
    assert record.data | {"changed_at": "", "address": {**record.data["address"], "id": 0}} == {
        "id": int(party),
        "name": "Ann Smith",
        "lang": None,
        "active": True,
        "address": {"id": 0, "street": "14 Mill Lane", "city": "Manchester", "postal_code": "M14 5TP", "country": "GB"},
        "email": "ann@example.com",
        "phone": "0161 496 0123",
        "mobile": "07400 123456",
        "no_email_marketing": False,
        "no_phone_marketing": False,
        "changed_at": "",
    }
    assert record.version == record.data["changed_at"] == version_text(datetime.fromisoformat(record.version))


def test_a_part_that_tryton_gives_no_date_of_its_own_is_read_and_noticed(connect: Connect, erp: TrytonClient) -> None:
    """An address without a street has no `write_date` until it is written; that stopped the system once."""
    (first,) = erp.create("party.party", [{"name": "Bob Ray", "addresses": [["create", [{"city": "York"}]]]}])
    connector = connect()
    cursor = list(connector.read("party", None))[-1].cursor
    assert one(connector, str(first)).data["address"]["city"] == "York"
    before = one(connector, str(first)).version
    erp.create("party.address", [{"party": first, "city": "Leeds"}])
    assert one(connector, str(first)).version > before
    later = [record for page in connector.read("party", cursor) for record in page.records]
    assert str(first) in {record.key for record in later}
    again = list(connector.read("party", cursor))[-1].cursor
    assert "party.address made" in again


def test_a_party_is_made_once_and_found_again(connect: Connect, erp: TrytonClient) -> None:
    connector = connect()
    reference = str(uuid4())
    fields = {"name": "Ann Osterley", "mobile": "+447400123456", "address.city": "York", "no_email_marketing": True}
    [made] = connector.create("party", [Creation(reference=reference, fields=fields)])
    assert connector.find("party", [reference, str(uuid4())]) == {reference: made.key}
    data = one(connector, made.key).data
    assert (data["name"], data["mobile"], data["address"]["city"]) == ("Ann Osterley", "+447400123456", "York")
    assert (data["no_email_marketing"], data["no_phone_marketing"]) == (True, False)
    erp.call("party.party.write", [int(made.key)], {"active": False})
    assert connector.find("party", [reference]) == {reference: made.key}, "archived is not gone"


def test_every_change_of_a_part_is_read_with_a_later_version(connect: Connect, erp: TrytonClient, party: str) -> None:
    connector = connect()
    cursor = list(connector.read("party", None))[-1].cursor
    last = one(connector, party).version
    (place,) = erp.call("party.party.read", [int(party)], ["addresses"])[0]["addresses"]
    steps: list[Callable[[], object]] = [
        lambda: erp.call("party.contact_mechanism.write", [erp.mechanism(party, "email")], {"value": "b@example.com"}),
        lambda: erp.call("party.contact_mechanism.write", [erp.mechanism(party, "mobile")], {"active": False}),
        lambda: erp.call("party.address.write", [place], {"city": "Leeds"}),
        lambda: erp.call("party.party.write", [int(party)], {"name": "Ann Jones"}),
        lambda: erp.create("party.contact_mechanism", [{"party": int(party), "type": "mobile", "value": "07400 1"}]),
    ]
    for step in steps:
        step()
        pages = list(connector.read("party", cursor))
        (record,) = {r.key: r for page in pages for r in page.records if r.key == party}.values()
        assert record.version > last
        assert record == one(connector, party)
        cursor, last = pages[-1].cursor, record.version


def test_a_read_that_is_killed_after_any_page_goes_on_without_a_gap(connect: Connect, erp: TrytonClient) -> None:
    erp.create("party.party", [{"name": f"Party {number}"} for number in range(12)])  # all of one time
    connector = connect(page_size=5)
    pages = list(connector.read("party", None))
    everything = {record.key for page in pages for record in page.records}
    assert len(pages) > 2
    assert len(everything) == sum(len(page.records) for page in pages) >= 12
    for at, page in enumerate(pages):
        before = {record.key for earlier in pages[: at + 1] for record in earlier.records}
        after = {record.key for later in connector.read("party", page.cursor) for record in later.records}
        assert before | after == everything


def test_a_deleted_party_is_read_back_as_deleted(connect: Connect, erp: TrytonClient, party: str) -> None:
    erp.call("party.party.delete", [int(party)])
    connector = connect()
    assert one(connector, party).deleted
    assert write(connector, party, {"email": "x@example.com"}).outcome is WriteOutcome.MISSING
    assert [record.deleted for record in connector.readback("party", ["no number", "999999"])] == [True, True]


def test_everything_writable_is_written_and_reads_back(connect: Connect, erp: TrytonClient) -> None:
    key = str(erp.create("party.party", [{"name": "Empty"}])[0])
    connector = connect()
    fields = {
        "name": "Not Empty",
        "lang": "zh",  # Tryton has zh_CN and no plain zh
        "email": "new@example.com",
        "phone": "+441614960123",
        "mobile": "+447400123456",
        "address.street": "1 New Street",
        "address.city": "Leeds",
        "address.postal_code": "LS1 1AA",
        "address.country": "DE",
        "no_email_marketing": True,
        "no_phone_marketing": True,
    }
    assert write(connector, key, fields, one(connector, key).version).outcome is WriteOutcome.APPLIED
    data = one(connector, key).data
    assert {name: data[name] for name in fields if "." not in name} == {
        **{name: value for name, value in fields.items() if "." not in name},
        "lang": "zh_CN",
    }
    assert {name: data["address"][name] for name in ("street", "city", "postal_code", "country")} == {
        "street": "1 New Street",
        "city": "Leeds",
        "postal_code": "LS1 1AA",
        "country": "DE",
    }


def test_what_is_cleared_is_put_out_of_use_not_deleted(connect: Connect, erp: TrytonClient, party: str) -> None:
    connector = connect()
    for _ in range(2):  # the second has nothing to clear
        assert write(connector, party, {"email": None, "no_email_marketing": False}).outcome is WriteOutcome.APPLIED
        assert one(connector, party).data["email"] is None
    kept = [["party", "=", int(party)], ["type", "=", "email"]]
    assert len(erp.call("party.contact_mechanism.search", kept, 0, None, None, context={"active_test": False})) == 1


def test_a_write_on_an_old_version_is_a_conflict(connect: Connect, erp: TrytonClient, party: str) -> None:
    connector = connect()
    version = one(connector, party).version
    erp.call("party.contact_mechanism.write", [erp.mechanism(party, "phone")], {"value": "0161 496 9999"})
    assert write(connector, party, {"email": "x@example.com"}, version).outcome is WriteOutcome.CONFLICT
    assert one(connector, party).data["email"] == "ann@example.com"


def test_tryton_itself_refuses_a_write_that_somebody_slipped_in_before(
    server: PrivateTryton, connect: Connect, erp: TrytonClient, party: str
) -> None:
    with Gate(server.url) as gate:
        connector = connect(url=gate.url)
        number = erp.mechanism(party, "email")
        gate.before_write(
            party, lambda: erp.call("party.contact_mechanism.write", [number], {"value": "faster@example.com"})
        )
        result = write(connector, party, {"email": "slower@example.com"}, one(connector, party).version)
    assert result.outcome is WriteOutcome.CONFLICT
    assert gate.verdicts(party) == ["ConcurrencyException"]
    assert one(connect(), party).data["email"] == "faster@example.com"


def test_a_prohibition_is_written_whatever_else_changed(
    server: PrivateTryton, connect: Connect, erp: TrytonClient, party: str
) -> None:
    with Gate(server.url) as gate:
        connector = connect(url=gate.url)
        gate.before_write(party, lambda: erp.call("party.party.write", [int(party)], {"name": "Faster Person"}))
        assert write(connector, party, {"no_phone_marketing": True}).outcome is WriteOutcome.APPLIED
    read = erp.party(party)
    assert read is not None
    assert (read["name"], read["categories"]) == ("Faster Person", [NO_PHONE])


@pytest.mark.parametrize("fields", [{"lang": "xx"}, {"address.country": "ZZ"}, {"code": "1"}, {"address.attn": "x"}])
def test_what_tryton_cannot_hold_is_refused_by_name(connect: Connect, party: str, fields: dict[str, Any]) -> None:
    connector = connect()
    results = connector.write(
        "party", [Change(key=party, fields=fields), Change(key=party, fields={"email": "good@example.com"})]
    )
    assert [result.outcome for result in results] == [WriteOutcome.REFUSED, WriteOutcome.APPLIED]
    assert next(iter(fields)) in results[0].reason


def test_a_rule_of_trytons_own_refuses_one_record_without_a_word_of_its_values(connect: Connect, party: str) -> None:
    result = write(connect(), party, {"email": ""})  # a mechanism must have a value
    assert result.outcome is WriteOutcome.REFUSED
    assert "UserError" in result.reason
    assert not {"Ann", "example"} & set(result.reason.replace(",", " ").split())


def test_a_session_that_has_run_out_is_opened_again(server: PrivateTryton, connect: Connect, party: str) -> None:
    with Gate(server.url) as gate:
        connector = connect(url=gate.url)
        first = one(connector, party)
        used = gate.authorization
        log_out(server, used)
        assert one(connector, party) == first
        assert gate.authorization != used
        log_out(server, gate.authorization)
        assert write(connector, party, {"email": "again@example.com"}).outcome is WriteOutcome.APPLIED


def test_what_only_a_person_can_mend_parks_the_system(connect: Connect, erp: TrytonClient) -> None:
    connect().check()
    for wrong in (
        connect(password="wrong"),
        connect(database="nodb"),
        connect(no_email_category="No such category"),
    ):
        with pytest.raises(OperatorError):
            wrong.check()


def test_a_category_that_is_missing_is_named_and_not_made(connect: Connect, erp: TrytonClient, party: str) -> None:
    connector = connect(no_phone_category="Never call")
    with pytest.raises(OperatorError, match=r"'Never call'.*no_phone_category"):
        list(connector.read("party", None))
    with pytest.raises(OperatorError, match="Never call"):
        write(connector, party, {"no_phone_marketing": True})
    assert erp.call("party.category.search", [["name", "=", "Never call"]], 0, None, None) == []


def test_a_user_without_rights_is_the_operators_and_not_the_records(
    connect: Connect, erp: TrytonClient, party: str
) -> None:
    rule = {"model": "party.contact_mechanism", "perm_read": True, "perm_write": False, "perm_create": False}
    (access,) = erp.create("ir.model.access", [{**rule, "perm_delete": False}])
    try:
        connector = connect()
        with pytest.raises(OperatorError, match=r"write and create party\.contact_mechanism"):
            connector.check()
        with pytest.raises(OperatorError, match="right to"):
            write(connector, party, {"email": "x@example.com"})
    finally:
        erp.call("ir.model.access.delete", [access])


def test_a_server_that_is_away_passes_by_itself(connect: Connect) -> None:
    with pytest.raises(TransientError):
        connect(url="http://127.0.0.1:9").check()


def log_out(server: PrivateTryton, authorization: str) -> None:
    with requests.Session() as http:
        http.trust_env = False
        answer = http.post(
            f"{server.url}/{server.database}/rpc/",
            json={"id": 1, "method": "common.db.logout", "params": []},
            headers={"Authorization": authorization},
            timeout=30,
        )
    answer.raise_for_status()


@pytest.fixture(scope="module")
def company(erp: TrytonClient) -> int:
    (found,) = erp.call("company.company.search", [], 0, None, None)
    return int(found)


def sales(connector: Any, cursor: Any = None) -> tuple[dict[str, Any], Any]:
    found = {}
    for page in connector.read("sale", cursor):
        found |= {record.key: record for record in page.records}
        cursor = page.cursor
    return found, cursor


def test_a_sale_is_read_from_its_confirmation_on(connect: Connect, erp: TrytonClient, company: int, party: str) -> None:
    connector = connect()
    sale = erp.sell(party, company, "20.00")
    found, cursor = sales(connector)
    assert str(sale) not in found  # a quotation is no order
    erp.call("sale.sale.confirm", [sale], context={"company": company})
    found, cursor = sales(connector, cursor)
    data = found[str(sale)].data
    assert (data["party"], data["state"], data["total"], data["currency"]) == (int(party), "confirmed", "20.00", "GBP")
    erp.call("sale.sale.draft", [sale], context={"company": company})
    erp.call("sale.sale.cancel", [sale], context={"company": company})
    later, _ = sales(connector, cursor)
    assert later[str(sale)].data["state"] == "cancelled"
    assert later[str(sale)].version > found[str(sale)].version
    assert [record.deleted for record in connector.readback("sale", [str(sale), "9999"])] == [False, True]


def test_sales_that_the_user_may_not_see_ask_for_a_person(
    server: PrivateTryton, connect: Connect, erp: TrytonClient
) -> None:
    erp.create("res.user", [{"name": "Few rights", "login": "few", "password": "few-rights-at-all"}])
    with pytest.raises(OperatorError, match=r"read sale\.sale"):
        connect("few-rights-at-all", username="few").check()
    connector = connect("few-rights-at-all", username="few", sales=False)
    connector.check()
    assert list(connector.read("sale", None)) == []
