"""One source record that gives a person, a partner, what ties them, calls and an act: in, in any order, and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from onevoice.messages import Envelope, Json, Lane
from onevoice.store import Store, open_store
from onevoice.store import tables as t
from onevoice.workers.lacking import Lacking
from onevoice.workers.sync import Sync
from tests.mapping.desk import TICKET, call, partner
from tests.workers.desk import arrive, desk_of, desk_root, opened, ticket
from tests.workers.fakes import delivery_of
from tests.workers.walk import ERP, Walk, at_rest, erp

STOP = {"at": "2026-01-05T00:00:00Z", "words": "no more"}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_root(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def walk(store: Store, root: Path) -> Walk:
    return opened(store, root)


@pytest.fixture
def empty(root: Path) -> Iterator[Any]:
    stores: list[Store] = []

    def make() -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        stores.append(store)
        return opened(store, root)

    yield make
    for store in stores:
        store.close()


def test_one_record_gives_people_their_relationship_calls_and_an_act(walk: Walk) -> None:
    walk.take(ticket(1, partner=partner(), calls=[call(1, 3), call(2, 4)], stop=STOP))
    types = {row.key: row.type for row in walk.rows(t.source_record)}
    assert types == {
        "7": "person",
        "7#partner": "person",
        "7#couple": "relationship",
        "7#call/1": "interaction",
        "7#call/2": "interaction",
        "7#stop": "act",
    }
    assert walk.record("desk", "7").customer_id != walk.record("desk", "7#partner").customer_id
    assert walk.record("desk", "7#couple").canonical["to"] == {"stream": "ticket", "key": "7#partner"}
    [act] = walk.rows(t.act)
    assert (act.kind, act.anchor_key, act.source_key) == ("objection", "7", "7#stop")
    assert {row.party_key for row in walk.rows(t.source_record, type="interaction")} == {"7"}
    assert [row.state for row in walk.rows(t.message)] == ["applied"]
    assert "partner" not in walk.record("desk", "7#call/1").payload


def test_the_same_again_changes_nothing_and_an_objection_in_it_is_urgent(walk: Walk) -> None:
    told = ticket(1, partner=partner(), calls=[call(1, 3)], stop=STOP)
    walk.take(told, told)
    before = at_rest(walk)
    assert walk.take(told).counts["duplicate"] == 1
    assert at_rest(walk) == before
    assert walk.catalog.is_urgent("desk", "ticket", told.data)
    assert walk.catalog.is_urgent("desk", "ticket", TICKET | {"partner": partner(no_calls=True)})
    assert not walk.catalog.is_urgent("desk", "ticket", TICKET | {"partner": partner()})


def test_any_order_of_versions_comes_to_the_same_rest(empty: Any) -> None:
    story = [
        ticket(1, partner=partner(no_calls=True), calls=[call(1, 3)]),
        ticket(2, partner=None, calls=[call(1, 3, "the same bill"), call(2, 4)], stop=STOP),
        ticket(3, partner=partner(given="Robert"), calls=[]),
        ticket(4, deleted=True),
    ]
    for told in (story[:2], story[:3], story):
        expected: Any = None
        for order in permutations(told):
            walk = empty()
            walk.take(*order, batch=1)
            expected = expected or at_rest(walk)
            assert at_rest(walk) == expected, [told.index(one) for one in order]
        records = expected["records"]
        assert records["desk/ticket/7#call/1"][0]["subject"] == "the same bill"
        partner_is_gone, calls_stay = records["desk/ticket/7#partner"][4], not records["desk/ticket/7#call/2"][4]
        assert (partner_is_gone, calls_stay) == (len(told) != 3, True)


def test_a_correction_goes_back_into_the_partners_fields_and_is_no_news_of_the_record(walk: Walk) -> None:
    desk = desk_of(walk)
    arrive(walk, desk.put(TICKET | {"partner": partner(phone="+447400123456")}))
    age = walk.record("desk", "7").occurred_at
    for _ in range(60):
        walk.erp.tick(), desk.tick()
    bob = {"customer_no": "K2", "first_name": "BOB", "last_name": "Marsh", "birth_date": None}
    walk.arrive("erp", "customers", walk.erp.put(ERP | bob | {"mobile": "+447400123456", "email": "bob@example.com"}))
    walk.arrive("erp", "customers", walk.erp.change("K2", phone_opt_out=True, first_name="Robert"))
    assert walk.record("desk", "7#partner").customer_id == walk.record("erp", "K2").customer_id
    assert {(w.stream, w.target, w.lane) for w in walk.owed() if w.system == "desk"} == {
        ("ticket", "7#partner", Lane.RECORD),
        ("ticket", "7#partner", Lane.SUPPRESSION),
    }
    walk.settle()
    assert desk.records["7"]["partner"] == partner(given="Robert", no_calls=True)
    assert {change.key for change in desk.writes} == {"7"}
    assert (walk.owed(), walk.record("desk", "7").occurred_at) == (set(), age)
    assert walk.record("desk", "7#partner").canonical["name"]["given"] == "Bob"


@pytest.mark.parametrize(("key", "calls", "pointers"), [("7#x", [], []), ("7", [call(1, 3), call(1, 3)], ["/calls/1"])])
def test_what_cannot_be_told_apart_waits_whole(walk: Walk, key: str, calls: list[Json], pointers: list[str]) -> None:
    bad = ticket(1, calls=calls)
    walk.take(delivery_of(Envelope(**{name: getattr(bad, name) for name in bad.__slots__} | {"key": key})), erp(1))
    [row] = walk.rows(t.quarantine)
    assert (row.key, row.pointers or []) == (key, pointers or (["/subject"] if "#" in key else []))
    assert walk.rows(t.source_record, system="desk") == []


def test_an_enumeration_does_not_miss_what_a_record_gives_besides_itself(walk: Walk) -> None:
    desk = desk_of(walk)
    arrive(walk, desk.put(TICKET | {"partner": partner(), "calls": [call(1, 3)]}))
    sync = Sync(walk.store, walk.door, walk.systems, "test", Lacking(walk.store, walk.ingest))
    assert sync.reconcile("desk", "ticket").deleted == 0
    walk.drain()
    assert not walk.record("desk", "7#partner").deleted
    del desk.records["7"]
    assert sync.reconcile("desk", "ticket").deleted == 1
    walk.drain()
    assert {row.key: row.deleted for row in walk.rows(t.source_record)} == {
        "7": True,
        "7#partner": True,
        "7#couple": True,
        "7#call/1": False,
    }
