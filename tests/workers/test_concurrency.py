"""Two that work at once on PostgreSQL: whatever meets, the rest is what one after the other would give.

One of them is stopped where it has read all that it decides by and has committed nothing; the other is then let go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from onevoice.errors import RefusedError, TransientError
from onevoice.messages import RecordRef
from onevoice.store import Lease, Store, open_store
from onevoice.store.tables import source_record
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest import batch
from tests.workers.walk import Walk, at_rest, crm, envelope, erp, sample_hub, shop

CRM_ANN = RecordRef(system="crm", stream="Contact", key="003A")
SHOP_ANN = RecordRef(system="shop", stream="customers", key="1")
HOME = "0161 496 0777"
WAIT = 30.0

Act = Callable[[Walk], object]


class Stop:
    """Stops the first that comes to merging, between what it read and its commit, until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.dies_after_ms: int | None = None
        self._free = threading.Lock()
        merge = batch.merge

        def stopping(loaded: Any, *rest: Any, **named: Any) -> Any:
            if self._free.acquire(blocking=False):
                if self.dies_after_ms is not None:
                    timeout = f"set idle_in_transaction_session_timeout = {self.dies_after_ms}"
                    loaded.connection.execute(text(timeout))
                self.reached.set()
                assert self.go_on.wait(WAIT)
            return merge(loaded, *rest, **named)

        monkeypatch.setattr(batch, "merge", stopping)


class Worker(threading.Thread):
    """Does one thing in a thread and keeps how it ended."""

    def __init__(self, act: Act, walk: Walk) -> None:
        super().__init__(daemon=True)
        self._act, self._walk = act, walk
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._act(self._walk)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def ended(self) -> BaseException | None:
        self.join(WAIT)
        assert not self.is_alive()
        return self.error


@pytest.fixture
def both(pg_url: str, hub_folder: Path) -> Iterator[Store]:
    store = open_store(pg_url)
    store.create_tables()
    yield store
    store.close()


def at_work(store: Store, hub_folder: Path) -> Walk:
    return Walk(store, *sample_hub(hub_folder))


def merge_them(walk: Walk) -> object:
    a, b = (walk.record(ref.system, ref.key).customer_id for ref in (CRM_ANN, SHOP_ANN))
    return Judging(walk.store, walk.ingest).merge(a, b, actor="ann", reason="one passport")


def split_them(walk: Walk) -> object:
    customer = walk.record("crm", "003A").customer_id
    return Judging(walk.store, walk.ingest).split(customer, [CRM_ANN], actor="bob", reason="two people")


def judge(verdict: str) -> Act:
    return lambda walk: Judging(walk.store, walk.ingest).say(verdict, CRM_ANN, SHOP_ANN, actor="ann", reason="told")


def arrival(*what: Any) -> Act:
    return lambda walk: walk.take(*what)


ANN = crm(1, Email="ann@example.com")
TWIN = shop(2)
SINGLE = crm(1, Birthdate=None, Phone=HOME, LastName="Hunt", FirstName="Gail")
GAIL_TOO = erp(2, first_name="GAIL", last_name="HUNT", birth_date=None, phone=HOME)
HUGH = shop(2, first_name="Hugh", last_name="Hunt", birth_date=None, email="hugh@example.com", phone="+441614960777")
OTHER = shop(2, email="else@example.com", birth_date="1950-01-01", first_name="Zoe", last_name="Hill")

RACES: dict[str, tuple[list[Any], Act, Act]] = {
    "judgement same against arrival": ([ANN], judge("same"), arrival(OTHER)),
    "judgement different against arrival": ([ANN], judge("different"), arrival(TWIN)),
    "profile crossing against arrival": ([SINGLE], arrival(HUGH), arrival(GAIL_TOO)),
    "delete against link": ([ANN], arrival(envelope("crm", "Contact", 3, deleted="003A")), arrival(TWIN)),
    "change against link": ([ANN], arrival(crm(3, Email="new@example.com", Birthdate="1990-01-01")), arrival(TWIN)),
}


@pytest.mark.parametrize("turned", [False, True], ids=["first-stopped", "second-stopped"])
@pytest.mark.parametrize("race", RACES)
def test_what_meets_gives_what_one_after_the_other_gives(
    race: str,
    turned: bool,
    both: Store,
    hub_folder: Path,
    new_walk: Callable[[], Walk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, *acts = RACES[race]
    first, second = acts[::-1] if turned else acts
    serial = new_walk()
    serial.take(*before)
    first(serial)
    second(serial)

    walk = at_work(both, hub_folder)
    walk.take(*before)
    stop = Stop(monkeypatch)
    stopped = Worker(first, walk)
    assert stop.reached.wait(WAIT)
    other = Worker(second, walk)
    assert blocked(both, 1)  # it waits for the commit of the one that is stopped
    stop.go_on.set()
    assert stopped.ended() is None
    assert other.ended() is None
    assert at_rest(walk) == at_rest(serial)


def test_merge_against_split_is_one_of_the_two_orders(
    both: Store, hub_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = at_work(both, hub_folder)
    walk.take(ANN, TWIN)
    together = at_rest(walk)
    stop = Stop(monkeypatch)
    splitting = Worker(split_them, walk)
    assert stop.reached.wait(WAIT)
    merging = Worker(merge_them, walk)
    stop.go_on.set()
    assert splitting.ended() is None
    error = merging.ended()
    # The merge either saw them together still, and was refused, or came after the split and undid it.
    assert error is None or isinstance(error, RefusedError)
    assert (at_rest(walk)["groups"] == together["groups"]) == (error is None)


def test_worker_that_sleeps_between_reading_and_commit_loses_the_lease_and_its_work_is_done_again(
    both: Store, hub_folder: Path, new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = at_work(both, hub_folder)
    walk.take(erp(1, customer_no="K9", first_name="ZOE", last_name="HILL", birth_date="1999-09-09"))
    stop = Stop(monkeypatch)
    stop.dies_after_ms = 300
    sleeping = Worker(arrival(ANN), walk)
    assert stop.reached.wait(WAIT)
    run_out(both, "test", stop)

    awake = at_work_as(both, hub_folder, "other")
    awake.take(TWIN)  # the twin of what the sleeper has read nobody for
    stop.go_on.set()
    assert isinstance(sleeping.ended(), TransientError)
    assert {row.system for row in awake.rows(source_record)} == {"erp", "shop"}  # nothing of it was committed
    with pytest.raises(TransientError):
        walk.take(ANN)  # it still believes in its old lease
    awake.take(ANN)
    assert awake.record("crm", "003A").customer_id == awake.record("shop", "1").customer_id
    plain = new_walk()
    plain.take(ANN, TWIN, erp(1, customer_no="K9", first_name="ZOE", last_name="HILL", birth_date="1999-09-09"))
    assert at_rest(awake) == at_rest(plain)


def at_work_as(store: Store, hub_folder: Path, holder: str) -> Walk:
    class OtherWorker(Walk):
        def take_lease(self, _holder: str) -> Lease:
            return super().take_lease(holder)

    return OtherWorker(store, *sample_hub(hub_folder))


def run_out(store: Store, holder: str, stop: Stop) -> None:
    """The sleeper's time is up: the database ends its session, and with it its hold on the lease."""
    with store.transaction() as connection:
        update = "update lease set expires_at = now() - interval '1 second' where name = 'ingest' and holder = :holder"
        connection.execute(text(update), {"holder": holder})  # waits until the session is gone
    assert not stop.go_on.is_set()


def blocked(store: Store, number: int) -> bool:
    """Return once so many sessions wait for a lock."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        with store.transaction() as connection:
            if connection.execute(text(waiting)).scalar_one() >= number:
                return True
    return False
