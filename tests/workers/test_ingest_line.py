"""The ingest loop: bad records alone are set aside, what ended workers is found, and nothing taken is kept back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Any

import pytest

from onevoice.bus import RECORDS_QUEUE, Delivery
from onevoice.errors import TransientError
from onevoice.store import INGEST, Lease
from onevoice.store import tables as t
from onevoice.workers.ingest_line import IngestLine
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm


class Killed(BaseException):
    """The end of a worker, as far as one process can feign it."""


@dataclass
class FakeConsumer:
    """Hands out what waits, in order; `idle` is called when nothing is out or waits."""

    waiting: list[Delivery]
    idle: Callable[[], None] = lambda: None
    limit: int = 500
    given: int = 0
    acked: list[Delivery] = field(default_factory=list)
    requeued: list[Delivery] = field(default_factory=list)

    def take(self, limit: int, wait: float) -> list[Delivery]:
        count = min(limit, self.limit)
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        self.given += len(taken)
        if not taken and self.given == len(self.acked) + len(self.requeued):
            self.idle()
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.acked += deliveries

    def requeue(self, deliveries: Sequence[Delivery]) -> None:
        self.requeued += deliveries

    def close(self) -> None: ...


@dataclass
class FakeHub:
    """As much of a hub as the loop needs, with its two consumers."""

    walk: Walk
    records: FakeConsumer
    urgent: FakeConsumer = field(default_factory=lambda: FakeConsumer([]))
    worker: str = "test"
    subscribed: int = 0

    def __post_init__(self) -> None:
        self.store, self.ingest, self.bus = self.walk.store, self.walk.ingest, self

    def consume(self, queue: str, *, prefetch: int) -> FakeConsumer:
        self.subscribed += 1
        return self.records if queue == RECORDS_QUEUE else self.urgent


def contacts(*numbers: int, redelivered: int = 0) -> list[Delivery]:
    return [delivery_of(crm(1, Id=f"00{n}"), redelivered=redelivered, tag=n) for n in numbers]


def run(walk: Walk, deliveries: list[Delivery], **given: Any) -> FakeConsumer:
    stop = Event()
    consumer = FakeConsumer(deliveries, idle=stop.set, **given)
    with IngestLine(FakeHub(walk, consumer), stop) as line:  # type: ignore[arg-type]
        line.run()
    return consumer


def tags(deliveries: Sequence[Delivery]) -> list[Any]:
    return [d.tag for d in deliveries]


def keys(walk: Walk) -> set[str]:
    return {row.key for row in walk.rows(t.source_record)}


def break_over(monkeypatch: pytest.MonkeyPatch, key: str, error: BaseException) -> list[list[str]]:
    """Let ingest end with the error over each batch that holds the record; gives the batches that it met."""
    met: list[list[str]] = []
    from onevoice.workers.ingest import Ingest

    commit = Ingest.commit

    def breaking(self: Ingest, connection: Any, prepared: Any) -> Any:
        met.append([p.ref.key for p in prepared])
        if key in met[-1]:
            raise error
        return commit(self, connection, prepared)

    monkeypatch.setattr(Ingest, "commit", breaking)
    return met


def test_a_defect_over_one_record_sets_only_that_one_aside(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    break_over(monkeypatch, "003", ZeroDivisionError("003"))
    consumer = run(walk, contacts(1, 2, 3, 4, 5))
    assert keys(walk) == {"001", "002", "004", "005"}
    [kept] = walk.rows(t.quarantine)
    assert (kept.key, kept.reason) == ("003", "defect in the hub: ZeroDivisionError")
    assert sorted(tags(consumer.acked)) == [1, 2, 3, 4, 5]
    assert consumer.requeued == []


def test_what_passes_by_itself_gives_all_back(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    break_over(monkeypatch, "001", TransientError("store: away"))
    consumer = FakeConsumer(contacts(1, 2, 3, 4), limit=2)
    with (
        pytest.raises(TransientError),
        IngestLine(FakeHub(walk, consumer), Event()) as line,  # type: ignore[arg-type]
    ):
        line.run()
    assert consumer.acked == []
    assert sorted(tags([*consumer.requeued, *consumer.waiting])) == [1, 2, 3, 4]
    assert keys(walk) == set()


def test_the_stop_gives_back_what_was_prepared_ahead(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Event()
    consumer = FakeConsumer(contacts(1, 2, 3, 4), limit=2)
    take = walk.ingest.__class__.take_prepared

    def last(self: Any, prepared: Any, **given: Any) -> Any:
        stop.set()
        return take(self, prepared, **given)

    monkeypatch.setattr(walk.ingest.__class__, "take_prepared", last)
    with IngestLine(FakeHub(walk, consumer), stop) as line:  # type: ignore[arg-type]
        line.run()
    assert keys(walk) == {"001", "002"}
    assert tags(consumer.acked) == [1, 2]
    assert sorted(tags([*consumer.requeued, *consumer.waiting])) == [3, 4]


def test_who_waits_for_the_lease_keeps_nothing_from_its_holder(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.lease.release(walk.store)
    holder = Lease.take(walk.store, INGEST, "other")
    assert holder is not None
    stop = Event()
    consumer = FakeConsumer(contacts(1), idle=stop.set)
    hub = FakeHub(walk, consumer)
    while_waiting = []

    def wait(_seconds: float) -> None:
        while_waiting.append(hub.subscribed)
        holder.release(walk.store)

    monkeypatch.setattr(stop, "wait", wait)
    with IngestLine(hub, stop) as line:  # type: ignore[arg-type]
        line.run()
    assert while_waiting == [0]
    assert tags(consumer.acked) == [1]


def test_what_was_handed_out_before_is_taken_one_by_one(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    met = break_over(monkeypatch, "none", ZeroDivisionError())
    consumer = run(walk, [*contacts(1, 2, redelivered=1), *contacts(3, 4), *contacts(5, redelivered=400)])
    assert met == [["001"], ["002"], ["005"], ["003", "004"]]
    assert sorted(tags(consumer.acked)) == [1, 2, 3, 4, 5]
    assert walk.rows(t.quarantine) == []
    assert keys(walk) == {"001", "002", "003", "004", "005"}


def test_what_ends_three_workers_is_set_aside_alone_and_its_neighbours_are_not(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_over(monkeypatch, "001", Killed())
    queue, acked = contacts(1, 2, 3), list[Delivery]()
    deaths = 0
    for _ in range(6):
        stop = Event()
        consumer = FakeConsumer(list(queue), idle=stop.set)
        try:
            with IngestLine(FakeHub(walk, consumer), stop) as line:  # type: ignore[arg-type]
                line.run()
        except Killed:
            deaths += 1
        acked += consumer.acked
        queue = [replace(d, redelivered=d.redelivered + 1) for d in queue if d.tag not in tags(acked)]
    assert (deaths, sorted(tags(acked))) == (3, [1, 2, 3])
    [kept] = walk.rows(t.quarantine)
    assert (kept.key, kept.step, kept.resolved_at) == ("001", "tried alone", None)
    assert keys(walk) == {"002", "003"}


def test_a_store_that_is_away_over_a_lone_message_accuses_nobody(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as away:
        break_over(away, "001", TransientError("store: away"))
        for count in (1, 2, 3, 4):
            with pytest.raises(TransientError):
                run(walk, contacts(1, redelivered=count))
    assert walk.rows(t.quarantine) == []
    assert tags(run(walk, contacts(1, redelivered=5)).acked) == [1]
    assert keys(walk) == {"001"}
