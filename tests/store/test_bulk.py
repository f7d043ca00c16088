"""Many rows in one statement: the same on both databases."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import select

from onevoice.errors import TransientError
from onevoice.store import Store, open_store, rows_by_keys, rows_up_to, update_rows, upsert
from onevoice.store.tables import customer, pair, quarantine, record_key, stream_state, system_state
from onevoice.testing.servers import PrivatePostgres

NOW = datetime(2024, 12, 3, 9, 14, 5, 250114, tzinfo=UTC)


def state(system: str, **values: Any) -> dict[str, Any]:
    row = {
        "system": system,
        "parked": False,
        "reason": None,
        "last_contact_at": NOW,
        "last_error": None,
        "last_error_at": None,
        "failures": 0,
    }
    return row | values


def states(store: Store) -> dict[str, Any]:
    with store.transaction() as connection:
        return {row.system: row for row in connection.execute(select(system_state))}


def test_rows_are_inserted_with_every_type_intact(store: Store) -> None:
    ids = [uuid4(), uuid4()]
    golden = {"name": {"given": "Zoë", "family": "O'Hara"}, "list": [1, 2.5, None, True], "empty": {}}
    rows = [{"id": i, "type": "person", "golden": golden, "revision": 1, "updated_at": NOW} for i in ids]
    with store.transaction() as connection:
        upsert(connection, customer, rows, key=["id"])
    with store.transaction() as connection:
        found = connection.execute(select(customer).order_by(customer.c.id)).all()
    assert [row.id for row in found] == sorted(ids)
    assert all(row.golden == golden and row.updated_at == NOW for row in found)


def test_bytes_and_nulls_survive(store: Store) -> None:
    body = bytes(range(256))
    row = {
        "id": uuid4(),
        "system": "crm",
        "stream": "Contact",
        "key": "1",
        "message_id": "m",
        "body": body,
        "step": "mapping",
        "reason": "because",
        "pointers": [],
        "mapping_version": None,
        "fingerprint": "f",
        "attempts": 1,
        "created_at": NOW,
        "resolved_at": None,
        "resolution": None,
    }
    with store.transaction() as connection:
        upsert(connection, quarantine, [row], key=["id"])
        found = connection.execute(select(quarantine)).one()
    assert (bytes(found.body), found.pointers, found.mapping_version) == (body, [], None)


def test_a_standing_row_changes_in_the_named_columns_only(store: Store) -> None:
    with store.transaction() as connection:
        upsert(connection, system_state, [state("crm", reason="old", failures=3)], key=["system"])
        fresh = [state("crm", reason="new", failures=9), state("erp")]
        upsert(connection, system_state, fresh, key=["system"], update=["reason"])
    found = states(store)
    assert (found["crm"].reason, found["crm"].failures) == ("new", 3)
    assert found["erp"].reason is None


def test_without_columns_to_change_a_standing_row_stays(store: Store) -> None:
    with store.transaction() as connection:
        upsert(connection, system_state, [state("crm", reason="first")], key=["system"])
        upsert(connection, system_state, [state("crm", reason="second")], key=["system"])
    assert states(store)["crm"].reason == "first"


def test_expressions_count_from_the_standing_row_and_from_the_new_one(store: Store) -> None:
    row = {
        "system": "crm",
        "stream": "Contact",
        "cursor": {"at": "1"},
        "started_at": None,
        "succeeded_at": None,
        "reconciled_at": None,
        "records_published": 5,
    }
    counted = {"records_published": "stream_state.records_published + excluded.records_published"}
    for _ in range(3):
        with store.transaction() as connection:
            upsert(connection, stream_state, [row], key=("system", "stream"), update=["cursor"], expressions=counted)
    with store.transaction() as connection:
        found = connection.execute(select(stream_state)).one()
    assert (found.records_published, found.cursor) == (15, {"at": "1"})


def test_no_rows_and_no_keys_are_no_work(store: Store) -> None:
    with store.transaction() as connection:
        upsert(connection, system_state, [], key=["system"])
        assert rows_by_keys(connection, system_state, list(system_state.c), key=["system"], keys=[]) == []


def test_rows_are_found_by_keys_of_several_columns(store: Store) -> None:
    rows = [
        {
            "system": system,
            "stream": stream,
            "cursor": None,
            "started_at": None,
            "succeeded_at": None,
            "reconciled_at": None,
            "records_published": 0,
        }
        for system in ("crm", "erp")
        for stream in ("a", 'b"]', "c, d")
    ]
    wanted = [("crm", "a"), ("erp", 'b"]'), ("erp", "c, d"), ("shop", "a")]
    with store.transaction() as connection:
        upsert(connection, stream_state, rows, key=("system", "stream"))
        columns = [stream_state.c.system, stream_state.c.stream]
        found = rows_by_keys(connection, stream_state, columns, key=("system", "stream"), keys=wanted)
    assert sorted(tuple(row) for row in found) == sorted(wanted[:3])


def test_rows_are_found_by_uuid(store: Store) -> None:
    ids: list[UUID] = sorted(uuid4() for _ in range(4))
    rows = [
        {"a": a, "b": b, "score": 1.5, "outcome": "link", "evidence": [["email", "personal", 9.0]]}
        for a, b in itertools.pairwise(ids)
    ]
    with store.transaction() as connection:
        upsert(connection, pair, rows, key=["a", "b"])
        found = rows_by_keys(connection, pair, list(pair.c), key=["a"], keys=[(ids[0],), (ids[3],)])
    assert [(row.a, row.b, row.score) for row in found] == [(ids[0], ids[1], 1.5)]


def test_a_thousand_keys_are_one_question(store: Store) -> None:
    with store.transaction() as connection:
        upsert(connection, system_state, [state(f"s{n}") for n in range(1000)], key=["system"])
        keys = [(f"s{n}",) for n in range(500, 1500)]
        found = rows_by_keys(connection, system_state, [system_state.c.system], key=["system"], keys=keys)
    assert len(found) == 500


def test_an_update_changes_what_stands_as_the_key_says_and_adds_nothing(store: Store) -> None:
    with store.transaction() as connection:
        upsert(connection, system_state, [state("crm"), state("erp", failures=2), state("shop")], key=["system"])
        change = {"reason": "why", "last_contact_at": None}
        rows = [{"system": system, "failures": 0, **change} for system in ("shop", "erp", "crm", "nowhere")]
        update_rows(connection, system_state, rows, key=["system", "failures"])
    found = states(store)
    assert found.keys() == {"crm", "erp", "shop"}
    assert (found["crm"].reason, found["crm"].last_contact_at, found["crm"].parked) == ("why", None, False)
    assert (found["erp"].reason, found["erp"].last_contact_at) == (None, NOW)


def test_no_more_than_so_many_rows_come_of_one_key(store: Store) -> None:
    many, few = sorted(uuid4() for _ in range(5)), sorted(uuid4() for _ in range(2))
    rows = [{"key": "many", "record_id": i} for i in many] + [{"key": "few", "record_id": i} for i in few]
    with store.transaction() as connection:
        upsert(connection, record_key, rows, key=["key", "record_id"])
        columns = [record_key.c.key, record_key.c.record_id]
        keys = ["few", "many", "none", "few"]
        found = rows_up_to(connection, record_key, columns, key="key", keys=keys, most=3)
        assert rows_up_to(connection, record_key, columns, key="key", keys=[], most=3) == []
    assert sorted(row.record_id for row in found if row.key == "few") == few
    some = [row.record_id for row in found if row.key == "many"]
    assert len(set(some)) == 3
    assert set(some) <= set(many)


def test_an_error_rolls_the_whole_transaction_back(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            upsert(connection, system_state, [state("crm")], key=["system"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert states(store) == {}


def test_a_database_that_is_away_is_trouble_that_passes(tmp_path: Any) -> None:
    from onevoice.store import open_store

    away = open_store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(TransientError) as raised:
        away.ping()
    assert "nobody" not in str(raised.value)


def test_rows_are_locked_in_pythons_order_whatever_the_database_sorts_by(postgres: PrivatePostgres) -> None:
    name = f"english_{uuid4().hex[:8]}"
    with psycopg.connect(postgres.url("postgres").replace("+psycopg", "", 1), autocommit=True) as admin:
        admin.execute(f"create database {name} template template0 locale_provider icu icu_locale 'en-US' locale 'C'")
    store = open_store(postgres.url(name))
    systems = ["a", "B", "b", "Z", "é"]
    try:
        with store.transaction() as connection:
            system_state.create(connection)
            upsert(connection, system_state, [state(one) for one in systems], key=["system"])
            by_database = connection.scalars(select(system_state.c.system).order_by(system_state.c.system)).all()
            assert by_database != sorted(systems)  # or there would be nothing to prove
            keys = [(one,) for one in systems]
            rows = rows_by_keys(connection, system_state, [system_state.c.system], key=["system"], keys=keys, lock=True)
            assert [row.system for row in rows] == sorted(systems)
            update_rows(connection, system_state, [{"system": one, "failures": 1} for one in systems], key=["system"])
            assert set(connection.scalars(select(system_state.c.failures))) == {1}
    finally:
        store.close()
        postgres.drop_database(name)
