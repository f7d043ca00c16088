from pathlib import Path

import pytest

from onevoice.bus import RECORDS_QUEUE, open_bus
from onevoice.bus.embedded.queue_rows import LEASE_SECONDS
from onevoice.errors import ConfigurationError
from onevoice.store import open_store
from tests.bus.contract import TOPOLOGY, BusContract, Carrier, envelope, gather, ids


@pytest.fixture
def carrier(tmp_path: Path) -> Carrier:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    store = open_store(url)
    store.create_tables()
    store.close()
    # The file is all that carries: when every process that had it open is dead, nothing is left to crash.
    return Carrier(url="embedded:", store=url, crash=lambda: None)


@pytest.fixture
def mortal(carrier: Carrier) -> Carrier:
    return carrier


class TestEmbedded(BusContract):
    def test_a_living_consumer_keeps_what_it_holds_beyond_the_lease(self, carrier: Carrier) -> None:
        with carrier.open() as bus, carrier.open() as other:
            bus.publish_records([envelope(1)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=5)
            held = gather(consumer, 1)
            rival = other.consume(RECORDS_QUEUE, prefetch=5)
            assert rival.take(1, LEASE_SECONDS + 2) == []
            consumer.requeue(held)
            assert ids(gather(rival, 1)) == ["m1"]

    def test_a_message_of_another_process_is_seen(self, carrier: Carrier) -> None:
        with carrier.open() as bus:
            consumer = bus.consume(RECORDS_QUEUE, prefetch=5)
            carrier.killed_child("publish", 2)
            assert ids(gather(consumer, 2)) == ["m0", "m1"]


def test_the_embedded_queue_needs_sqlite() -> None:
    store = open_store("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(ConfigurationError, match="SQLite"):
        open_bus("embedded:", store, TOPOLOGY)
    store.close()


def test_a_url_of_no_engine_is_refused_without_repeating_it() -> None:
    store = open_store("sqlite://")
    with pytest.raises(ConfigurationError) as refused:
        open_bus("kafka://user:secret@host", store, TOPOLOGY)
    assert "secret" not in str(refused.value)
    store.close()
