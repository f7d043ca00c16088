"""The door: what cannot be published holds up nobody, and two that publish one key at once take turns."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from onevoice.messages import SourceRecord
from onevoice.store import open_store
from onevoice.store import tables as t
from onevoice.workers.quarantine import reprocess
from tests.workers.walk import CRM, Walk, sample_hub, stamp


def contact(key: Any = "003A", **changes: Any) -> SourceRecord:
    values: dict[str, Any] = {"version": stamp(1), "data": CRM | {"Id": key, "SystemModstamp": stamp(1)}}
    return SourceRecord(stream="Contact", key=key, **(values | changes))


POISON = {
    "a whole number beyond 64 bits": contact("a", data={"Id": "a", "Number": 2**70}),
    "a type that JSON has not": contact("b", data={"Id": "b", "What": {1, 2}}),
    "half a character": contact("c", data={"Id": "c", "Name": "\ud800"}),
    "too large": contact("d", data={"Id": "d", "Photo": "x" * (13 << 20)}),
    "a long key": contact("e" * 6000),
    "NUL in the key": contact("f\0"),
    "half a character in the key": contact("g\udfff"),
    "no key": contact(""),
    "a long version": contact("h", version="9" * 513),
    "no data": contact("i", data=None),
    "a delete with data": contact("j", deleted=True),
}


@pytest.mark.parametrize("bad", POISON.values(), ids=POISON.keys())
def test_a_record_that_cannot_be_published_waits_whole_and_its_neighbours_go_on(walk: Walk, bad: SourceRecord) -> None:
    page = [contact("003A"), bad, contact("003B")]
    assert walk.door.publish("crm", page) == 2
    assert walk.door.publish("crm", page) == 0
    assert [envelope.key for envelope in walk.bus.taken_records()] == ["003A", "003B"]
    [kept] = walk.rows(t.quarantine)
    assert (kept.system, kept.stream, kept.step, kept.attempts) == ("crm", "Contact", "door", 2)
    assert kept.key == bad.key.replace("\0", "").replace("\udfff", "?")[:512]
    assert json.loads(kept.body)["subject"] == bad.key
    assert json.loads(json.dumps(json.loads(kept.body)["data"])) == json.loads(json.dumps(bad.data, default=str))
    sent = reprocess(walk, fingerprint=None, one=None, actor="ann")  # type: ignore[arg-type]
    assert (sent.count, sent.skipped) == (0, 1)


def test_two_that_number_one_key_at_once_give_it_two_numbers(pg_url: str, hub_folder: Any) -> None:
    store = open_store(pg_url)
    store.create_tables()
    walk = Walk(store, *sample_hub(hub_folder))
    together = Barrier(2, timeout=20)

    def publish(name: str) -> None:
        for round_ in range(15):
            together.wait()
            data = CRM | {"LastName": name}
            walk.door.publish("crm", [contact(str(n), version=stamp(round_), data=data) for n in range(20)])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(publish, name) for name in ("Lee", "Ray")]:
            done.result(timeout=60)
    readings: dict[tuple[str, str], set[int]] = {}
    for envelope in walk.bus.taken_records():
        readings.setdefault((envelope.key, envelope.sequence), set()).add(envelope.reading)
    store.close()
    assert len(readings) == 300
    assert {frozenset(found) for found in readings.values()} == {frozenset({0, 1})}
