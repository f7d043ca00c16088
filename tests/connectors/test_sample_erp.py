"""The ERP connector against the sample ERP, on SQLite and on PostgreSQL with the rights of an integration only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from onevoice.errors import ConfigurationError, OperatorError
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import RecordWriter
from samples.erp.database import create, grant_hub, load, open_engine
from samples.erp.schema import ADDRESSES, CUSTOMERS, JOURNAL
from samples.population import Population, generate

PEOPLE = 2200
ROLE, PASSWORD = "erp_hub", "h0b-secret"


@cache
def population() -> Population:
    return generate(PEOPLE, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erp:
    """The sample ERP, its owner's way in, and the hub's."""

    owner: sa.Engine
    settings: dict[str, object]
    secrets: dict[str, str]
    customers: dict[str, dict[str, Any]]
    addresses: dict[str, dict[str, Any]]
    orders: dict[str, dict[str, Any]]

    def clerk(self, statement: Any) -> None:
        with self.owner.begin() as connection:
            connection.execute(statement)

    def actors(self, key: str) -> list[str | None]:
        with self.owner.connect() as connection:
            rows = connection.execute(sa.select(JOURNAL.c.actor).where(JOURNAL.c.record_key == key))
            return list(rows.scalars())


@pytest.fixture(params=["sqlite", "postgresql"])
def erp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Erp]:
    if request.param == "sqlite":
        url, settings, secrets = (
            f"sqlite:///{tmp_path}/erp.sqlite",
            {"database": f"sqlite:///{tmp_path}/erp.sqlite"},
            {},
        )
    else:
        url = request.getfixturevalue("pg_url")
        hub = sa.make_url(url)._replace(username=ROLE, password=None)
        settings, secrets = {"database": hub.render_as_string()}, {"password": PASSWORD}
    create(url)
    if secrets:
        grant_hub(url, ROLE, PASSWORD)
    people = population()
    rows = {stream: people.records["erp", stream] for stream in ("customers", "orders")}
    load(url, rows["customers"], people.erp_addresses, rows["orders"])
    owner = open_engine(url)
    yield Erp(
        owner=owner,
        settings=dict(settings),
        secrets=secrets,
        customers={row["customer_no"]: row for row in rows["customers"]},
        addresses={row["customer_no"]: row for row in people.erp_addresses if row["kind"] == "main"},
        orders={row["order_no"]: row for row in rows["orders"]},
    )
    owner.dispose()


@pytest.fixture
def connector(erp: Erp, connect: Any) -> Any:
    return connect("sample_erp", "erp", erp.settings, erp.secrets)


def read_all(connector: Any, stream: str, cursor: Any = None) -> tuple[dict[str, Any], Any]:
    pages = list(connector.read(stream, cursor))
    records = {record.key: record for page in pages for record in page.records}
    return records, pages[-1].cursor if pages else cursor


def one(connector: Any, key: str) -> Any:
    return connector.readback("customers", [key])[0]


def moved(erp: Erp, **values: Any) -> str:
    """Change the main address of somebody and return her number."""
    key = next(iter(erp.addresses))
    main = (ADDRESSES.c.customer_no == key) & (ADDRESSES.c.kind == "main")
    erp.clerk(sa.update(ADDRESSES).where(main).values(values))
    return key


def test_every_record_comes_as_the_erp_has_it_and_fits_its_schema(
    erp: Erp, connector: Any, fits_schema: Callable[[str, str, Any], bool]
) -> None:
    assert isinstance(connector, RecordWriter)
    connector.check()
    records, _ = read_all(connector, "customers")
    assert records.keys() == erp.customers.keys()
    for key, record in records.items():
        main = erp.addresses.get(key)
        address = {name: main[name] for name in main if name not in ("customer_no", "kind")} if main else None
        assert record.data == {**erp.customers[key], "main_address": address, "changed_at": record.version}
    orders, _ = read_all(connector, "orders")
    assert {key: record.data for key, record in orders.items()} == erp.orders
    for stream, found in (("customers", records), ("orders", orders)):
        assert all(fits_schema("sample_erp", stream, record.data) for record in found.values())


def test_a_read_goes_on_after_each_page(connector: Any, resumes: Callable[[Any, str], None]) -> None:
    resumes(connector, "customers")


def test_a_poll_sees_an_address_change_that_left_the_customer_alone(erp: Erp, connector: Any) -> None:
    before, cursor = read_all(connector, "customers")
    key = moved(erp, street="1 New Road")
    after, later = read_all(connector, "customers", cursor)
    assert after[key].data["main_address"]["street"] == "1 New Road"
    assert after[key].data["updated_at"] == before[key].data["updated_at"]
    assert after[key].version > before[key].version
    assert later["after"] == [after[key].version, key]
    assert read_all(connector, "customers", later)[1] == later


@pytest.mark.parametrize("erp", ["postgresql"], indirect=True)  # SQLite has one writer at a time: nothing overtakes
def test_a_change_that_commits_after_the_poll_passed_its_time_is_not_skipped(erp: Erp, connector: Any) -> None:
    _, cursor = read_all(connector, "customers")
    slow, quick, *_ = erp.customers
    with erp.owner.connect() as connection, connection.begin():
        connection.execute(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_no == slow).values(email="slow@example.com"))
        erp.clerk(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_no == quick).values(email="quick@example.com"))
        seen, cursor = read_all(connector, "customers", cursor)
        assert cursor["after"][1] == quick
        assert slow not in seen or seen[slow].data["email"] != "slow@example.com"
    seen, _ = read_all(connector, "customers", cursor)
    assert seen[slow].data["email"] == "slow@example.com"


def test_a_write_reaches_customer_and_address_and_gives_the_new_version(erp: Erp, connector: Any) -> None:
    key = next(iter(erp.addresses))
    read = one(connector, key)
    fields = {"email": "new@example.com", "birth_date": "1970-02-03", "phone": None, "email_opt_out": True}
    [result] = connector.write(
        "customers",
        [Change(key=key, fields={**fields, "main_address.street": "2 Mill Lane"}, expected_version=read.version)],
    )
    assert result.outcome is WriteOutcome.APPLIED
    written = one(connector, key)
    assert result.version == written.version > read.version
    assert {name: written.data[name] for name in fields} == fields
    assert written.data["main_address"]["street"] == "2 Mill Lane"
    assert written.data["main_address"]["city"] == read.data["main_address"]["city"]
    if erp.secrets:
        assert ROLE in erp.actors(key)


@pytest.mark.parametrize("place", ["customer", "address"])
def test_a_stale_write_is_a_conflict_and_changes_nothing(erp: Erp, connector: Any, place: str) -> None:
    key = next(iter(erp.addresses))
    read = one(connector, key)
    if place == "address":
        moved(erp, city="Leeds")
    else:
        erp.clerk(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_no == key).values(mobile="07400000001"))
    fresh = one(connector, key)
    change = Change(key=key, fields={"email": "late@example.com"}, expected_version=read.version)
    assert connector.write("customers", [change])[0].outcome is WriteOutcome.CONFLICT
    assert one(connector, key) == fresh


def test_of_writers_that_read_the_same_version_one_wins(erp: Erp, connect: Any) -> None:
    key = next(iter(erp.addresses))
    connectors = [connect("sample_erp", "erp", erp.settings, erp.secrets) for _ in range(4)]
    version = one(connectors[0], key).version
    outcomes: list[WriteOutcome] = []
    together = threading.Barrier(4)

    def write(number: int) -> None:
        field = "main_address.street" if number % 2 else "email"
        together.wait(10)
        change = Change(key=key, fields={field: f"writer {number}"}, expected_version=version)
        outcomes.append(connectors[number].write("customers", [change])[0].outcome)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["applied", "conflict", "conflict", "conflict"]


@pytest.mark.parametrize("erp", ["postgresql"], indirect=True)  # SQLite locks the whole file at the start
def test_a_write_waits_for_a_clerk_who_is_changing_the_address(erp: Erp, connector: Any) -> None:
    key = next(iter(erp.addresses))
    change = Change(key=key, fields={"email": "late@example.com"}, expected_version=one(connector, key).version)
    outcomes: list[WriteOutcome] = []
    writer = threading.Thread(target=lambda: outcomes.append(connector.write("customers", [change])[0].outcome))
    waiting = sa.text("SELECT count(*) FROM pg_stat_activity WHERE usename = :role AND wait_event_type = 'Lock'")
    with erp.owner.connect() as clerk, clerk.begin():
        clerk.execute(sa.update(ADDRESSES).where(ADDRESSES.c.customer_no == key).values(city="Leeds"))
        writer.start()
        deadline = time.monotonic() + 10
        with erp.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while writer.is_alive() and not watcher.execute(waiting, {"role": ROLE}).scalar_one():
                assert time.monotonic() < deadline, "the writer neither waits nor ends"
                writer.join(0.02)
    writer.join(10)
    assert outcomes == [WriteOutcome.CONFLICT]
    assert one(connector, key).data["email"] == erp.customers[key]["email"]


def test_each_change_gets_its_own_result(erp: Erp, connector: Any) -> None:
    homeless = next(key for key in erp.customers if key not in erp.addresses)
    key = next(iter(erp.addresses))
    results = connector.write(
        "customers",
        [
            Change(key="K0", fields={"email": "a@example.com"}),
            Change(key=homeless, fields={"main_address.street": "x"}),
            Change(key=key, fields={"row_version": 9}),
            Change(key=key, fields={"birth_date": "3 Feb"}),
            Change(key=key, fields={"last_name": None}),
            Change(key=key, fields={"email": "ok@example.com"}),
        ],
    )
    assert [result.outcome.value for result in results] == [
        "missing",
        "refused",
        "refused",
        "refused",
        "refused",
        "applied",
    ]
    assert "row_version" in results[2].reason
    assert "3 Feb" not in results[3].reason
    with pytest.raises(ConfigurationError, match="not writable"):
        connector.write("orders", [Change(key=next(iter(erp.orders)), fields={"status": "open"})])


def test_reading_back_names_what_is_gone(erp: Erp, connector: Any) -> None:
    keys = list(erp.customers)
    erp.clerk(sa.delete(CUSTOMERS).where(CUSTOMERS.c.customer_no == keys[3]))
    records = {record.key: record for record in connector.readback("customers", keys)}
    assert records.keys() == set(keys)
    assert [key for key, record in records.items() if record.deleted] == [keys[3]]
    assert records[keys[3]].version > erp.customers[keys[3]]["updated_at"]


def test_a_database_without_the_tables_asks_for_a_person(tmp_path: Path, connect: Any) -> None:
    (tmp_path / "empty.sqlite").touch()
    connector = connect("sample_erp", "erp", {"database": f"sqlite:///{tmp_path}/empty.sqlite"})
    with pytest.raises(OperatorError, match="system erp, stream customers"):
        connector.check()
