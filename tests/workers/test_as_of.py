"""Values that begin and end by date: the stored day moves them, never the clock of who reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onevoice.errors import ConfigurationError
from onevoice.messages import Envelope, RecordRef
from onevoice.store import Store, open_store
from onevoice.store import tables as t
from onevoice.workers.customers.explanation import explain_customer
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest import as_of as room
from onevoice.workers.ingest.as_of import as_of, begin_as_of, move_as_of
from onevoice.workers.rebuild import check_rebuild
from tests.mapping.desk import MAPPING, SCHEMA
from tests.workers.desk import desk_root, opened, ticket
from tests.workers.walk import Walk, at_rest, erp

DATED = MAPPING.replace(
    "  emails[main].address: {from: email, as: email}\n",
    "  emails[main].address: {from: email, as: email}\n"
    "  emails[main].valid_from: {from: mail_from, as: date, direction: in}\n"
    "  emails[main].valid_until: {from: mail_until, as: date, direction: in}\n",
)
START = date(2026, 6, 1)
TEXT = {"type": ["string", "null"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dated")
    made = desk_root(folder, DATED)
    properties = {**SCHEMA["properties"], "mail_from": TEXT, "mail_until": TEXT}
    schema = next((made / "schemas" / "desk").glob("*.json"))
    schema.write_text(json.dumps({**json.loads(schema.read_text()), "properties": properties}))
    return made


@pytest.fixture
def dated(root: Path) -> Iterator[Callable[[], Walk]]:
    stores: list[Store] = []

    def make() -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        begin_as_of(store, START)
        stores.append(store)
        return opened(store, root)

    yield make
    for store in stores:
        store.close()


def person(
    number: int, day: float, start: date | None = None, end: date | None = None, *, deleted: bool = False
) -> Envelope:
    said = {"mail_from": start and start.isoformat(), "mail_until": end and end.isoformat()}
    email = f"ann{number}@example.com"
    made = ticket(day, deleted=deleted, given="Ann", family="Lee", email=email, id=number, **said)
    values = {name: getattr(made, name) for name in made.__slots__}
    return Envelope(**values | {"key": str(number), "id": f"{number}-{day}"})


def move(walk: Walk, to: date) -> int:
    return move_as_of(walk.store, walk.ingest, to)


def mail(walk: Walk, key: str = "1") -> str | None:
    emails = walk.golden("desk", key).get("emails")
    return emails[0]["address"] if emails else None


def test_value_begins_and_ends_when_the_stored_day_moves(dated: Callable[[], Walk]) -> None:
    walk = dated()
    walk.take(person(1, 1, START + timedelta(days=10), START + timedelta(days=20)))
    assert mail(walk) is None
    seen = []
    for days in (9, 10, 20, 21):
        move(walk, START + timedelta(days=days))
        seen.append(mail(walk))
        assert check_rebuild(walk.store, walk.ingest.model, walk.ingest.survivorship).differences == ()
    assert seen == [None, "ann1@example.com", "ann1@example.com", None]


def test_events_and_obligations_follow(dated: Callable[[], Walk]) -> None:
    walk = dated()
    walk.take(erp(1, email="old@example.com"), person(1, 2, START + timedelta(days=10)))
    desk, other = RecordRef("desk", "ticket", "1"), RecordRef("erp", "customers", "K1")
    Judging(walk.store, walk.ingest).say("same", desk, other, actor="ann", reason="told")
    walk.told()
    assert mail(walk) == "old@example.com"
    assert not owed_erp(walk)
    assert move(walk, START + timedelta(days=9)) == 0
    assert walk.told() == []
    assert move(walk, START + timedelta(days=10)) == 1
    [told] = walk.told()
    assert told.type == "customer.changed"
    assert told.data["changed"] == ["emails[main].address"]
    assert mail(walk) == "ann1@example.com"
    assert owed_erp(walk)


def owed_erp(walk: Walk) -> list[Any]:
    return [row for row in walk.rows(t.obligation, system="erp") if row.lane == "record"]


def test_explanation_tells_what_is_not_in_force(dated: Callable[[], Walk]) -> None:
    walk = dated()
    walk.take(person(1, 1, START + timedelta(days=10)))
    customer = walk.record("desk", "1").customer_id
    with walk.store.transaction() as connection:
        found = explain_customer(connection, customer, walk.ingest.survivorship)
    [row] = [row for row in found.values if row.path == "emails[main].address"]
    assert (row.value, row.rule) == (None, "what was said holds not yet, or not any more")
    assert [(lost.value, lost.valid_from) for lost in row.losers] == [("ann1@example.com", "2026-06-11")]


def test_deleted_record_and_one_that_lost_its_dates_turn_no_more(dated: Callable[[], Walk]) -> None:
    walk = dated()
    walk.take(person(1, 1, START + timedelta(days=10)), person(2, 1, START + timedelta(days=10)))
    assert len(walk.rows(t.turning_day)) == 2
    walk.take(person(1, 2), person(2, 2, deleted=True))
    assert walk.rows(t.turning_day) == []
    assert mail(walk) == "ann1@example.com"


def test_day_never_goes_back_and_a_sweep_moves_it(dated: Callable[[], Walk]) -> None:
    walk = dated()
    walk.take(person(1, 1, START + timedelta(days=1)))
    walk.clock.sweep()
    with walk.store.transaction() as connection:
        today = as_of(connection)
    assert today == walk.gate.clock().date() > START
    assert mail(walk) == "ann1@example.com"
    assert move(walk, START) == 0
    with walk.store.transaction() as connection:
        assert as_of(connection) == today


def test_move_that_was_cut_is_finished_by_the_next_one(
    dated: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 1)
    walk = dated()
    walk.take(*[person(n, 1, START + timedelta(days=10)) for n in range(1, 5)])
    aged = 0

    class Cut:
        def age(self, connection: Any, customers: Any) -> None:
            nonlocal aged
            aged += 1
            if aged == 3:
                raise KeyboardInterrupt
            walk.ingest.age(connection, customers)

    with pytest.raises(KeyboardInterrupt):
        move_as_of(walk.store, Cut(), START + timedelta(days=10))
    assert None in [mail(walk, str(n)) for n in range(1, 5)]
    move(walk, START + timedelta(days=10))
    assert [mail(walk, str(n)) for n in range(1, 5)] == [f"ann{n}@example.com" for n in range(1, 5)]


DAYS = st.none() | st.integers(1, 9).map(lambda days: START + timedelta(days=days))
ARRIVALS = st.lists(st.tuples(st.integers(1, 4), DAYS, DAYS), min_size=1, max_size=8)


def test_moving_in_one_step_or_in_many_ends_alike(dated: Callable[[], Walk]) -> None:
    turned = Counter[str]()

    @settings(max_examples=80, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(ARRIVALS, st.sets(st.integers(1, 9)), st.integers(0, 8))
    def play(arrivals: list[tuple[int, date | None, date | None]], steps: set[int], first: int) -> None:
        one, many = dated(), dated()
        records = [person(n, day, start, end) for day, (n, start, end) in enumerate(arrivals)]
        one.take(*records)
        many.take(*records[:first])
        for days in sorted(steps):
            turned["steps"] += move(many, START + timedelta(days=days))
        many.take(*records[first:])
        turned["one"] += move(one, START + timedelta(days=10))
        move(many, START + timedelta(days=10))
        assert at_rest(one) == at_rest(many)
        differences = check_rebuild(many.store, many.ingest.model, many.ingest.survivorship).differences
        assert differences == ()

    play()
    assert min(turned["steps"], turned["one"]) >= 50


def test_dates_are_read_and_never_written(tmp_path: Path) -> None:
    root = desk_root(tmp_path / "hub", DATED.replace(", direction: in}", "}"))
    with pytest.raises(ConfigurationError, match="say `direction: in`"):
        opened(open_store("sqlite://"), root)
