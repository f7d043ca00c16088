"""What comes by the clock, whole lists and their changes: told by itself, held to the acts, corrected both ways."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from onevoice.consent.lists import changes_since, denied_entries, suppression_list
from onevoice.messages import Act, ListEntry, RecordRef
from onevoice.store import tables as t
from onevoice.workers.acts import Acts
from tests.workers.walk import Walk, crm, do_not_call

MINE, OTHER = "+447400123456", "+447400999888"
PHONES = ["phone", "sms"]


def state(walk: Walk, **said: Any) -> None:
    acts = Acts(contract=walk.catalog.canonical("act"), store=walk.store, ingest=walk.ingest, gate=walk.gate)
    values = {
        "id": UUID(int=0), "kind": "prohibition", "channel": "phone", "purpose": "marketing", "reason": "manual",
        "time": datetime.now(UTC) - timedelta(days=1), "source": RecordRef(system="hub", stream="act", key=""),
        "anchor_point": f"phone:{MINE}",
    }  # fmt: skip
    acts.state(Act(**(values | said)), by="test")


def stands(walk: Walk) -> list[tuple[str, str]]:
    with walk.store.transaction() as connection:
        return [(e.channel, e.point) for e in suppression_list(connection, channels=PHONES)]


def by_the_acts(walk: Walk) -> list[tuple[str, str]]:
    with walk.store.transaction() as connection:
        entries = denied_entries(connection, walk.gate, channels=PHONES, purpose="marketing")
    return [(e.channel, e.point) for e in entries]


def later(walk: Walk, **by: float) -> None:
    """Let the gate's clock, and that of whatever asks it, run ahead."""
    at = datetime.now(UTC) + timedelta(**by)
    walk.gate = replace(walk.gate, clock=lambda: at)
    walk.ingest.gate = walk.gate
    walk.clock = replace(walk.clock, gate=walk.gate, ingest=walk.ingest)


def test_what_ends_by_time_is_carried_to_the_systems_by_itself(walk: Walk) -> None:
    walk.take(crm(1, MobilePhone=MINE))
    state(walk, valid_until=datetime.now(UTC) + timedelta(days=2))
    walk.clock.sweep()
    walk.settle()
    assert ("phone", MINE) in walk.listed()
    later(walk, days=3)
    assert walk.clock.sweep() == 1
    walk.settle()
    assert ("phone", MINE) not in walk.listed()
    assert walk.clock.sweep() == 0
    assert stands(walk) == by_the_acts(walk) == []


def test_a_soft_bounce_ends_after_its_days(walk: Walk) -> None:
    state(walk, reason="soft_bounce", purpose="any", time=datetime.now(UTC) - timedelta(days=29))
    assert ("phone", MINE) in stands(walk)
    later(walk, days=2)
    walk.clock.sweep()
    assert stands(walk) == []


def test_changes_since_tell_of_what_came_and_what_left(walk: Walk) -> None:
    walk.take(do_not_call(1, point=MINE), do_not_call(2, entry_id="D2", point=OTHER))
    with walk.store.transaction() as connection:
        first = changes_since(connection, 0, channels=["phone"], limit=10)
    assert [(one.point, one.listed) for one in first] == [(MINE, True), (OTHER, True)]
    state(walk, kind="grant", reason="grant", time=datetime.now(UTC) - timedelta(hours=1), evidence={"text": "yes"})
    with walk.store.transaction() as connection:
        then = changes_since(connection, first[-1].number, channels=["phone"], limit=10)
    assert [(one.point, one.listed) for one in then] == [(MINE, False)]
    with walk.store.transaction() as connection:
        assert changes_since(connection, then[-1].number, channels=["phone"], limit=10) == []


def test_rows_that_were_lost_or_invented_are_corrected_from_the_acts(walk: Walk) -> None:
    walk.take(do_not_call(1, point=MINE))
    with walk.store.transaction() as connection:
        connection.execute(t.suppression_entry.delete())
        row = {
            "channel": "phone", "point": f"phone:{OTHER}", "purpose": "marketing", "listed": True, "said_by": [],
            "reason": "objection", "since": datetime.now(UTC), "number": 7, "changed_at": datetime.now(UTC),
        }  # fmt: skip
        connection.execute(t.suppression_entry.insert().values(row))
    walk.clock.sweep()
    assert stands(walk) == by_the_acts(walk) == [("phone", MINE)]


def test_a_list_is_compared_with_the_system_both_ways(walk: Walk) -> None:
    walk.take(do_not_call(1, point=MINE))
    walk.settle()
    walk.lists.in_force = frozenset({("phone", OTHER, "marketing")})
    assert walk.delivery.lists.compare("callcentre", "suppression") == (1, 1)
    walk.settle()
    assert walk.listed() == {("phone", MINE)}
    assert walk.delivery.lists.compare("callcentre", "suppression") == (0, 0)


def test_of_two_deliveries_of_one_list_the_older_never_has_the_last_word(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.take(do_not_call(1, point=MINE))
    walk.hurry()
    walk.relay.relay()
    first = walk.bus.taken_work()
    write, handing, go_on = walk.lists.write_list, threading.Event(), threading.Event()

    def slow(name: str, entries: Sequence[ListEntry]) -> None:
        handing.set()
        assert go_on.wait(20)
        write(name, entries)

    monkeypatch.setattr(walk.lists, "write_list", slow)
    slow_one = threading.Thread(target=walk.delivery.deliver, args=("callcentre", first[0].lane, first))
    slow_one.start()
    assert handing.wait(20)
    monkeypatch.setattr(walk.lists, "write_list", write)
    walk.take(do_not_call(2, entry_id="D2", point=OTHER))
    walk.hurry()
    walk.relay.relay()
    walk.delivery.deliver("callcentre", first[0].lane, walk.bus.taken_work())
    assert walk.lists.handed == []
    go_on.set()
    slow_one.join()
    walk.settle()
    assert walk.listed() == {("phone", MINE), ("phone", OTHER)}
