"""A lease has one holder at a time, and who lost it cannot commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from onevoice.errors import FencedError, TransientError
from onevoice.store import Lease, Store, open_store
from onevoice.store.migrate import upgrade
from onevoice.store.tables import lease as lease_table
from onevoice.store.tables import worker


def run_out(store: Store) -> None:
    """Let the time pass that the lease was taken for."""
    with store.transaction() as connection:
        connection.execute(update(lease_table).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))


def commit_work(store: Store, lease: Lease) -> None:
    with store.transaction() as connection:
        lease.hold(connection)
        row = {"name": lease.holder, "role": "ingest", "heartbeat_at": datetime.now(UTC)}
        connection.execute(worker.insert(), row)


def committed(store: Store) -> set[str]:
    with store.transaction() as connection:
        return set(connection.execute(select(worker.c.name)).scalars())


def taken(store: Store, holder: str, *, name: str = "ingest") -> Lease:
    lease = Lease.take(store, name, holder)
    assert lease is not None
    return lease


def test_one_holder_at_a_time(store: Store) -> None:
    taken(store, "one")
    assert Lease.take(store, "ingest", "two") is None
    taken(store, "two", name="other")


def test_the_holder_may_take_it_again_and_keeps_its_fence(store: Store) -> None:
    assert taken(store, "one").fence == taken(store, "one").fence


def test_a_lease_that_ran_out_passes_on_with_a_greater_fence(store: Store) -> None:
    first = taken(store, "one")
    run_out(store)
    second = taken(store, "two")
    assert second.fence > first.fence


def test_who_slept_through_a_take_over_cannot_commit(store: Store) -> None:
    first = taken(store, "one")
    run_out(store)
    second = taken(store, "two")
    with pytest.raises(FencedError):
        commit_work(store, first)
    commit_work(store, second)
    assert committed(store) == {"two"}


def test_the_same_worker_is_fenced_from_its_own_former_life(store: Store) -> None:
    former = taken(store, "one")
    run_out(store)
    again = taken(store, "one")
    assert again.fence > former.fence
    with pytest.raises(FencedError):
        commit_work(store, former)


def test_a_lease_that_ran_out_but_was_not_taken_still_commits_and_lives_on(store: Store) -> None:
    lease = taken(store, "one")
    run_out(store)
    commit_work(store, lease)
    assert Lease.take(store, "ingest", "two") is None


def test_release_gives_it_to_the_next_at_once(store: Store) -> None:
    taken(store, "one").release(store)
    taken(store, "two")


def test_a_late_release_takes_nothing_from_the_new_holder(store: Store) -> None:
    first = taken(store, "one")
    run_out(store)
    taken(store, "two")
    first.release(store)
    assert Lease.take(store, "ingest", "three") is None


def test_a_take_over_waits_for_a_commit_under_way(store: Store) -> None:
    """Whoever holds the lease in a transaction keeps it until that transaction ends, run out or not."""
    lease = taken(store, "one")
    run_out(store)
    answers: list[Lease | None] = []
    rival = threading.Thread(target=lambda: answers.append(Lease.take(store, "ingest", "two")))
    with store.transaction() as connection:
        lease.hold(connection)
        rival.start()
        rival.join(0.3)
        assert answers == []
    rival.join(10)
    assert answers == [None]


def test_many_at_once_give_one_holder(store: Store) -> None:
    taken(store, "nobody").release(store)
    answers: list[Lease | None] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(Lease.take(store, "ingest", f"worker-{n}")))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len([answer for answer in answers if answer is not None]) == 1


def test_the_very_first_take_by_many_at_once_gives_one_holder(store: Store) -> None:
    answers: list[Lease | None] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(Lease.take(store, "fresh", f"worker-{n}"))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 8
    assert len([answer for answer in answers if answer is not None]) == 1


def test_who_falls_asleep_inside_a_transaction_keeps_the_lease_no_longer_than_it_lasts(pg_url: str) -> None:
    upgrade(pg_url)
    store = open_store(pg_url)
    asleep = Lease.take(store, "ingest", "one", seconds=0.3)
    assert asleep is not None
    with pytest.raises(TransientError):
        sleep_under(asleep, store, meanwhile=lambda: taken(store, "two"))
    store.close()


def sleep_under(lease: Lease, store: Store, *, meanwhile: Callable[[], Lease]) -> None:
    """Do what somebody else does meanwhile inside the transaction, and go on as if nothing had been."""
    with store.transaction() as connection:
        lease.hold(connection)
        assert meanwhile().fence > lease.fence  # waited for the row until the database ended the sleeper's session
        connection.execute(select(worker))
