"""The Salesforce connector against a server of ours that speaks its partner SOAP API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import OperatorError, SourceRecord, TransientError
from samples.partner.organisation import Organisation
from samples.partner.server import answered, served
from samples.partner.service import PartnerService

USER, PASSWORD, TOKEN = "hub@partner.example", "p4ssword", "t0ken"


class Org:
    """The organisation, what answers for it, and where to log in."""

    def __init__(self) -> None:
        self.objects = Organisation()
        self.service = PartnerService(self.objects, USER, PASSWORD + TOKEN)
        self.url = ""

    def contacts(self, count: int, each_seconds: int = 0) -> list[str]:
        keys = []
        for number in range(count):
            fields = {"FirstName": "Ann", "LastName": f"Smith{number}", "Email": f"ann{number}@customer.example"}
            keys.append(self.objects.add("Contact", **fields))
            self.objects.pass_time(each_seconds)
        return keys


@pytest.fixture
def org() -> Iterator[Org]:
    running = Org()
    running.service.page = 4
    with served(running.service) as running.url:
        yield running


@pytest.fixture
def salesforce(org: Org, connect: Any) -> Any:
    return connect("salesforce", "crm", {"login_url": org.url, "username": USER}, secrets())


def secrets(password: str = PASSWORD) -> dict[str, str]:
    return {"password": password, "security_token": TOKEN}


def read(connector: Any, cursor: Any = None, stream: str = "Contact") -> tuple[list[SourceRecord], Any]:
    records: list[SourceRecord] = []
    for page in connector.read(stream, cursor):
        records += page.records
        cursor = page.cursor
    return records, cursor


def keys(records: list[SourceRecord]) -> list[str]:
    return [record.key for record in records]


def test_everything_is_read_page_by_page_though_all_changed_in_one_second(org: Org, salesforce: Any) -> None:
    made = org.contacts(11)
    salesforce.check()
    records, _ = read(salesforce)
    assert keys(records) == made
    assert records[0].data == {
        "Id": made[0],
        "FirstName": "Ann",
        "LastName": "Smith0",
        "Email": "ann0@customer.example",
        "HasOptedOutOfEmail": False,
        "DoNotCall": False,
        "SystemModstamp": "2026-11-25T12:00:00.000000Z",
        **dict.fromkeys(("Salutation", "MiddleName", "Birthdate", "Phone", "MobilePhone")),
        **dict.fromkeys(("MailingStreet", "MailingCity", "MailingPostalCode", "MailingCountryCode")),
    }


def test_a_first_read_that_was_killed_goes_on_behind_its_last_record(org: Org, salesforce: Any) -> None:
    made = org.contacts(11, each_seconds=1)
    for killed in range(1, 4):
        pages = []
        for page in salesforce.read("Contact", None):
            pages.append(page)
            if len(pages) == killed:
                break
        rest, _ = read(salesforce, pages[-1].cursor)
        assert keys([record for page in pages for record in page.records] + rest) == made


@pytest.mark.parametrize("trouble", ["session", "place", "both"])
def test_a_session_or_a_place_that_ends_in_mid_read_is_no_gap(org: Org, salesforce: Any, trouble: str) -> None:
    made = org.contacts(15)
    found: list[str] = []
    for page in salesforce.read("Contact", None):
        found += keys(list(page.records))
        if len(found) < 12:
            if trouble in ("session", "both"):
                org.service.expire_sessions()
            if trouble in ("place", "both"):
                org.service.forget_places()
    assert found == made


def test_changes_and_deletes_since_are_told(org: Org, salesforce: Any) -> None:
    made = org.contacts(6)
    _, cursor = read(salesforce)
    org.objects.pass_time(600)
    org.objects.change("Contact", made[2], Email="moved@customer.example")
    org.objects.delete("Contact", made[4])
    new = org.objects.add("Contact", LastName="New")
    org.objects.pass_time(600)
    records, cursor = read(salesforce, cursor)
    told = {record.key: record.deleted for record in records if record.version > "2026-11-25T12:01"}
    assert told == {made[2]: False, made[4]: True, new: False}
    org.objects.pass_time(600)
    _, cursor = read(salesforce, cursor)
    assert read(salesforce, cursor)[0] == []


def test_what_a_long_transaction_holds_back_is_not_passed(org: Org, salesforce: Any) -> None:
    org.contacts(2)
    _, cursor = read(salesforce)
    org.objects.pass_time(600)
    org.objects.held_back = org.objects.now
    late = org.objects.add("Contact", LastName="Late")
    org.objects.pass_time(3600)
    _, cursor = read(salesforce, cursor)
    assert cursor["covered"] < "2026-11-25T12:11"
    org.objects.held_back = None
    assert late in keys(read(salesforce, cursor)[0])


def test_after_more_than_its_memory_everything_behind_the_last_place_is_queried(org: Org, salesforce: Any) -> None:
    org.contacts(3)
    _, cursor = read(salesforce)
    org.objects.pass_time(int(timedelta(days=40).total_seconds()))
    new = org.objects.add("Contact", LastName="New")
    org.objects.pass_time(600)
    records, cursor = read(salesforce, cursor)
    assert new in keys(records)
    assert read(salesforce, cursor)[0] == []


def test_upsert_writes_each_and_says_of_each(org: Org, salesforce: Any) -> None:
    one, two, three, gone = org.contacts(4)
    [record] = salesforce.readback("Contact", [one])
    org.objects.delete("Contact", gone)
    org.objects.pass_time(5)
    org.objects.change("Contact", two, Phone="1")
    results = salesforce.write(
        "Contact",
        [
            Change(key=one, fields={"Email": "new@customer.example", "Phone": None}, expected_version=record.version),
            Change(key=two, fields={"Email": "x@customer.example"}, expected_version=record.version),
            Change(key=three, fields={"Email": "nonsense"}),
            Change(key=gone, fields={"Email": "y@customer.example"}),
            Change(key=one, fields={"OwnerId": "someone"}),
        ],
    )
    assert [result.outcome for result in results] == [
        WriteOutcome.APPLIED,
        WriteOutcome.CONFLICT,
        WriteOutcome.REFUSED,
        WriteOutcome.MISSING,
        WriteOutcome.CONFLICT,
    ]
    assert results[2].reason == "INVALID_EMAIL_ADDRESS, Email"
    row = org.objects.row("Contact", one)
    assert row is not None
    assert (row["Email"], row["Phone"], row["FirstName"]) == ("new@customer.example", None, "Ann")
    assert org.objects.row("Contact", gone) is None


def test_the_hub_stops_before_the_days_calls_are_used_up(org: Org, salesforce: Any) -> None:
    org.contacts(1)
    org.service.limit = 10
    for _ in range(8):
        salesforce.readback("Contact", ["x"])
    with pytest.raises(TransientError, match="share") as caught:
        salesforce.readback("Contact", ["x"])
    assert caught.value.retry_after == 900
    assert org.service.calls == 8


def test_calls_that_others_have_used_up_are_waited_for(org: Org, salesforce: Any) -> None:
    org.service.calls = org.service.limit
    with pytest.raises(TransientError, match="REQUEST_LIMIT_EXCEEDED") as caught:
        salesforce.check()
    assert caught.value.retry_after == 900


def test_a_wrong_password_asks_for_a_person(org: Org, connect: Any) -> None:
    wrong = connect("salesforce", "crm", {"login_url": org.url, "username": USER}, secrets("wr0ng"))
    with pytest.raises(OperatorError, match="INVALID_LOGIN") as caught:
        wrong.check()
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://elsewhere.example/services", "https://127.0.0.1/services", "nonsense"])
def test_the_session_goes_nowhere_else(
    org: Org, salesforce: Any, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    real = org.service.handle

    def lying(*given: Any) -> Any:
        results = real(*given)
        for server in results[0].iter("{urn:partner.soap.sforce.com}serverUrl"):
            server.text = address
        return results

    monkeypatch.setattr(org.service, "handle", lying)
    with pytest.raises(OperatorError, match="login"):
        salesforce.check()


def test_external_ids_make_an_object_once(org: Org) -> None:
    """The server keeps the promise that creates will rest on: the same external id twice is one object."""
    first = org.objects.upsert("Contact", "Number__c", {"Number__c": "7", "LastName": "New"})
    second = org.objects.upsert("Contact", "Number__c", {"Number__c": "7", "LastName": "New"})
    assert (first[1], second[1], first[0] == second[0]) == (True, False, True)


def test_the_server_takes_no_entities(org: Org) -> None:
    hostile = b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    status, body = answered(org.service, hostile, org.url)
    assert (status, b"INVALID_SOAP" in body) == (500, True)
