"""What every engine of the bus must do; inherited by one test file an engine."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from onevoice.bus import (
    QUARANTINE_QUEUE,
    RECORDS_QUEUE,
    URGENT_QUEUE,
    Bus,
    Consumer,
    Delivery,
    Topology,
    open_bus,
    parse_envelope,
    parse_work,
    work_queue,
)
from onevoice.errors import ConfigurationError, TransientError
from onevoice.messages import Envelope, Lane, Work
from onevoice.store import open_store

TOPOLOGY = Topology({"crm": ["Contact", "Case"], "callcentre": ["call", "do_not_call"]}, frozenset({"callcentre"}))
WAIT = 20.0
"""More than a lease, so that what a killed process held has come back."""


def envelope(number: int, **changes: Any) -> Envelope:
    made = Envelope(
        id=f"m{number}",
        system="crm",
        stream="Contact",
        key=f"k{number}",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        sequence="1",
        reading=1,
        data={"name": "x" * 900},
    )
    return replace(made, **changes)


def gather(consumer: Consumer, count: int, *, limit: int = 100, within: float = WAIT) -> list[Delivery]:
    """Take until `count` deliveries are there."""
    taken: list[Delivery] = []
    deadline = time.monotonic() + within
    while len(taken) < count and time.monotonic() < deadline:
        taken += consumer.take(min(limit, count - len(taken)), 0.5)
    assert len(taken) == count
    return taken


def ids(deliveries: list[Delivery]) -> list[str]:
    return [json.loads(delivery.body)["id"] for delivery in deliveries]


def eventually(condition: Callable[[], bool], within: float = WAIT) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """One engine under test: where it is, and how to crash what carries the messages."""

    url: str
    store: str
    crash: Callable[[], None]

    @contextmanager
    def open(self, topology: Topology = TOPOLOGY) -> Iterator[Bus]:
        store = open_store(self.store)
        bus = open_bus(self.url, store, topology)
        try:
            yield bus
        finally:
            bus.close()
            store.close()

    def killed_child(self, action: str, count: int) -> None:
        """Let another process publish or take, and kill it when it says that it has."""
        settings = json.dumps({"url": self.url, "store": self.store, "action": action, "count": count})
        command = [sys.executable, "-m", "tests.bus.child", settings]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == "done\n"
            finally:
                child.kill()


class BusContract:
    """Needs the fixtures `carrier` (empty) and `mortal` (empty, may be crashed)."""

    @pytest.fixture
    def bus(self, carrier: Carrier) -> Iterator[Bus]:
        with carrier.open() as bus:
            yield bus

    def test_one_queue_keeps_the_order(self, bus: Bus) -> None:
        for start in range(0, 300, 100):
            bus.publish_records([envelope(number) for number in range(start, start + 100)])
        consumer = bus.consume(RECORDS_QUEUE, prefetch=50)
        seen: list[str] = []
        while len(seen) < 300:
            deliveries = gather(consumer, 30)
            seen += ids(deliveries)
            consumer.ack(deliveries)
        assert seen == [f"m{number}" for number in range(300)]

    def test_a_delivery_is_what_was_published(self, bus: Bus) -> None:
        bus.publish_records([envelope(1)])
        (delivery,) = gather(bus.consume(RECORDS_QUEUE, prefetch=5), 1)
        parsed = parse_envelope(delivery.body, routing_key=delivery.routing_key, user_id=delivery.user_id, urgent=False)
        assert parsed == envelope(1)
        assert delivery.redelivered == 0
        assert delivery.dead_letter_reason is None

    def test_urgent_records_have_a_queue_of_their_own(self, bus: Bus) -> None:
        bus.publish_records([envelope(1), envelope(2, urgent=True), envelope(3)])
        assert ids(gather(bus.consume(URGENT_QUEUE, prefetch=5), 1)) == ["m2"]
        assert ids(gather(bus.consume(RECORDS_QUEUE, prefetch=5), 2)) == ["m1", "m3"]

    def test_work_goes_to_the_queue_of_its_system_and_lane(self, bus: Bus) -> None:
        owed = [Work(system="crm", lane=lane, stream="Contact", target="k1") for lane in Lane]
        bus.publish_work(owed)
        for work in owed:
            (delivery,) = gather(bus.consume(work_queue("crm", work.lane), prefetch=5), 1)
            assert parse_work(delivery.body) == [work]

    def test_works_of_one_queue_travel_together(self, bus: Bus) -> None:
        owed = [Work(system="crm", lane=Lane.RECORD, stream="Contact", target=f"k{n}") for n in range(250)]
        bus.publish_work(owed)
        deliveries = gather(bus.consume(work_queue("crm", Lane.RECORD), prefetch=5), 3)
        assert [work for delivery in deliveries for work in parse_work(delivery.body)] == owed

    def test_work_for_an_unknown_system_is_refused_whole(self, bus: Bus) -> None:
        known = Work(system="crm", lane=Lane.RECORD, stream="Contact", target="k1")
        with pytest.raises(ConfigurationError, match="legacy"):
            bus.publish_work([known, replace(known, system="legacy")])
        assert bus.consume(work_queue("crm", Lane.RECORD), prefetch=5).take(5, 0.3) == []

    @pytest.mark.parametrize("urgent", [False, True])
    def test_a_stream_that_is_not_configured_goes_to_quarantine(self, bus: Bus, urgent: bool) -> None:
        strays = [envelope(1, stream="Secret", urgent=urgent), envelope(2, system="legacy", urgent=urgent)]
        bus.publish_records([*strays, envelope(3, urgent=urgent)])
        deliveries = gather(bus.consume(QUARANTINE_QUEUE, prefetch=5), 2)
        assert [delivery.routing_key for delivery in deliveries] == ["crm.Secret", "legacy.Contact"]
        assert ids(gather(bus.consume(URGENT_QUEUE if urgent else RECORDS_QUEUE, prefetch=5), 1)) == ["m3"]

    def test_names_that_are_no_queue_are_refused(self, bus: Bus) -> None:
        with pytest.raises(ConfigurationError):
            bus.consume("onevoice.work.legacy.record", prefetch=1)
        with pytest.raises(ConfigurationError):
            bus.depth("nowhere")

    def test_depth_counts_what_waits(self, bus: Bus) -> None:
        bus.publish_records([envelope(number) for number in range(7)])
        assert eventually(lambda: bus.depth(RECORDS_QUEUE) == 7)
        consumer = bus.consume(RECORDS_QUEUE, prefetch=2)
        consumer.ack(gather(consumer, 2))
        gather(consumer, 2)
        assert eventually(lambda: bus.depth(RECORDS_QUEUE) == 3)

    def test_ping_answers(self, bus: Bus) -> None:
        bus.ping()

    # --- acknowledging ---

    def test_what_is_acknowledged_does_not_come_again_and_the_rest_does(self, carrier: Carrier) -> None:
        with carrier.open() as bus:
            bus.publish_records([envelope(number) for number in range(10)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=10)
            deliveries = gather(consumer, 10)
            consumer.ack([deliveries[number] for number in (7, 0, 1, 5)])
            consumer.close()
            rest = gather(bus.consume(RECORDS_QUEUE, prefetch=20), 6)
        assert sorted(ids(rest)) == ["m2", "m3", "m4", "m6", "m8", "m9"]
        assert {delivery.redelivered for delivery in rest} == {1}

    def test_acknowledging_in_any_order_empties_the_queue(self, carrier: Carrier) -> None:
        with carrier.open() as bus:
            bus.publish_records([envelope(number) for number in range(30)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=30)
            deliveries = gather(consumer, 30)
            consumer.ack(deliveries[10:20])
            consumer.ack(deliveries[5:10] + deliveries[25:])
            consumer.ack(deliveries[:5] + deliveries[20:25])
        with carrier.open() as bus:
            assert bus.consume(RECORDS_QUEUE, prefetch=30).take(1, 0.5) == []

    def test_requeued_comes_again_with_its_count_raised(self, bus: Bus) -> None:
        bus.publish_records([envelope(number) for number in range(3)])
        consumer = bus.consume(RECORDS_QUEUE, prefetch=3)
        for count in range(4):
            deliveries = gather(consumer, 3)
            assert sorted(ids(deliveries)) == ["m0", "m1", "m2"]
            assert {delivery.redelivered for delivery in deliveries} == {count}
            consumer.requeue(deliveries)
        consumer.ack(gather(consumer, 3))
        assert consumer.take(1, 0.3) == []

    def test_acknowledging_twice_or_for_a_closed_consumer_is_harmless(self, bus: Bus) -> None:
        bus.publish_records([envelope(1)])
        first = bus.consume(RECORDS_QUEUE, prefetch=5)
        stale = gather(first, 1)
        first.close()
        first.ack(stale)
        second = bus.consume(RECORDS_QUEUE, prefetch=5)
        fresh = gather(second, 1)
        assert fresh[0].redelivered == 1
        second.ack(fresh)
        second.ack(fresh)
        second.requeue(fresh)
        bus.publish_records([envelope(2)])
        assert ids(gather(second, 1)) == ["m2"]

    def test_too_many_hand_outs_end_in_quarantine(self, carrier: Carrier) -> None:
        with carrier.open(replace(TOPOLOGY, delivery_limit=3)) as bus:
            bus.publish_records([envelope(1), envelope(2)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=1)
            quarantine = bus.consume(QUARANTINE_QUEUE, prefetch=5)
            ended: list[Delivery] = []
            deadline = time.monotonic() + WAIT
            while not ended and time.monotonic() < deadline:
                for delivery in consumer.take(1, 0.2):
                    assert delivery.redelivered <= 3
                    (consumer.requeue if ids([delivery]) == ["m1"] else consumer.ack)([delivery])
                ended = quarantine.take(1, 0)
            assert ids(ended) == ["m1"]
            assert ended[0].routing_key == "crm.Contact"
            assert ended[0].dead_letter_reason == "delivery_limit"
            assert ended[0].redelivered == 0

    # --- waiting and limits ---

    def test_take_waits_as_long_as_told(self, bus: Bus) -> None:
        consumer = bus.consume(RECORDS_QUEUE, prefetch=5)
        began = time.monotonic()
        assert consumer.take(5, 0.4) == []
        assert 0.35 <= time.monotonic() - began < 3

    def test_take_returns_as_soon_as_something_is_there(self, bus: Bus) -> None:
        consumer = bus.consume(RECORDS_QUEUE, prefetch=5)
        consumer.take(1, 0.5)
        publishing = threading.Timer(0.3, bus.publish_records, [[envelope(1)]])
        publishing.start()
        began = time.monotonic()
        assert ids(consumer.take(5, WAIT)) == ["m1"]
        assert time.monotonic() - began < 5
        publishing.join()

    def test_no_more_is_out_than_prefetch(self, bus: Bus) -> None:
        bus.publish_records([envelope(number) for number in range(10)])
        consumer = bus.consume(RECORDS_QUEUE, prefetch=4)
        out = gather(consumer, 4)
        assert consumer.take(10, 0.3) == []
        consumer.ack(out[:3])
        assert ids(gather(consumer, 3)) == ["m4", "m5", "m6"]

    def test_two_consumers_share_a_queue_without_overlap(self, bus: Bus) -> None:
        bus.publish_records([envelope(number) for number in range(40)])
        consumers = [bus.consume(RECORDS_QUEUE, prefetch=10) for _ in range(2)]
        seen: list[str] = []
        deadline = time.monotonic() + WAIT
        while len(seen) < 40 and time.monotonic() < deadline:
            for consumer in consumers:
                deliveries = consumer.take(5, 0.1)
                seen += ids(deliveries)
                consumer.ack(deliveries)
        assert sorted(seen) == sorted(f"m{number}" for number in range(40))

    def test_a_full_queue_refuses_and_takes_again_when_it_has_room(self, carrier: Carrier) -> None:
        with carrier.open(replace(TOPOLOGY, max_bytes=20_000)) as bus:
            published: list[Envelope] = []
            with pytest.raises(TransientError) as refused:
                _publish_for_ever(bus, published)
            assert refused.value.retry_after is not None
            consumer = bus.consume(RECORDS_QUEUE, prefetch=1000)
            seen: set[str] = set()
            while batch := consumer.take(1000, 1.0):
                seen.update(ids(batch))
                consumer.ack(batch)
            assert {one.id for one in published} <= seen
            assert eventually(lambda: _publishes(bus, envelope(-1)))
            assert ids(gather(consumer, 1)) == ["m-1"]

    def test_many_threads_publish_at_once(self, bus: Bus) -> None:
        def publish(first: int) -> None:
            for start in range(first, first + 100, 20):
                bus.publish_records([envelope(number) for number in range(start, start + 20)])

        threads = [threading.Thread(target=publish, args=[first]) for first in (0, 100, 200, 300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        deliveries = gather(bus.consume(RECORDS_QUEUE, prefetch=500), 400)
        assert sorted(ids(deliveries)) == sorted(f"m{number}" for number in range(400))

    # --- ends, clean and unclean ---

    def test_close_ends_all_threads_and_wakes_who_waits(self, carrier: Carrier) -> None:
        before = set(threading.enumerate())
        taken: list[list[Delivery]] = []
        with carrier.open() as bus:
            bus.publish_records([envelope(1)])
            consumer = bus.consume(URGENT_QUEUE, prefetch=5)
            waiting = threading.Thread(target=lambda: taken.append(consumer.take(5, 60)))
            waiting.start()
            bus.consume(RECORDS_QUEUE, prefetch=5)
            bus.close()
            waiting.join(5)
            assert taken == [[]]
            assert set(threading.enumerate()) <= before
            bus.close()

    def test_confirmed_records_survive_a_crash_of_publisher_and_carrier(self, mortal: Carrier) -> None:
        mortal.killed_child("publish", 200)
        mortal.crash()
        with mortal.open() as bus:
            deliveries = gather(bus.consume(RECORDS_QUEUE, prefetch=200), 200)
        assert ids(deliveries) == [f"m{number}" for number in range(200)]

    def test_what_a_killed_consumer_held_comes_again_counted(self, carrier: Carrier) -> None:
        with carrier.open() as bus:
            bus.publish_records([envelope(number) for number in range(5)])
            carrier.killed_child("take", 3)
            deliveries = gather(bus.consume(RECORDS_QUEUE, prefetch=5), 5)
        counts = dict(zip(ids(deliveries), (delivery.redelivered for delivery in deliveries), strict=True))
        assert counts == {"m0": 1, "m1": 1, "m2": 1, "m3": 0, "m4": 0}


def _publish_for_ever(bus: Bus, published: list[Envelope]) -> None:
    for start in range(0, 1_000_000, 10):
        batch = [envelope(number) for number in range(start, start + 10)]
        bus.publish_records(batch)
        published += batch


def _publishes(bus: Bus, one: Envelope) -> bool:
    try:
        bus.publish_records([one])
    except TransientError:
        return False
    return True
