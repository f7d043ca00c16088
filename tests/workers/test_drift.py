"""A source that changes its shape overnight: what each contract mode does with it, and what is reported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import permutations
from pathlib import Path

import pytest

from onevoice.bus import Delivery
from onevoice.contracts import apply_patch, proposed_patch
from onevoice.errors import RefusedError
from onevoice.store import Store, open_store
from onevoice.store import tables as t
from onevoice.workers.catalog import load_catalog
from onevoice.workers.customers.judging import Judging
from onevoice.workers.drift import drift_counts, drift_reports
from onevoice.workers.lacking import Lacking
from onevoice.workers.sync import Sync
from tests.mapping.desk import MAPPING, TICKET
from tests.workers.desk import desk_of, desk_root, opened, ticket
from tests.workers.walk import ERP, Walk, at_rest, erp

MODES = ("quarantine record", "quarantine field", "evolve", "freeze")
SECRET = "marked-value-7f3a"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {mode: desk_root(tmp_path_factory.mktemp("drift"), under(mode)) for mode in MODES}


@pytest.fixture
def hub(roots: dict[str, Path]) -> Iterator[Callable[[str], Walk]]:
    stores: list[Store] = []

    def make(mode: str) -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        stores.append(store)
        return opened(store, roots[mode])

    yield make
    for store in stores:
        store.close()


def under(mode: str) -> str:
    return MAPPING.replace("writable: true\n", f"writable: true\ncontract: {mode}\n")


def seen(walk: Walk) -> set[tuple[str, str, int]]:
    with walk.store.transaction() as connection:
        return {(one.path, one.what, one.records) for one in drift_reports(connection, walk.catalog)}


def test_reports_are_counted_on_both_databases(store: Store, roots: dict[str, Path]) -> None:
    walk = opened(store, roots["quarantine record"])
    walk.take(ticket(1, given=5), ticket(2, given=6, vip=True), erp(1), batch=2)
    walk.take(ticket(3, given=7, family=None))
    assert seen(walk) == {("given", "type integer", 3), ("vip", "new boolean", 1)}
    assert walk.record("erp", "K1").type == "person"


@pytest.mark.parametrize("mode", MODES)
def test_a_field_of_another_type_is_reported_and_the_rest_flows(hub: Callable[[str], Walk], mode: str) -> None:
    walk = hub(mode)
    walk.take(ticket(1))
    walk.take(ticket(2, given=[SECRET], family="Leigh"), erp(1))
    assert walk.record("erp", "K1").type == "person"
    record, rows = walk.record("desk", "7"), walk.rows(t.quarantine)
    assert seen(walk) == {("given", "type array", 1)}
    assert [row.pointers for row in rows] == [["/given"]]
    assert SECRET not in rows[0].reason
    assert SECRET.encode() in rows[0].body
    if mode == "quarantine field":
        assert record.canonical["name"] == {"given": "Ann", "family": "Leigh"}
        assert (rows[0].step, record.payload["given"]) == ("field", [SECRET])
    else:
        assert record.canonical["name"] == {"given": "Ann", "family": "Lee"}


@pytest.mark.parametrize(("mode", "taken"), [(mode, mode != "freeze") for mode in MODES])
def test_a_new_field_is_reported_and_stops_a_frozen_stream_alone(
    hub: Callable[[str], Walk], mode: str, taken: bool
) -> None:
    walk = hub(mode)
    walk.take(ticket(1), ticket(2, vip=True, family="Leigh"), ticket(3, vip="yes", family="Lay"))
    assert seen(walk) == {("vip", "new boolean", 1), ("vip", "new string", 1)}
    record = walk.record("desk", "7")
    assert record.canonical["name"]["family"] == ("Lay" if taken else "Lee")
    assert record.payload.get("vip") == ("yes" if taken else None)
    assert len(walk.rows(t.quarantine)) == (0 if taken else 2)
    with walk.store.transaction() as connection:
        assert drift_counts(connection, walk.catalog) == {"desk": 2}


def test_evolving_takes_what_the_mapping_can_read_all_the_same(hub: Callable[[str], Walk]) -> None:
    walk = hub("evolve")
    walk.take(ticket(1, no_mail="x", family="Leigh"))
    assert seen(walk) == {("no_mail", "type string", 1)}
    assert walk.record("desk", "7").canonical["name"]["family"] == "Leigh"
    assert walk.rows(t.quarantine) == []


def test_a_frozen_stream_is_not_read_until_its_schema_is_mended(hub: Callable[[str], Walk], tmp_path: Path) -> None:
    walk = opened(hub("freeze").store, desk_root(tmp_path / "hub", under("freeze")))
    desk = desk_of(walk)
    desk.put(TICKET | {"vip": True})
    sync = Sync(walk.store, walk.door, walk.systems, "test", Lacking(walk.store, walk.ingest))
    assert sync.sync("desk", "ticket").published == 1
    walk.drain()
    with pytest.raises(RefusedError, match="frozen"):
        sync.sync("desk", "ticket")
    mend(walk, tmp_path / "hub")
    again = opened(walk.store, tmp_path / "hub")
    again.systems.given["desk"] = desk
    assert (
        Sync(again.store, again.door, again.systems, "test", Lacking(again.store, again.ingest))
        .sync("desk", "ticket")
        .read
        == 1
    )
    assert seen(again) == set()


def mend(walk: Walk, root: Path) -> None:
    file = root / "schemas/desk/ticket.json"
    with walk.store.transaction() as connection:
        drift = [one.drift for one in drift_reports(connection, walk.catalog)]
    schema = json.loads(file.read_text())
    file.write_text(json.dumps(apply_patch(schema, proposed_patch(schema, drift), "ticket.json")))
    load_catalog(walk.config)


def test_what_was_set_aside_is_taken_in_once_the_schema_is_mended(hub: Callable[[str], Walk], tmp_path: Path) -> None:
    root = desk_root(tmp_path / "hub", under("quarantine field"))
    walk = opened(hub("quarantine field").store, root)
    walk.take(ticket(1, email=None), ticket(2, email="x" * 5 + "@example.com", no_mail="true", family="Leigh"))
    assert [row.pointers for row in walk.rows(t.quarantine)] == [["/no_mail"]]
    assert walk.rows(t.act) == []
    mapping = under("quarantine field").replace(
        "values: {true: withdrawn}", 'values: {true: withdrawn, "true": withdrawn}'
    )
    (root / "mappings/desk/ticket.yaml").write_text(mapping)
    mend(walk, root)
    again = opened(walk.store, root)
    [row] = again.rows(t.quarantine)
    same = Delivery(body=row.body, routing_key="desk.ticket", user_id=None, redelivered=0, tag=None)
    assert again.take(same).counts["applied"] == 1
    assert [act.kind for act in again.rows(t.act)] == ["withdrawal"]
    assert again.take(same).counts["duplicate"] == 1


def test_any_order_comes_to_the_same_rest_with_fields_set_aside(hub: Callable[[str], Walk]) -> None:
    story = [
        ticket(1, given="Ann", email="a@example.com"),
        ticket(2, given=["x"], email="b@example.com"),
        ticket(3, given="Anna", email=5),
        ticket(4, given=["y"], email=6, family="Leigh"),
    ]
    expected = None
    for order in permutations(story):
        walk = hub("quarantine field")
        walk.take(*order, batch=1)
        found = at_rest(walk)
        expected = expected or found
        assert found == expected, [story.index(one) for one in order]
    assert expected is not None
    [canonical] = [values[0] for values in expected["records"].values()]
    assert canonical["name"] == {"given": "Anna", "family": "Leigh"}
    assert canonical["emails"][0]["address"] == "b@example.com"


def test_nothing_is_written_over_a_field_that_waits(hub: Callable[[str], Walk]) -> None:
    walk = hub("quarantine field")
    desk = desk_of(walk)
    walk.take(ticket(0.5))
    walk.arrive("desk", "ticket", desk.put(TICKET | {"given": ["x"], "family": "Lee"}))
    for _ in range(60):
        walk.erp.tick()
    person = {"customer_no": "K2", "first_name": "Anna", "last_name": "Leigh", "email": "ann@example.com"}
    walk.arrive("erp", "customers", walk.erp.put(ERP | person | {"email_opt_out": True}))
    two = (walk.record("desk", "7").customer_id, walk.record("erp", "K2").customer_id)
    Judging(walk.store, walk.ingest).merge(*two, actor="ann", reason="same passport")
    assert walk.golden("desk", "7")["name"] == {"given": "Anna", "family": "Leigh"}
    walk.settle()
    assert desk.records["7"] | {"changed": ""} == TICKET | {
        "changed": "",
        "given": ["x"],
        "family": "Leigh",
        "no_mail": True,
    }
