"""The CRM connector against the sample CRM, over SOAP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

import connectors
from onevoice.errors import ConfigurationError, OperatorError, TransientError
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import RecordWriter
from onevoice.sdk.declarative.soap import SoapReader
from onevoice.sdk.discovery import discover
from samples.crm.server import CrmServer
from samples.crm.service import CrmService
from samples.crm.store import CrmStore
from samples.population import Population, generate
from samples.serving.journal import Journal

PEOPLE = 900
USER, PASSWORD = "onevoice@crm.example", "p4ssword"


@cache
def population() -> Population:
    return generate(PEOPLE, 1)


class Crm:
    """The sample CRM and what was loaded into it."""

    def __init__(self, folder: Path) -> None:
        records = population().records
        self.contacts = {row["Id"]: row for row in records["crm", "Contact"]}
        self.cases = {row["Id"]: row for row in records["crm", "Case"]}
        self.store = CrmStore(folder)
        self.store.load({"Contact": self.contacts.values(), "Case": self.cases.values()})
        self.journal = Journal(folder / "journal.jsonl")
        self.service = CrmService(self.store, self.journal, USER, PASSWORD)
        self.server = CrmServer("127.0.0.1", 0, self.service, "admin")
        self.endpoint = f"{self.server.url}/soap"

    def force(self, **wish: Any) -> None:
        answer = requests.post(
            f"{self.server.url}/admin/faults", json=wish, headers={"Authorization": "Bearer admin"}, timeout=5
        )
        assert answer.status_code == 204


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Crm]:
    running = Crm(tmp_path)
    thread = threading.Thread(target=running.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.server.shutdown()
    thread.join(5)
    running.server.server_close()
    running.store.close()
    running.journal.close()


@pytest.fixture
def connector(crm: Crm, connect: Any) -> Any:
    return connect("sample_crm", "crm", {"endpoint": crm.endpoint, "username": USER}, {"password": PASSWORD})


def read_all(connector: Any, stream: str, cursor: Any = None) -> tuple[list[Any], Any]:
    pages = list(connector.read(stream, cursor))
    return [record for page in pages for record in page.records], pages[-1].cursor if pages else cursor


def one(connector: Any, key: str) -> Any:
    return connector.readback("Contact", [key])[0]


def test_every_record_comes_as_the_crm_has_it_and_fits_its_schema(
    crm: Crm, connector: Any, fits_schema: Callable[[str, str, Any], bool]
) -> None:
    assert isinstance(connector, RecordWriter)
    connector.check()
    for stream, expected in (("Contact", crm.contacts), ("Case", crm.cases)):
        records, _ = read_all(connector, stream)
        assert {record.key: record.data for record in records} == expected
        assert all(record.version == record.data["SystemModstamp"] for record in records)
        assert [(record.version, record.key) for record in records] == sorted(
            (record.version, record.key) for record in records
        )
        assert all(fits_schema("sample_crm", stream, record.data) for record in records)


def test_a_read_goes_on_after_each_page(crm: Crm, connector: Any, resumes: Callable[[Any, str], None]) -> None:
    for key in list(crm.contacts)[:3]:
        crm.store.delete(key)
    resumes(connector, "Contact")


def test_a_second_read_brings_what_changed_and_what_was_deleted(crm: Crm, connector: Any) -> None:
    _, cursor = read_all(connector, "Contact")
    changed, deleted, *_ = crm.contacts
    connector.write("Contact", [Change(key=changed, fields={"MailingStreet": "1 New Road"})])
    crm.store.delete(deleted)
    records, later = read_all(connector, "Contact", cursor)
    by_key = {record.key: record for record in records}
    assert by_key[changed].data["MailingStreet"] == "1 New Road"
    assert (by_key[deleted].deleted, by_key[deleted].data) == (True, None)
    assert by_key[deleted].version > crm.contacts[deleted]["SystemModstamp"]
    assert later["after"] >= cursor["after"]
    again, latest = read_all(connector, "Contact", later)
    assert latest == later
    assert {record.key for record in again} >= {changed, deleted}


def test_a_delete_is_told_though_a_later_change_was_read_and_the_read_was_killed(crm: Crm, connector: Any) -> None:
    _, cursor = read_all(connector, "Contact")
    deleted, *rest = crm.contacts
    crm.store.delete(deleted)
    for key in rest[:3]:
        connector.write("Contact", [Change(key=key, fields={"Salutation": "Dr"})])
    first = next(connector.read("Contact", cursor))
    assert [record.key for record in first.records] == [deleted]
    assert first.cursor["after"] == cursor["after"]


def test_a_write_gives_one_result_each_in_order(crm: Crm, connector: Any) -> None:
    good, stale, refused, cleared, *_ = crm.contacts
    version = crm.contacts[good]["SystemModstamp"]
    results = connector.write(
        "Contact",
        [
            Change(key=good, fields={"Email": "new@example.com", "DoNotCall": True}, expected_version=version),
            Change(key=stale, fields={"Email": "b@example.com"}, expected_version="2001-01-01T00:00:00.000000Z"),
            Change(key="003OV0000000zzz", fields={"Email": "c@example.com"}),
            Change(key=refused, fields={"Email": "not an address"}),
            Change(key=cleared, fields={"Phone": None, "Birthdate": "1970-02-03"}),
            Change(key=good, fields={"Email": "late@example.com"}, expected_version=version),
        ],
    )
    outcomes = WriteOutcome
    assert [result.outcome for result in results] == [
        outcomes.APPLIED,
        outcomes.CONFLICT,
        outcomes.MISSING,
        outcomes.REFUSED,
        outcomes.APPLIED,
        outcomes.CONFLICT,
    ]
    assert [result.key for result in results] == [good, stale, "003OV0000000zzz", refused, cleared, good]
    written = one(connector, good)
    assert written.version > version
    expected = {**crm.contacts[good], "Email": "new@example.com", "DoNotCall": True, "SystemModstamp": written.version}
    assert written.data == expected
    assert one(connector, stale).data == crm.contacts[stale]
    assert (one(connector, cleared).data["Phone"], one(connector, cleared).data["Birthdate"]) == (None, "1970-02-03")


def test_a_field_that_the_contract_does_not_have_refuses_its_own_change_only(crm: Crm, connector: Any) -> None:
    first, second, *_ = crm.contacts
    results = connector.write(
        "Contact",
        [Change(key=first, fields={"Emial": "a@example.com"}), Change(key=second, fields={"Email": "ok@example.com"})],
    )
    assert [result.outcome for result in results] == [WriteOutcome.REFUSED, WriteOutcome.APPLIED]
    assert "a@example.com" not in results[0].reason
    with pytest.raises(ConfigurationError, match="not writable"):
        connector.write("Case", [Change(key=next(iter(crm.cases)), fields={"Subject": "x"})])


def test_reading_back_names_what_is_gone(crm: Crm, connector: Any) -> None:
    keys = list(crm.contacts)[:450]
    crm.store.delete(keys[7])
    records = {record.key: record for record in connector.readback("Contact", keys)}
    assert records.keys() == set(keys)
    assert [key for key, record in records.items() if record.deleted] == [keys[7]]
    assert connector.readback("Contact", []) == []


class Answers:
    """A session that answers a query with one page of rows."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)

    def call(self, operation: str, **_arguments: Any) -> Any:
        if operation == "getDeleted":
            return []
        return {"records": self.rows, "missingIds": [], "done": True, "queryLocator": None}


def test_an_odd_record_is_given_as_it_is_and_its_neighbours_are_read() -> None:
    good = {"Id": "003A", "SystemModstamp": "2025-06-01T12:00:00.000000Z", "LastName": "Lee"}
    timeless, nameless = good | {"Id": "003B", "SystemModstamp": None}, good | {"Id": None}
    settings: Any = SimpleNamespace(system="crm", now=lambda: datetime(2025, 6, 1, tzinfo=UTC))
    manifest = discover(Path(connectors.__file__).parent)["sample_crm"]

    def reader(*rows: dict[str, Any]) -> SoapReader:
        return SoapReader(cast(Any, Answers(*rows)), settings, manifest)

    records, cursor = read_all(reader(good, timeless, nameless), "Contact")
    assert [(record.key, record.version) for record in records] == [
        ("003A", good["SystemModstamp"]),
        ("003B", ""),
        ("", good["SystemModstamp"]),
    ]
    assert cursor["after"] == [good["SystemModstamp"], "003A"]
    assert [record.key for record in reader(good, timeless).readback("Contact", ["003A", "003B"])] == ["003A"]
    alone, cursor = read_all(reader(timeless), "Contact")
    assert len(alone) == 1
    assert "after" not in cursor
    with pytest.raises(OperatorError, match="the system's interface has changed"):
        read_all(reader(timeless, nameless), "Contact")


def test_a_session_that_ends_in_the_middle_of_a_read_is_renewed(crm: Crm, connector: Any) -> None:
    pages = connector.read("Contact", None)
    keys = {record.key for record in next(pages).records}
    crm.service.expire_sessions()
    keys |= {record.key for page in pages for record in page.records}
    assert keys == crm.contacts.keys()


def test_a_wrong_password_asks_for_a_person_and_is_not_shown(crm: Crm, connect: Any) -> None:
    values = {"endpoint": crm.endpoint, "username": USER}
    connector = connect("sample_crm", "crm", values, {"password": "wr0ng-secret"})
    with pytest.raises(OperatorError, match="INVALID_LOGIN") as caught:
        connector.check()
    assert "wr0ng-secret" not in f"{caught.value} {connector!r}"


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, TransientError), (503, TransientError), (500, TransientError), (403, OperatorError), (404, OperatorError)],
)
def test_a_failing_server_is_classified(crm: Crm, connector: Any, status: int, error: type[Exception]) -> None:
    connector.check()
    crm.force(status=status, count=1, retry_after=9)
    with pytest.raises(error) as caught:
        connector.check()
    if status in (429, 503):
        assert isinstance(caught.value, TransientError)
        assert caught.value.retry_after == 9
    connector.check()


def test_an_absent_server_is_tried_again(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}/soap"
    connector = connect("sample_crm", "crm", {"endpoint": endpoint, "username": USER}, {"password": PASSWORD})
    with pytest.raises(TransientError, match="not reachable"):
        connector.check()
