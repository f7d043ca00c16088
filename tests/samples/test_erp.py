"""The sample ERP's triggers: what moves when a row changes, and what does not."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, make_url, select, update
from sqlalchemy.exc import DBAPIError

from samples.erp import __main__ as desk
from samples.erp.database import create, grant_hub, load, open_engine
from samples.erp.schema import ADDRESSES, CUSTOMERS, JOURNAL, ORDERS
from samples.population import Population, generate

POPULATION = generate(60, 1)


def fill(url: str, population: Population) -> None:
    create(url)
    rows = population.records
    load(url, rows["erp", "customers"], population.erp_addresses, rows["erp", "orders"])


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'erp.sqlite'}" if request.param == "sqlite" else request.getfixturevalue("pg_url")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    fill(url, POPULATION)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def customer(engine: Engine, number: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(select(CUSTOMERS).where(CUSTOMERS.c.customer_no == number)).mappings().one())


def change(engine: Engine, number: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(update(CUSTOMERS).where(CUSTOMERS.c.customer_no == number).values(values))


def last_entry(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        query = select(JOURNAL).order_by(JOURNAL.c.entry_id.desc()).limit(1)
        return dict(connection.execute(query).mappings().one())


def test_loading_keeps_what_the_population_says(engine: Engine) -> None:
    source = POPULATION.records["erp", "customers"][0]
    row = customer(engine, source["customer_no"])

    assert row["updated_at"] == datetime.fromisoformat(source["updated_at"])
    assert row["email_opt_out"] is source["email_opt_out"]


def test_times_are_sortable_text_on_sqlite(tmp_path: Path) -> None:
    fill(f"sqlite:///{tmp_path / 'erp.sqlite'}", POPULATION)
    with sqlite3.connect(tmp_path / "erp.sqlite") as connection:
        query = "SELECT updated_at FROM customers WHERE customer_no = 'K10001'"
        loaded = connection.execute(query).fetchone()[0]
        connection.execute("UPDATE customers SET phone = NULL WHERE customer_no = 'K10001'")
        changed = connection.execute(query).fetchone()[0]
    connection.close()

    assert loaded == POPULATION.records["erp", "customers"][0]["updated_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", changed)
    assert changed > loaded


def test_an_update_moves_time_and_version_whatever_the_writer_says(engine: Engine) -> None:
    before = customer(engine, "K10002")
    change(engine, "K10002", email="new@example.com", updated_at=datetime(1999, 1, 1, tzinfo=UTC), row_version=77)
    once = customer(engine, "K10002")
    change(engine, "K10002", email="newer@example.com")
    twice = customer(engine, "K10002")

    assert abs(once["updated_at"] - datetime.now(UTC)) < timedelta(minutes=1)
    assert before["updated_at"] < once["updated_at"] < twice["updated_at"]
    assert [row["row_version"] for row in (before, once, twice)] == [1, 2, 3]


def test_many_updates_in_one_statement_get_times_of_their_own(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(CUSTOMERS).values(language="EN"))
        times = connection.execute(select(CUSTOMERS.c.updated_at)).scalars().all()

    assert len(set(times)) == len(times)


def test_a_change_of_an_address_or_order_leaves_the_customer_alone(engine: Engine) -> None:
    address = POPULATION.erp_addresses[0]
    before = customer(engine, address["customer_no"])
    with engine.begin() as connection:
        moved = ADDRESSES.c.address_id == address["address_id"]
        connection.execute(update(ADDRESSES).where(moved).values(city="Bath"))
        changed = connection.execute(select(ADDRESSES).where(moved)).mappings().one()

    assert customer(engine, address["customer_no"]) == before
    assert changed["updated_at"] > datetime.fromisoformat(address["updated_at"])
    assert last_entry(engine)["table_name"] == "addresses"


def test_a_delete_leaves_no_trace_but_in_the_journal(engine: Engine) -> None:
    number = POPULATION.records["erp", "orders"][0]["customer_no"]
    with engine.begin() as connection:
        connection.execute(delete(CUSTOMERS).where(CUSTOMERS.c.customer_no == number))
    with engine.connect() as connection:
        for table in (CUSTOMERS, ADDRESSES, ORDERS):
            assert connection.execute(select(table).where(table.c.customer_no == number)).first() is None
        query = select(JOURNAL.c.record_key).where(JOURNAL.c.action == "delete", JOURNAL.c.table_name == "customers")
        assert connection.execute(query).scalars().all() == [number]


def test_the_journal_has_old_and_new_values_once_an_update(engine: Engine) -> None:
    before = customer(engine, "K10003")
    with engine.connect() as connection:
        entries = connection.execute(select(JOURNAL.c.entry_id)).all()
    change(engine, "K10003", email="changed@example.com")
    entry = last_entry(engine)
    old, new = (json.loads(row) if isinstance(row, str) else row for row in (entry["old"], entry["new"]))

    assert entry["entry_id"] == len(entries) + 1
    assert (entry["action"], entry["table_name"], entry["record_key"]) == ("update", "customers", "K10003")
    assert (old["email"], new["email"]) == (before["email"], "changed@example.com")
    assert (old["row_version"], new["row_version"]) == (1, 2)


def test_the_journal_cannot_be_changed(engine: Engine) -> None:
    for statement in (update(JOURNAL).values(action="none"), delete(JOURNAL)):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)


def test_a_new_customer_is_journalled(engine: Engine) -> None:
    now = datetime.now(UTC)
    row = {"customer_no": "K99999", "last_name": "Neu", "email_opt_out": False, "phone_opt_out": False}
    with engine.begin() as connection:
        connection.execute(insert(CUSTOMERS).values(**row, created_at=now, updated_at=now))

    assert customer(engine, "K99999")["row_version"] == 1
    assert last_entry(engine)["record_key"] == "K99999"


def test_the_clerk_changes_a_customer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(f"sqlite:///{tmp_path / 'erp.sqlite'}", POPULATION)

    def clerk(*arguments: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["erp", "--data", str(tmp_path), *arguments])
        desk.main()
        return json.loads(capsys.readouterr().out)

    number = POPULATION.erp_addresses[0]["customer_no"]
    changed = clerk("change", number, "mobile=", "email_opt_out=true", "birth_date=1970-02-01")
    moved = clerk("address", number, "city=Bath")

    assert (changed["mobile"], changed["email_opt_out"], changed["birth_date"]) == (None, True, "1970-02-01")
    assert changed["row_version"] == moved["row_version"] == 2
    assert [place["city"] for place in moved["addresses"] if place["kind"] == "main"] == ["Bath"]
    with pytest.raises(SystemExit, match="unknown column"):
        clerk("change", number, "colour=red")
    assert clerk("delete", number) is None


def test_the_hubs_role_may_do_what_it_needs_and_no_more(pg_url: str) -> None:
    fill(pg_url, POPULATION)
    role = f"hub_{make_url(pg_url).database}"
    grant_hub(pg_url, role, "first")
    grant_hub(pg_url, role, "pass'word")
    owner = open_engine(pg_url)
    hub = open_engine(make_url(pg_url).set(username=role, password="pass'word").render_as_string(hide_password=False))
    try:
        change(hub, "K10001", email="hub@example.com", email_opt_out=True)
        for forbidden in (
            update(CUSTOMERS).values(customer_no="K1"),
            update(ADDRESSES).values(kind="billing"),
            update(ORDERS).values(status="open"),
            delete(CUSTOMERS),
            insert(JOURNAL).values(action="none"),
            select(JOURNAL),
        ):
            with pytest.raises(DBAPIError, match="permission denied"), hub.begin() as connection:
                connection.execute(forbidden)
        assert customer(hub, "K10001")["row_version"] == 2
        assert (last_entry(owner)["actor"], last_entry(owner)["action"]) == (role, "update")
    finally:
        hub.dispose()
        with owner.begin() as connection:
            connection.exec_driver_sql(f'DROP OWNED BY "{role}"')
            connection.exec_driver_sql(f'DROP ROLE "{role}"')
        owner.dispose()
