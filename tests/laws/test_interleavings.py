"""Three workers and a person at once on PostgreSQL, in many interleavings: the rest is that of one after the other.

Each worker takes the lease batch by batch. Now and then one falls asleep between reading and commit until the database
ends its session and the lease passes on; it wakes to a refusal and does its work again.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from onevoice.errors import RefusedError, TransientError
from onevoice.messages import Envelope, RecordRef
from onevoice.store import Lease
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest import batch as ingest_batch
from tests.laws.crowd import arrival, differences
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, at_rest

WORKERS, INTERLEAVINGS, ARRIVALS = 3, 30, 30
WAIT = 60.0
JUDGED = (("same", "0", "2"), ("different", "1", "3"), ("different", "0", "2"))


def crowd(chance: random.Random) -> list[Envelope]:
    people = [
        {
            "given": chance.choice(["Ann", "Annie", "Bob", "Cy", "Dora", "Eve"]),
            "family": chance.choice(["Lee", "Leigh"]),
            "mail": chance.choice([None, "lee@example.com", "lee@example.com", "own@example.com"]),
            "street": chance.choice([None, "1 High Road", "1 Hihg Road", "2 High Road"]),
            "born": chance.choice([None, "1980-02-03", "1999-09-09"]),
            "key": chance.randrange(4),
            "system": chance.choice(["crm", "shop"]),
            "deleted": chance.random() < 0.1,
        }
        for _ in range(ARRIVALS)
    ]
    return [arrival(person, 1 + day) for day, person in enumerate(people)]


class Sleeper:
    """Lets some of those who come to merging sleep until their session is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chance = random.Random(0)
        self.slept = 0
        merge = ingest_batch.merge

        def sleeping(loaded: Any, *rest: Any, **named: Any) -> Any:
            if self.chance.random() < 0.1:
                self.slept += 1
                loaded.connection.execute(text("set idle_in_transaction_session_timeout = 20"))
                time.sleep(0.2)  # ten times as long as its session lives
            return merge(loaded, *rest, **named)

        monkeypatch.setattr(ingest_batch, "merge", sleeping)


def work(walk: Walk, holder: str, told: Sequence[Envelope], size: int, done: Counter[str]) -> None:
    waiting = list(told)
    while waiting:
        lease = Lease.take(walk.store, "ingest", holder, seconds=0.05)
        if lease is None:
            time.sleep(0.005)
            continue
        try:
            walk.ingest.take([delivery_of(one) for one in waiting[:size]], lease=lease)
        except TransientError:  # the lease passed on, or its session is gone: nothing of it was committed
            done["again"] += 1
            continue
        done[holder] += 1
        del waiting[:size]


def judge(walk: Walk, done: Counter[str]) -> None:
    for verdict, a, b in JUDGED:
        while True:
            try:
                ones = [RecordRef(system="shop", stream="customers", key=key) for key in (a, b)]
                Judging(walk.store, walk.ingest).say(verdict, *ones, actor="ann", reason="told")
            except TransientError:
                continue
            except RefusedError:
                done["refused"] += 1
            break


@pytest.mark.timeout(900)
def test_three_workers_and_a_person_come_to_the_rest_of_one_after_the_other(
    make: Callable[[], Walk], make_pg: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper, done = Sleeper(monkeypatch), Counter[str]()
    for number in range(INTERLEAVINGS):
        chance = random.Random(number)
        told, walk = crowd(chance), make_pg()
        sleeper.chance = chance
        walk.lease.release(walk.store)
        threads = [
            threading.Thread(target=work, args=(walk, f"worker {n}", told[n::WORKERS], chance.randint(1, 4), done))
            for n in range(WORKERS)
        ]
        threads.append(threading.Thread(target=judge, args=(walk, done)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert not any(thread.is_alive() for thread in threads)
        sleeper.chance = Never()
        assert differences(walk) == ()
        serial = make()
        serial.take(*told)
        judge(serial, done)
        assert at_rest(walk) == at_rest(serial), f"interleaving {number}"
    assert sleeper.slept >= INTERLEAVINGS
    assert min(done["again"], *(done[f"worker {n}"] for n in range(WORKERS))) >= INTERLEAVINGS, done


class Never(random.Random):
    """Nobody sleeps any more."""

    def random(self) -> float:
        return 1.0
