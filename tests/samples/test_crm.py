"""The sample CRM, driven by zeep: a client that knows nothing but the WSDL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from zeep.helpers import serialize_object

from samples.crm.server import LARGEST, WSDL, CrmServer
from samples.crm.service import CrmService
from samples.crm.store import CrmStore
from samples.population import generate
from samples.serving.journal import Journal

ADMIN = {"Authorization": "Bearer admin-token"}
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Crm:
    """A logged-in client and the server behind it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = zeep.Client(f"{url}/soap?wsdl")
        # the WSDL names the address of its own installation, as real ones do
        self.service: Any = self.client.create_service("{urn:sample-crm:1}CrmBinding", f"{url}/soap")
        self.contact = self.client.get_type("{urn:sample-crm:1}Contact")
        self.case = self.client.get_type("{urn:sample-crm:1}Case")
        self.login()

    def login(self) -> None:
        session = self.service.login("onevoice@crm.example", "secret")
        self.headers = {"SessionHeader": {"sessionId": session}}

    def call(self, operation: str, **arguments: Any) -> Any:
        return getattr(self.service, operation)(**arguments, _soapheaders=self.headers)

    def upsert(self, record: Any, kind: str = "Contact", **condition: Any) -> Any:
        return self.call("upsert", objectType=kind, records=[{"sObject": record, **condition}])[0]

    def get(self, identifier: str) -> Any:
        return self.call("retrieve", objectType="Contact", ids=[identifier]).records[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CrmStore]:
    store = CrmStore(tmp_path)
    population = generate(60, 1)
    store.load({"Contact": population.records["crm", "Contact"], "Case": population.records["crm", "Case"]})
    yield store
    store.close()


@pytest.fixture
def crm(store: CrmStore, tmp_path: Path) -> Iterator[Crm]:
    journal = Journal(tmp_path / "journal.jsonl")
    service = CrmService(store, journal, "onevoice@crm.example", "secret")
    server = CrmServer("127.0.0.1", 0, service, "admin-token")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Crm(server.url)
    server.shutdown()
    thread.join(5)
    server.server_close()
    journal.close()


def test_the_wsdl_is_served_byte_for_byte(crm: Crm) -> None:
    assert requests.get(f"{crm.url}/soap?wsdl", timeout=5).content == WSDL.read_bytes()


def test_a_wrong_password_and_a_dead_session_are_faults(crm: Crm) -> None:
    with pytest.raises(zeep.exceptions.Fault) as login:
        crm.service.login("onevoice@crm.example", "wrong")
    requests.post(f"{crm.url}/admin/expire-sessions", headers=ADMIN, timeout=5).raise_for_status()
    with pytest.raises(zeep.exceptions.Fault) as session:
        crm.call("query", objectType="Contact")

    assert login.value.code == "tns:INVALID_LOGIN"
    assert session.value.code == "tns:INVALID_SESSION_ID"
    crm.login()
    assert crm.call("query", objectType="Contact", batchSize=1).records


def test_paging_gives_every_record_once_in_order_of_change(crm: Crm) -> None:
    expected = generate(60, 1).records["crm", "Contact"]
    records: list[Any] = []
    locator = None
    for _ in range(20):
        page = crm.call("query", objectType="Contact", queryLocator=locator, batchSize=7)
        records += page.records
        locator = page.queryLocator
        if page.done:
            break

    stamps = [(record.SystemModstamp, record.Id) for record in records]
    assert stamps == sorted(stamps)
    assert {record.Id for record in records} == {record["Id"] for record in expected}
    assert len(records) == len(expected)


def test_a_record_arrives_with_its_types_and_microseconds(crm: Crm) -> None:
    raw = next(row for row in generate(60, 1).records["crm", "Contact"] if row["Birthdate"] and not row["Email"])
    record = crm.get(raw["Id"])

    assert record.Birthdate == date.fromisoformat(raw["Birthdate"])
    assert record.SystemModstamp == datetime.fromisoformat(raw["SystemModstamp"])
    assert record.HasOptedOutOfEmail is raw["HasOptedOutOfEmail"]
    assert record.Email is None
    assert list(serialize_object(record)) == list(raw)


def test_changed_since_is_exclusive_and_until_inclusive(crm: Crm) -> None:
    rows = sorted(row["SystemModstamp"] for row in generate(60, 1).records["crm", "Contact"])
    page = crm.call("query", objectType="Contact", modifiedSince=rows[10], untilInclusive=rows[12])

    assert [record.SystemModstamp for record in page.records] == [datetime.fromisoformat(at) for at in rows[11:13]]


def test_a_partial_update_changes_only_what_was_sent_and_nil_clears(crm: Crm) -> None:
    raw = next(row for row in generate(60, 1).records["crm", "Contact"] if row["Email"] and row["MobilePhone"])
    result = crm.upsert(crm.contact(Id=raw["Id"], MobilePhone=zeep.xsd.Nil, HasOptedOutOfEmail=True))
    after = crm.get(raw["Id"])

    assert (result.success, result.created, result.id) == (True, False, raw["Id"])
    assert after.MobilePhone is None
    assert after.HasOptedOutOfEmail is True
    assert (after.Email, after.LastName) == (raw["Email"], raw["LastName"])
    assert after.SystemModstamp > datetime.fromisoformat(raw["SystemModstamp"])


def test_a_create_gives_an_id_and_the_record_is_found_as_changed(crm: Crm) -> None:
    newest = max(row["SystemModstamp"] for row in generate(60, 1).records["crm", "Contact"])
    made = crm.upsert(crm.contact(LastName="Neumann", Email="neumann@example.org"))
    case = crm.upsert(crm.case(ContactId=made.id, Subject="Hello", Origin="Web", Status="New"), "Case")
    changed = crm.call("query", objectType="Contact", modifiedSince=newest).records

    assert (made.success, made.created) == (True, True)
    assert (case.success, case.created) == (True, True)
    assert [record.Id for record in changed] == [made.id]
    assert changed[0].DoNotCall is False


def test_a_stale_write_and_bad_values_fail_alone(crm: Crm) -> None:
    first, second = (crm.get(row["Id"]) for row in generate(60, 1).records["crm", "Contact"][:2])
    crm.upsert(crm.contact(Id=first.Id, LeadSource="Web"))
    results = crm.call(
        "upsert",
        objectType="Contact",
        records=[
            {"sObject": crm.contact(Id=first.Id, LeadSource="Phone"), "ifUnmodifiedSince": first.SystemModstamp},
            {"sObject": crm.contact(Id=second.Id, LeadSource="Phone"), "ifUnmodifiedSince": second.SystemModstamp},
            {"sObject": crm.contact(Id=first.Id, Email="nobody")},
            {"sObject": crm.contact(Email="nobody@example.com")},
            {"sObject": crm.contact(Id="003OV0099999999", LeadSource="Web")},
        ],
    )

    assert [result.errorCode for result in results] == [
        "CONFLICT", None, "FIELD_INVALID", "REQUIRED_FIELD_MISSING", "INVALID_ID",
    ]  # fmt: skip
    assert "nobody" not in results[2].message
    assert crm.get(first.Id).LeadSource == "Web"
    assert crm.get(second.Id).LeadSource == "Phone"


def test_a_deleted_contact_is_missing_and_listed_as_deleted(crm: Crm) -> None:
    identifier = generate(60, 1).records["crm", "Contact"][0]["Id"]
    results = crm.call("delete", ids=[identifier, "003OV0099999999"])
    retrieved = crm.call("retrieve", objectType="Contact", ids=[identifier])
    deleted = crm.call("getDeleted", objectType="Contact", since=EPOCH)

    assert [result.success for result in results] == [True, False]
    assert retrieved.missingIds == [identifier]
    assert not retrieved.records
    assert [entry.id for entry in deleted] == [identifier]
    assert deleted[0].deletedDate.tzinfo is not None


def test_entities_and_huge_bodies_are_refused(crm: Crm) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    refused = requests.post(f"{crm.url}/soap", data=bomb, timeout=5)
    huge = requests.post(f"{crm.url}/soap", data=b" " * (LARGEST + 1), timeout=5)

    assert refused.status_code == 500
    assert b"INVALID_REQUEST" in refused.content
    assert b"root:" not in refused.content
    assert huge.status_code == 413


def test_forced_faults_count_down_and_need_the_admin_token(crm: Crm) -> None:
    wish = {"count": 1, "status": 503, "retry_after": 2}
    assert requests.post(f"{crm.url}/admin/faults", json=wish, timeout=5).status_code == 404
    requests.post(f"{crm.url}/admin/faults", json=wish, headers=ADMIN, timeout=5).raise_for_status()

    answer = requests.post(f"{crm.url}/soap", data=b"<a/>", timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert requests.post(f"{crm.url}/soap", data=b"<a/>", timeout=5).status_code == 500


def test_stamps_go_on_rising_after_a_restart(store: CrmStore, tmp_path: Path) -> None:
    before = store.clock.tick()
    again = CrmStore(tmp_path)
    ticks = [before, *(again.clock.tick() for _ in range(1000))]
    again.close()

    assert ticks == sorted(set(ticks))
