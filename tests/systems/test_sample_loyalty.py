"""A card system on MariaDB, connected without code and without a change to its schema, by a user with few rights."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import connectors
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import OperatorError, Settings, SourceRecord
from onevoice.sdk.discovery import build, discover
from onevoice.testing.contract import Subject, examine, promised
from onevoice.testing.servers import PrivateMariadb
from tests.systems.loyalty import HUB_PASSWORD, Loyalty
from tests.systems.page import follow

CONNECTORS = Path(connectors.__file__).parent
MANIFEST = discover(CONNECTORS)["sample_loyalty"]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


@pytest.fixture
def loyalty(mariadb: PrivateMariadb) -> Iterator[Loyalty]:
    system = Loyalty(mariadb)
    yield system
    system.close()


def settings(loyalty: Loyalty, password: str = HUB_PASSWORD) -> Settings:
    values = {"database": loyalty.address}
    return Settings(system="cards", values=values, secrets={"password": password}, now=lambda: datetime.now(UTC))


@pytest.fixture
def connector(loyalty: Loyalty) -> Iterator[Any]:
    opened = build(MANIFEST, settings(loyalty))
    yield opened
    opened.close()


def read(connector: Any, stream: str, cursor: Any = None) -> tuple[list[SourceRecord], Any]:
    records: list[SourceRecord] = []
    for page in connector.read(stream, cursor):
        records += page.records
        cursor = page.cursor
    return records, cursor


def latest(records: list[SourceRecord]) -> dict[str, SourceRecord]:
    return {record.key: record for record in sorted(records, key=lambda one: one.version)}


def data(record: SourceRecord) -> dict[str, Any]:
    assert record.data is not None
    return record.data


def test_what_its_triggers_log_is_read_deletes_included(loyalty: Loyalty, connector: Any) -> None:
    loyalty.card("1001", "Müller, Zoë", mail="zoe@customer.example", mail_ok="Y")
    loyalty.card("1002", "Smith, Ann")
    connector.check()
    records, cursor = read(connector, "card_holders")
    first = latest(records)
    assert (data(first["1001"])["holder_name"], data(first["1002"])["dob"]) == ("Müller, Zoë", "0000-00-00")
    loyalty.run("UPDATE card_holders SET mail = 'z@new.example' WHERE card_no = '1001'")
    loyalty.run("DELETE FROM card_holders WHERE card_no = '1002'")
    records, cursor = read(connector, "card_holders", cursor)
    later = latest(records)
    assert data(later["1001"])["mail"] == "z@new.example"
    assert later["1002"].deleted
    assert later["1001"].version > first["1001"].version


def test_a_write_passes_its_triggers_and_reads_back_as_they_left_it(loyalty: Loyalty, connector: Any) -> None:
    loyalty.card("1001", "Smith, Ann", mail="ann@old.example", mail_confirmed="Y", mail_ok="Y")
    [record], _ = read(connector, "card_holders")
    fields = {"mail": "ann@new.example", "mobile": "07400 123456", "mail_ok": "N"}
    [result] = connector.write("card_holders", [Change(key="1001", fields=fields, expected_version=record.version)])
    assert result.outcome is WriteOutcome.APPLIED
    row = loyalty.row("1001")
    assert (row["mail"], row["mobile"], row["mail_ok"], row["mail_confirmed"]) == (
        "ann@new.example",
        "07400123456",
        "N",
        "N",
    )
    [found] = connector.readback("card_holders", ["1001"])
    assert (data(found)["mobile"], found.version) == ("07400123456", result.version)
    again = connector.write("card_holders", [Change(key="1001", fields=fields, expected_version=record.version)])
    assert [one.outcome for one in again] == [WriteOutcome.CONFLICT]


def test_what_a_trigger_or_a_column_refuses_is_refused_alone(loyalty: Loyalty, connector: Any) -> None:
    loyalty.card("1001", "Smith, Ann", status="L")
    loyalty.card("1002", "Smith, Bob")
    loyalty.card("1003", "Smith, Cid")
    results = connector.write(
        "card_holders",
        [
            Change(key="1001", fields={"mail": "locked@new.example"}),
            Change(key="1002", fields={"town": "Łódź"}),  # Latin-1 has no such letters
            Change(key="1003", fields={"zip": "far too long for a postal code"}),
            Change(key="1002", fields={"mail": "bob@new.example"}),
            Change(key="1003", fields={"points": 1_000_000}),
        ],
    )
    refused = WriteOutcome.REFUSED
    assert [one.outcome for one in results] == [refused, refused, refused, WriteOutcome.APPLIED, refused]
    assert not any(value in str(results) for value in ("locked@", "Łódź", "far too long"))
    assert (loyalty.row("1002")["town"], loyalty.row("1003")["zip"]) == ("", "")


def test_purchases_are_read_once_each(loyalty: Loyalty, connector: Any) -> None:
    loyalty.card("1001", "Smith, Ann")
    buy = "INSERT INTO purchases (card_no, receipt_no, bought_at, amount) VALUES (:no, :receipt, :at, :amount)"
    loyalty.run(buy, no="1001", receipt="R-1", at="2026-07-01 13:30:00", amount="12.50")
    records, cursor = read(connector, "purchases")
    assert [(data(one)["receipt_no"], data(one)["amount"], data(one)["bought_at"]) for one in records] == [
        ("R-1", "12.50", "2026-07-01T13:30:00.000000Z")
    ]
    loyalty.run(buy, no="1001", receipt="R-2", at="2026-12-01 13:30:00", amount="3.00")
    records, _ = read(connector, "purchases", cursor)
    assert [data(one)["receipt_no"] for one in records][-1] == "R-2"


def test_a_missing_right_asks_for_a_person(loyalty: Loyalty, connector: Any) -> None:
    loyalty.run(f"REVOKE SELECT ON card_holders_log FROM '{loyalty.user}'@'127.0.0.1'")
    with pytest.raises(OperatorError):
        connector.check()


def test_it_keeps_the_contract(loyalty: Loyalty) -> None:
    for number in range(1001, 1008):
        loyalty.card(str(number), f"Family{number}, Given{number}", mail=f"person{number}@customer.example")
    loyalty.run(
        "INSERT INTO purchases (card_no, receipt_no, bought_at, amount) VALUES ('1001', 'R-1', '2026-07-01', 3)"
    )
    given = settings(loyalty)

    def change(stream: str, record: SourceRecord) -> Change | None:
        if stream != "card_holders":
            return None
        return Change(key=record.key, fields={"town": "Leeds"}, expected_version=record.version)

    subject = Subject(
        manifest=MANIFEST,
        root=CONNECTORS.parent,
        settings=given,
        unreachable={"database": "mariadb://hub@127.0.0.1:1/loyalty"},
        wrong_secrets={"password": "wr0ng"},
        change=change,
    )
    checks = promised(subject.manifest)
    assert {one.check: one.problems for one in examine(subject, checks)} == dict.fromkeys(checks, ())


def test_the_page_connects_a_database(loyalty: Loyalty, tmp_path: Path) -> None:
    loyalty.card("1001", "Smith, Ann", mail="ann@customer.example")
    put = {"mariadb://onevoice@cards.example.com/loyalty": loyalty.address}
    printed = follow("connect-a-database.md", tmp_path, put=put, env={"ONEVOICE_CARDS_PASSWORD": HUB_PASSWORD})
    assert "customer.example" not in printed
