"""The ledger of obligations: nothing asked for is lost, nothing is retried too soon, suppressions go first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from onevoice.messages import Lane, Work
from onevoice.obligations import Due, claim_due, claim_target, close, fail, put_back, release_all, request, take_due
from onevoice.obligations.ledger import MAX_RETRY_SECONDS, backlog, resend
from onevoice.store import Store, upsert
from onevoice.store.tables import obligation, system_state

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=60)


def work(target: str = "1", *, system: str = "crm", lane: Lane = Lane.RECORD, stream: str = "Contact") -> Work:
    return Work(system=system, lane=lane, stream=stream, target=target)


def ask(store: Store, *works: Work, at: datetime = NOW, cause: str | None = "m1") -> int:
    with store.transaction() as connection:
        return request(connection, works, now=at, cause=cause)


def due(store: Store, *, at: datetime = NOW, limit: int = 100) -> list[Work]:
    with store.transaction() as connection:
        return take_due(connection, now=at, limit=limit, visible_for=timedelta(seconds=30))


def park(store: Store, system: str, *, parked: bool) -> None:
    with store.transaction() as connection:
        row = {"system": system, "parked": parked, "failures": 0}
        upsert(connection, system_state, [row], key=["system"], update=["parked"])


def claim(store: Store, *works: Work, at: datetime = NOW) -> list[Due]:
    with store.transaction() as connection:
        return claim_due(connection, works, now=at, lease=LEASE)


def prove(store: Store, dues: list[Due], *, at: datetime = NOW) -> None:
    with store.transaction() as connection:
        close(connection, dues, now=at)


def miss(store: Store, dues: list[Due], *, at: datetime = NOW, state: str = "due", seconds: float = 5.0) -> None:
    with store.transaction() as connection:
        fail(connection, dues, reason="the system is away", state=state, now=at, retry_seconds=seconds)


def row(store: Store, one: Work) -> Any:
    with store.transaction() as connection:
        return connection.execute(select(obligation).where(obligation.c.target == one.target)).one()


def test_what_is_asked_for_is_due_taken_on_and_proven(store: Store) -> None:
    assert ask(store, work(), work()) == 1
    assert due(store) == [work()]
    [taken] = claim(store, work())
    assert row(store, work()).state == "sent"
    prove(store, [taken])
    assert (row(store, work()).state, row(store, work()).next_attempt_at) == ("verified", None)
    assert due(store, at=NOW + timedelta(days=1)) == []


def test_what_was_announced_is_hidden_for_a_while_and_then_announced_again(store: Store) -> None:
    ask(store, work())
    assert due(store) == [work()]
    assert due(store, at=NOW + timedelta(seconds=29)) == []
    assert due(store, at=NOW + timedelta(seconds=30)) == [work()]


def test_nobody_else_can_take_on_what_is_taken_on(store: Store) -> None:
    ask(store, work())
    assert claim(store, work())
    assert claim(store, work(), at=NOW + timedelta(seconds=59)) == []


def test_what_a_lost_worker_had_taken_on_is_announced_and_can_be_taken_on_again(store: Store) -> None:
    ask(store, work())
    claim(store, work())
    later = NOW + LEASE
    assert due(store, at=later) == [work()]
    assert [one.work for one in claim(store, work(), at=later)] == [work()]


def test_a_request_during_a_delivery_is_not_lost(store: Store) -> None:
    ask(store, work())
    [taken] = claim(store, work())
    ask(store, work(), at=NOW + timedelta(seconds=1))
    prove(store, [taken], at=NOW + timedelta(seconds=2))
    assert row(store, work()).state == "due"
    assert due(store, at=NOW + timedelta(seconds=2)) == [work()]


def test_a_failure_does_not_postpone_what_was_asked_for_meanwhile(store: Store) -> None:
    ask(store, work())
    [taken] = claim(store, work())
    asked = NOW + timedelta(seconds=1)
    ask(store, work(), at=asked)
    miss(store, [taken], state="refused")
    assert (row(store, work()).state, row(store, work()).next_attempt_at) == ("due", asked)


def test_what_is_owed_keeps_the_time_since_when(store: Store) -> None:
    ask(store, work())
    ask(store, work(), at=NOW + timedelta(hours=1))
    assert row(store, work()).requested_at == NOW
    [taken] = claim(store, work(), at=NOW + timedelta(hours=1))
    prove(store, [taken])
    again = NOW + timedelta(hours=2)
    ask(store, work(), at=again)
    assert row(store, work()).requested_at == again


def test_each_failure_waits_twice_as_long_up_to_an_hour(store: Store) -> None:
    ask(store, work())
    waits = []
    at = NOW
    for _ in range(12):
        [taken] = claim(store, work(), at=at)
        miss(store, [taken], at=at)
        waits.append((row(store, work()).next_attempt_at - at).total_seconds())
        assert due(store, at=at + timedelta(seconds=waits[-1] - 0.001)) == []
        at += timedelta(seconds=waits[-1])
        assert due(store, at=at) == [work()]
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == waits[-1] == MAX_RETRY_SECONDS
    assert row(store, work()).last_error == "the system is away"


def test_a_proof_ends_the_growing_of_the_wait(store: Store) -> None:
    ask(store, work())
    for later in (0, 100, 200):
        miss(store, claim(store, work(), at=NOW + timedelta(seconds=later)), at=NOW + timedelta(seconds=later))
    prove(store, claim(store, work(), at=NOW + timedelta(seconds=300)))
    assert row(store, work()).state == "verified"
    ask(store, work())
    miss(store, claim(store, work()))
    assert row(store, work()).next_attempt_at == NOW + timedelta(seconds=5)
    assert row(store, work()).attempts == 1


@pytest.mark.parametrize("state", ["refused", "in_doubt"])
def test_what_a_person_must_see_waits_until_it_is_sent_again_or_asked_for(store: Store, state: str) -> None:
    ask(store, work())
    miss(store, claim(store, work()), state=state)
    assert due(store, at=NOW + timedelta(days=9)) == []
    with store.transaction() as connection:
        [seen] = backlog(connection)
        assert (seen.system, seen.lane, seen.state, seen.count) == ("crm", "record", state, 1)
        assert resend(connection, "erp", state=state, now=NOW) == 0
        assert resend(connection, "crm", state=state, now=NOW) == 1
    assert due(store) == [work()]


def test_suppressions_are_announced_first_whatever_was_asked_for_before(store: Store) -> None:
    ask(store, work("1"), work("2"))
    ask(store, work("3", lane=Lane.SUPPRESSION), at=NOW + timedelta(seconds=1))
    assert due(store, at=NOW + timedelta(seconds=1), limit=1) == [work("3", lane=Lane.SUPPRESSION)]
    assert len(due(store, at=NOW + timedelta(seconds=1), limit=5)) == 2


def test_a_parked_system_keeps_what_it_is_owed(store: Store) -> None:
    ask(store, work(), work("9", system="erp"))
    park(store, "crm", parked=True)
    park(store, "erp", parked=False)
    assert due(store) == [work("9", system="erp")]
    park(store, "crm", parked=False)
    assert due(store, at=NOW + timedelta(seconds=1)) == [work()]


def test_a_list_is_taken_on_whole(store: Store) -> None:
    entries = [
        work(f"phone|phone:+44740012345{n}|marketing", lane=Lane.SUPPRESSION, stream="suppression") for n in "123"
    ]
    ask(store, *entries, work(), work("other", lane=Lane.SUPPRESSION))
    with store.transaction() as connection:
        taken = claim_target(connection, "crm", "suppression", now=NOW, lease=LEASE)
    assert {one.work for one in taken} == set(entries)


def test_where_there_is_one_process_its_next_start_finds_everything_due(store: Store) -> None:
    ask(store, work("1"), work("2"))
    claim(store, work("1"))
    [done] = claim(store, work("2"))
    prove(store, [done])
    with store.transaction() as connection:
        assert release_all(connection, now=NOW) == 1
    assert due(store) == [work("1")]


def test_a_message_that_comes_twice_does_not_cut_the_wait_short(store: Store) -> None:
    ask(store, work())
    assert due(store) == [work()]
    miss(store, claim(store, work()), seconds=10)
    for later in (0, 9):
        assert claim(store, work(), at=NOW + timedelta(seconds=later)) == []
    assert [one.work for one in claim(store, work(), at=NOW + timedelta(seconds=10))] == [work()]


def test_what_was_announced_may_be_taken_on_until_it_is_announced_again(store: Store) -> None:
    ask(store, work())
    due(store)
    assert [one.work for one in claim(store, work(), at=NOW + timedelta(seconds=29))] == [work()]


def test_a_new_request_does_not_wait_for_what_failed_before(store: Store) -> None:
    ask(store, work())
    miss(store, claim(store, work()), seconds=3600)
    ask(store, work(), at=NOW + timedelta(seconds=1))
    assert [one.work for one in claim(store, work(), at=NOW + timedelta(seconds=1))] == [work()]


def test_what_is_in_doubt_stays_so_until_a_person_sends_it_again(store: Store) -> None:
    ask(store, work())
    miss(store, claim(store, work()), state="in_doubt")
    ask(store, work(), at=NOW + timedelta(seconds=1))
    assert (row(store, work()).state, row(store, work()).requested_at) == ("in_doubt", NOW)
    assert due(store, at=NOW + timedelta(days=1)) == []
    with store.transaction() as connection:
        assert resend(connection, "crm", state="in_doubt", now=NOW) == 1
    assert due(store) == [work()]


def test_what_was_refused_is_tried_again_once_it_is_asked_for_anew(store: Store) -> None:
    ask(store, work())
    miss(store, claim(store, work()), state="refused")
    ask(store, work(), at=NOW + timedelta(seconds=1))
    assert (row(store, work()).state, row(store, work()).attempts) == ("due", 0)


def test_what_was_not_attempted_is_no_failure(store: Store) -> None:
    ask(store, work())
    again = NOW + timedelta(seconds=1)
    with store.transaction() as connection:
        put_back(connection, claim_due(connection, [work()], now=NOW, lease=LEASE), reason="waits", until=again)
    waiting = row(store, work())
    assert (waiting.state, waiting.attempts, waiting.next_attempt_at) == ("due", 0, again)
    miss(store, claim(store, work(), at=again), at=again)
    assert row(store, work()).next_attempt_at == again + timedelta(seconds=5)


@pytest.mark.parametrize(("asked", "wait"), [(120.0, 120), (2.0, 5), (7200.0, 7200)])
def test_the_next_attempt_is_not_before_the_time_that_the_system_asked_for(
    store: Store, asked: float, wait: float
) -> None:
    ask(store, work())
    with store.transaction() as connection:
        dues = claim_due(connection, [work()], now=NOW, lease=LEASE)
        fail(connection, dues, reason="busy", state="due", now=NOW, retry_seconds=5.0, retry_after=asked)
    assert row(store, work()).next_attempt_at == NOW + timedelta(seconds=wait)


def test_a_list_waits_as_a_whole_and_goes_as_a_whole(store: Store) -> None:
    entries = [work(f"phone|phone:+44740012345{n}|marketing", lane=Lane.SUPPRESSION, stream="list") for n in "12"]

    def taken(at: datetime) -> set[Work]:
        with store.transaction() as connection:
            return {one.work for one in claim_target(connection, "crm", "list", now=at, lease=LEASE)}

    ask(store, entries[0])
    miss(store, claim(store, entries[0]), seconds=600)
    assert taken(NOW + timedelta(seconds=1)) == set()
    ask(store, entries[1], at=NOW + timedelta(seconds=2))
    assert taken(NOW + timedelta(seconds=2)) == set(entries)
