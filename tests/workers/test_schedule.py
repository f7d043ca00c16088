"""The built-in schedule: changes are read at every poll, the whole stream at every interval, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from onevoice.errors import OperatorError, TransientError
from onevoice.messages import Json
from onevoice.store import tables as t
from onevoice.workers.lacking import Lacking
from onevoice.workers.schedule import Schedule
from onevoice.workers.sync import Sync
from onevoice.workers.systems import READ
from tests.workers.fakes import FakeSystem
from tests.workers.walk import CRM, Walk

PEOPLE = 10


class Counted(FakeSystem):
    """Counts reads: of the whole stream, and of what changed."""

    def __init__(self) -> None:
        super().__init__("SystemModstamp", "Id")
        self.whole = self.changes = 0
        self.refuses = False

    def read(self, stream: str, cursor: Json | None) -> Any:
        self.whole += cursor is None
        self.changes += cursor is not None
        if self.refuses:
            raise OperatorError("system crm: does not let us in")
        if stream == "Contact":
            yield from super().read(stream, cursor)


class Scheduled:
    """The schedule of the CRM, whose contacts were read once."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.crm = walk.systems.given["crm"] = Counted()
        for number in range(PEOPLE):
            self.crm.put(CRM | {"Id": f"00{number}"})
        sync = Sync(walk.store, walk.door, walk.systems, "test", Lacking(walk.store, walk.ingest))
        hub: Any = SimpleNamespace(
            store=walk.store, config=walk.config, catalog=walk.catalog, systems=walk.systems, sync=sync
        )
        self.schedule = Schedule(hub, "crm")

    def poll(self) -> tuple[int, int]:
        """Whole reads and reads of changes that one poll of both streams did."""
        whole, changes = self.crm.whole, self.crm.changes
        self.schedule.poll(Event())
        self.walk.drain()
        return self.crm.whole - whole, self.crm.changes - changes

    def age(self, **columns: timedelta) -> None:
        """Let the contacts' last whole read be so long ago."""
        now = datetime.now(UTC)
        with self.walk.store.transaction() as connection:
            connection.execute(
                update(t.stream_state)
                .where(t.stream_state.c.stream == "Contact")
                .values({name: now - ago for name, ago in columns.items()})
            )

    def state(self) -> Any:
        [row] = self.walk.rows(t.stream_state, system="crm", stream="Contact")
        return row


@pytest.fixture
def scheduled(new_walk: Callable[[], Walk]) -> Scheduled:
    found = Scheduled(new_walk())
    found.schedule.poll(Event())
    found.walk.drain()
    return found


def test_a_stream_that_is_polled_all_the_time_is_reconciled_at_its_interval(scheduled: Scheduled) -> None:
    before = scheduled.crm.whole
    scheduled.poll()
    whole_of_cases = scheduled.crm.whole - before  # an empty stream has no cursor yet
    assert scheduled.poll() == (whole_of_cases, 1)
    scheduled.age(reconciled_at=timedelta(days=2))
    del scheduled.crm.records["000"]
    assert scheduled.poll() == (whole_of_cases + 1, 1)
    assert scheduled.walk.record("crm", "000").deleted
    assert scheduled.poll() == (whole_of_cases, 1)


def test_a_first_read_that_broke_off_is_made_up_for_by_a_whole_one(scheduled: Scheduled) -> None:
    with scheduled.walk.store.transaction() as connection:
        connection.execute(update(t.stream_state).values(reconciled_at=None))
    scheduled.poll()
    assert scheduled.state().reconciled_at is not None


def test_a_refused_reconciliation_keeps_nothing_from_being_read_and_is_not_made_again_at_once(
    scheduled: Scheduled,
) -> None:
    ordinary = scheduled.poll()
    scheduled.age(reconciled_at=timedelta(days=2))
    kept = scheduled.crm.records.pop("009")
    scheduled.crm.records = {"009": kept}
    scheduled.crm.change("009", LastName="Leigh")
    assert scheduled.poll() == (ordinary[0] + 1, ordinary[1])
    assert scheduled.walk.golden("crm", "009")["name"]["family"] == "Leigh"
    assert not scheduled.walk.record("crm", "000").deleted
    succeeded = scheduled.state().succeeded_at
    assert scheduled.poll() == ordinary
    assert scheduled.state().succeeded_at > succeeded
    scheduled.schedule = Schedule(scheduled.schedule.hub, "crm")  # another process has tried nothing yet
    assert scheduled.poll() == (ordinary[0] + 1, ordinary[1])


def test_a_system_that_does_not_let_us_in_is_asked_once_and_then_left_alone(scheduled: Scheduled) -> None:
    scheduled.age(reconciled_at=timedelta(days=2))
    scheduled.crm.refuses = True
    assert sum(scheduled.poll()) == 1
    assert scheduled.poll() == (0, 0)
    assert scheduled.walk.systems.parked() == {"crm"}


def test_a_poller_pauses_while_too_many_messages_wait_and_then_reads_on_where_it_was(walk: Walk) -> None:
    crm = walk.systems.given["crm"] = FakeSystem("SystemModstamp", "Id")
    crm.put(CRM | {"Id": "001"})
    lacking = Lacking(walk.store, walk.ingest)
    sync = Sync(walk.store, walk.door, walk.systems, "test", lacking, most_waiting=0)
    assert sync.sync("crm", "Contact").published == 1
    crm.put(CRM | {"Id": "002"})
    with pytest.raises(TransientError, match="too many messages wait"):
        sync.sync("crm", "Contact")
    assert not walk.systems.is_paused("crm", READ)  # that is not the system's fault
    [state] = walk.rows(t.system_state, system="crm")
    assert state.failures == 0
    walk.drain()
    assert sync.sync("crm", "Contact").published == 1
