"""A changed mapping applied to what is stored: counts first, in pages, to where a fresh load under it would end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onevoice.messages import Envelope, Lane
from onevoice.store import Store, open_store
from onevoice.store import tables as t
from onevoice.workers import remap
from onevoice.workers.remap import apply_mapping, find_outdated
from tests.mapping.desk import MAPPING, call, partner
from tests.workers.desk import desk_root, opened, ticket
from tests.workers.walk import Walk, at_rest, erp

BEFORE = (
    MAPPING.replace("  name.given: given\n", "")
    .replace("    when: {partner.family: present}\n", "    when: {partner.no_calls: [true]}\n")
    .replace("  acts[email/marketing]:\n    in: {from: no_mail, values: {true: withdrawn}, otherwise: no act}\n"
             "    out: {to: no_mail, from: permission, values: {denied: true, allowed: false}, otherwise: leave}\n", "")
    .partition("tests:")[0]
    + "  given: not yet\n  no_mail: not yet\n"
)  # fmt: skip


def story() -> list[Envelope]:
    """Three tickets: one of a couple with an opt-out, one that was deleted, one that the new mapping cannot take."""
    return [
        ticket(1, partner=partner(), calls=[call(1, 3)], no_mail=True),
        ticket(2, partner=partner(), calls=[call(1, 3), call(2, 4)], no_mail=True),
        numbered(8, ticket(1, id=8, email="bob@example.com", partner=partner(no_calls=True))),
        numbered(8, ticket(2, id=8, deleted=True)),
    ]


def numbered(number: int, one: Envelope) -> Envelope:
    values = {name: getattr(one, name) for name in one.__slots__}
    return Envelope(**values | {"key": str(number), "id": f"{number}-{one.id}"})


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    mappings = {"before": BEFORE, "after": MAPPING}
    return {name: desk_root(tmp_path_factory.mktemp("remap") / name, text) for name, text in mappings.items()}


@pytest.fixture
def fresh(roots: dict[str, Path]) -> Iterator[Callable[[], Walk]]:
    store = open_store("sqlite://")
    store.create_tables()
    yield lambda: opened(store, roots["after"])
    store.close()


def apply(walk: Walk, limit: int | None = None) -> int:
    return apply_mapping(
        walk.store, walk.ingest, walk.catalog.streams["desk", "ticket"], limit=limit, progress=lambda _: None
    )


def test_stored_records_end_where_a_fresh_load_would(
    store: Store, roots: dict[str, Path], fresh: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remap, "PAGE", 1)
    old = opened(store, roots["before"])
    old.take(*story())
    assert "7#partner" not in {row.key for row in old.rows(t.source_record)}
    walk = opened(store, roots["after"])
    stream = walk.catalog.streams["desk", "ticket"]
    assert find_outdated(store, walk.catalog, stream, lambda _: None).records == 2
    assert apply(walk, limit=1) > 0
    assert find_outdated(store, walk.catalog, stream, lambda _: None).records == 1
    assert apply(walk) > 0
    assert apply(walk) == 0
    reference = fresh()
    reference.take(*story()[1:])  # of versions before the present one nothing is stored but what their flags said
    found, expected = at_rest(walk), at_rest(reference)
    for records in (found["records"], expected["records"]):
        del records["desk/ticket/8#partner"]  # a record that is deleted gives nothing anew
        for name, values in records.items():
            records[name] = (*values[:6], *values[7:]) if name == "desk/ticket/8" else values
    assert found == expected
    assert {act[4] for act in found["acts"]} == {"7", "8#partner"}


def test_what_the_new_mapping_cannot_take_is_counted_and_stays(roots: dict[str, Path], tmp_path: Path) -> None:
    store = open_store("sqlite://")
    store.create_tables()
    opened(store, roots["before"]).take(ticket(1, partner=partner(family="x")))
    strict = MAPPING.replace("name.given: given", "name.given: {from: given, values: {Bob: Bob}}")
    walk = opened(store, desk_root(tmp_path / "strict", strict))
    found = find_outdated(store, walk.catalog, walk.catalog.streams["desk", "ticket"], lambda _: None)
    [(reason, change)] = found.refused.items()
    assert (change.goes, change.keys) == (1, ["7"])
    assert "name.given" in reason
    assert apply(walk) == 0
    assert walk.record("desk", "7").canonical["name"] == {"family": "Lee"}
    store.close()


def test_a_field_that_a_mapping_comes_to_write_is_owed_to_the_system(roots: dict[str, Path], tmp_path: Path) -> None:
    store = open_store("sqlite://")
    store.create_tables()
    root = desk_root(
        tmp_path / "read", MAPPING.replace("name.family: family", "name.family: {from: family, write: never}")
    )
    walk = opened(store, root)
    walk.take(ticket(1, family="Leigh"), erp(2, last_name="Leighton", email="ann@example.com", first_name="Ann"))
    assert walk.record("erp", "K1").customer_id == walk.record("desk", "7").customer_id
    assert not any(work.system == "desk" for work in walk.owed())
    (root / "mappings/desk/ticket.yaml").write_text(MAPPING)
    again = opened(store, root)
    apply(again)
    due = again.rows(t.obligation, system="desk", lane=Lane.RECORD.value)
    assert [row.target for row in due] == ["7"]
    store.close()


def test_a_schema_alone_makes_records_outdated(roots: dict[str, Path], tmp_path: Path) -> None:
    store = open_store("sqlite://")
    store.create_tables()
    root = desk_root(tmp_path / "schema")
    opened(store, root).take(ticket(1))
    schema = json.loads((root / "schemas/desk/ticket.json").read_text())
    schema["properties"]["vip"] = {"type": "boolean"}
    (root / "schemas/desk/ticket.json").write_text(json.dumps(schema))
    walk = opened(store, root)
    stream = walk.catalog.streams["desk", "ticket"]
    assert find_outdated(store, walk.catalog, stream, lambda _: None).records == 1
    assert (apply(walk), find_outdated(store, walk.catalog, stream, lambda _: None).records) == (0, 0)
    store.close()
