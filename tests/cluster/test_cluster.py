"""The bus on a cluster of three nodes: the queue's leader is killed in mid-load; what was confirmed is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from onevoice.bus import RECORDS_QUEUE, Bus, open_bus
from onevoice.errors import TransientError
from onevoice.messages import Envelope
from onevoice.store import open_store
from onevoice.testing.servers import PrivateRabbit, PrivateRabbitCluster
from tests.bus.contract import TOPOLOGY, envelope, eventually, ids

SECONDS = 120.0
MESSAGES, PAGE = 4000, 50


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivateRabbitCluster]:
    with PrivateRabbitCluster() as nodes:
        yield nodes


class Load(threading.Thread):
    """Publishes page after page, each as often as it takes until it is confirmed."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(daemon=True)
        self._bus = bus
        self.confirmed: list[str] = []
        self.end = time.monotonic() + SECONDS

    def run(self) -> None:
        for start in range(0, MESSAGES, PAGE):
            self._publish([envelope(number) for number in range(start, start + PAGE)])

    def _publish(self, page: list[Envelope]) -> None:
        while time.monotonic() < self.end:
            try:
                self._bus.publish_records(page)
            except TransientError:
                continue  # as every publisher of the hub does; the ids stay the same
            self.confirmed += [one.id for one in page]
            return


def asked(node: PrivateRabbit, vhost: str) -> Any:
    return node.management("GET", f"/api/queues/{vhost}/{RECORDS_QUEUE}")


def elsewhere(cluster: PrivateRabbitCluster, leader: PrivateRabbit) -> PrivateRabbit:
    return next(node for node in cluster.nodes if node is not leader and node is not cluster.nodes[0])


@pytest.mark.parametrize("through", ["another node", "the leader itself"])
def test_the_leader_is_killed_in_mid_load(cluster: PrivateRabbitCluster, through: str) -> None:
    vhost = cluster.nodes[0].create_vhost()
    store = open_store("sqlite://")
    open_bus(cluster.nodes[0].url(vhost), store, TOPOLOGY).close()  # declares the queues, led by the node it speaks to
    assert eventually(lambda: len(asked(cluster.nodes[0], vhost).get("members", ())) == len(cluster.nodes), SECONDS)
    leader = cluster.node(asked(cluster.nodes[0], vhost)["leader"])
    spoken_to = leader if through == "the leader itself" else elsewhere(cluster, leader)
    witness = elsewhere(cluster, leader)
    bus = open_bus(spoken_to.url(vhost), store, TOPOLOGY)
    try:
        taken, load = run_while(bus, lambda: kill_and_start(leader, spoken_to))
        assert len(load.confirmed) == MESSAGES
        assert set(taken) == set(load.confirmed)
        assert bus.depth(RECORDS_QUEUE) == 0
        assert eventually(lambda: len(asked(witness, vhost)["online"]) == len(cluster.nodes), SECONDS)  # it is back
    finally:
        bus.close()
        store.close()


def run_while(bus: Bus, trouble: Callable[[], None]) -> tuple[list[str], Load]:
    """Publish and take at once, with the trouble after a quarter; gives every id as often as it was taken."""
    consumer = bus.consume(RECORDS_QUEUE, prefetch=4 * PAGE)
    load, taken = Load(bus), list[str]()
    load.start()
    hurt = threading.Thread(target=trouble, daemon=True)
    while (load.is_alive() or len(set(taken)) < len(load.confirmed)) and time.monotonic() < load.end:
        deliveries = consumer.take(PAGE, 0.2)
        taken += ids(deliveries)
        consumer.ack(deliveries)
        if len(load.confirmed) > MESSAGES / 4 and hurt.ident is None:
            hurt.start()
    load.join(1)
    hurt.join(SECONDS)
    for _ in range(3):  # what was handed out and not yet acknowledged when its leader died comes again
        deliveries = consumer.take(MESSAGES, 1.0)
        taken += ids(deliveries)
        consumer.ack(deliveries)
    return taken, load


def kill_and_start(leader: PrivateRabbit, spoken_to: PrivateRabbit) -> None:
    leader.kill()
    if leader is not spoken_to:
        time.sleep(2)  # the others elect one of themselves while it is away
    leader.start()
