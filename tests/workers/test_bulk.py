"""In bulk or over the bus: the same records, the same master."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from benchmarks.mixes import mix_b
from benchmarks.population import Population, Told
from onevoice.errors import ConfigurationError, TransientError
from onevoice.messages import SourceRecord
from onevoice.store import tables as t
from onevoice.workers import bulk as module
from onevoice.workers.bulk import Bulk
from onevoice.workers.record_file import read_records
from tests.workers.test_ingest_line import break_over
from tests.workers.walk import Walk, at_rest, crm

PEOPLE = 120


def first_load(count: int) -> list[Told]:
    told = mix_b(Population(5), 6)
    return [one for one, _ in zip(told, range(count), strict=False)]


def contact(day: float, **fields: object) -> SourceRecord:
    made = crm(day, **fields)
    return SourceRecord(stream="Contact", key=made.key, version=made.sequence, data=made.data)


def in_bulk(walk: Walk, *records: SourceRecord, system: str = "crm") -> Bulk:
    loading = Bulk(store=walk.store, ingest=walk.ingest)
    loading.load(system, records)
    return loading


def test_a_first_load_ends_as_it_would_have_over_the_bus(
    walk: Walk, new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 50)
    said = first_load(PEOPLE)
    systems = sorted({one.system for one in said})
    live = new_walk()
    for one in said:
        live.arrive(one.system, one.record.stream, one.record)
    for system in systems:
        in_bulk(walk, *(one.record for one in said if one.system == system), system=system)
    assert at_rest(walk) == at_rest(live)
    assert len(walk.rows(t.source_record)) == PEOPLE
    assert {row.confirmed for row in walk.rows(t.reading)} == {True}
    assert walk.bus.records == []


def test_versions_of_one_record_readings_and_repeats_count_as_over_the_bus(
    walk: Walk, new_walk: Callable[[], Walk]
) -> None:
    there, back = contact(1, Email="a@example.com"), contact(1, Email="b@example.com")
    records = [contact(2, FirstName="ANNE"), there, back, there, contact(2, FirstName="ANNE")]
    live = new_walk()
    for one in records:
        live.arrive("crm", "Contact", one)
    loading = in_bulk(walk, *records)
    assert at_rest(walk)["groups"] == at_rest(live)["groups"]
    assert walk.record("crm", "003A").canonical == live.record("crm", "003A").canonical
    assert +in_bulk(walk, contact(2, FirstName="ANNE")).counts == {"known": 1}
    assert loading.counts["duplicate"] == 1


def test_bad_records_and_those_that_break_the_code_wait_in_quarantine_alone(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [contact(1, Id=f"00{n}") for n in range(1, 6)]
    odd = SourceRecord(stream="Contact", key="", version="1", data={})
    with monkeypatch.context() as patched:
        break_over(patched, "003", ZeroDivisionError("003"))
        loading = in_bulk(walk, *records, odd)
    assert {row.key for row in walk.rows(t.source_record)} == {"001", "002", "004", "005"}
    assert (loading.counts["applied"], loading.counts["quarantined"]) == (4, 2)
    assert +in_bulk(walk, contact(1, Id="006", Email=7)).counts == {"quarantined": 1}
    assert sorted((row.key, row.step) for row in walk.rows(t.quarantine)) == [
        ("", "door"),
        ("003", "ingest"),
        ("006", "source schema"),
    ]


def test_a_load_that_was_cut_is_begun_again(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    records = [contact(1, Id=f"00{n}") for n in range(1, 7)]
    with monkeypatch.context() as patched:
        break_over(patched, "004", TransientError("store: away"))
        with pytest.raises(TransientError):
            in_bulk(walk, *records)
    assert {row.key for row in walk.rows(t.source_record)} == {"001", "002"}
    assert +in_bulk(walk, *records).counts == {"applied": 4, "known": 2}
    assert len(walk.rows(t.source_record)) == 6


def test_csv_says_what_ndjson_says(walk: Walk, tmp_path: Path) -> None:
    stream = walk.catalog.stream("shop", "customers")
    file = tmp_path / "customers.csv"
    file.write_text(
        "id,email,accepts_phone_marketing,updated_at\n"
        '7,"ann@example.com",true,2026-01-01T00:00:00Z\n'
        "8,,false,2026-01-01T00:00:00Z\n"
        "9,too,few\n"
    )
    wrong: list[str] = []
    first, second = read_records(file, stream, wrong)
    assert (first.key, first.data) == ("7", {**first.data, "id": 7, "accepts_phone_marketing": True})  # type: ignore[dict-item]
    assert second.data is not None
    assert (second.data["email"], second.data["accepts_phone_marketing"]) == (None, False)
    assert wrong == ["line 4: 3 values under 4 columns"]
    file.write_text("id,id\n")
    with pytest.raises(ConfigurationError, match="twice"):
        next(chain(read_records(file, stream, wrong)))
