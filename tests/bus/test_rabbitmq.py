import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from onevoice.bus import (
    QUARANTINE_QUEUE,
    RECORDS_QUEUE,
    URGENT_QUEUE,
    envelope_json,
    open_bus,
    parse_envelope,
)
from onevoice.bus.rabbitmq import apply_users
from onevoice.bus.topology import EVENTS_EXCHANGE, IN_EXCHANGE, URGENT_EXCHANGE
from onevoice.errors import ConfigurationError, OperatorError, RecordError, TransientError
from onevoice.messages import Event
from onevoice.store import open_store
from onevoice.testing.servers import PrivateRabbit
from tests.bus.contract import TOPOLOGY, BusContract, Carrier, _publishes, envelope, eventually, gather, ids

REFUSED = 403
PRECONDITION_FAILED = 406


@pytest.fixture
def carrier(rabbit_vhost: Any, tmp_path: Path) -> Carrier:
    def crash() -> None:
        raise AssertionError("this broker is shared: crash the mortal one")

    return Carrier(url=rabbit_vhost.url, store=f"sqlite:///{tmp_path / 'unused.db'}", crash=crash)


@pytest.fixture(scope="module")
def mortal_rabbit() -> Iterator[PrivateRabbit]:
    with PrivateRabbit() as server:
        yield server


@pytest.fixture
def mortal(mortal_rabbit: PrivateRabbit, tmp_path: Path) -> Carrier:
    def crash() -> None:
        mortal_rabbit.kill()
        mortal_rabbit.start()

    mortal_rabbit.start()
    # Not deleted afterwards: RabbitMQ 3.10 falls over when quorum queues are deleted soon after a restart.
    vhost = mortal_rabbit.create_vhost()
    return Carrier(url=mortal_rabbit.url(vhost), store=f"sqlite:///{tmp_path / 'unused.db'}", crash=crash)


class TestRabbit(BusContract):
    def test_publisher_and_consumer_go_on_after_a_broker_crash(self, mortal: Carrier) -> None:
        with mortal.open() as bus:
            bus.publish_records([envelope(number) for number in range(5)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=3)
            held = gather(consumer, 3)
            consumer.ack(held[:2])
            held += gather(consumer, 2)  # there was room for them: the broker has the acknowledgements
            mortal.crash()
            consumer.ack(held)  # of the dead channel: they come again all the same
            again = gather(consumer, 3, within=60)
            assert sorted(ids(again)) == ["m2", "m3", "m4"]
            consumer.ack(again)
            assert eventually(lambda: _publishes(bus, envelope(9)), within=60)
            assert ids(gather(consumer, 1)) == ["m9"]
            bus.ping()

    def test_publishing_while_the_broker_is_down_waits_or_says_so(
        self, mortal: Carrier, mortal_rabbit: PrivateRabbit
    ) -> None:
        with mortal.open() as bus:
            mortal_rabbit.kill()
            with pytest.raises(TransientError):
                bus.ping()
            published = threading.Thread(target=lambda: eventually(lambda: _publishes(bus, envelope(1)), within=90))
            published.start()
            mortal_rabbit.start()
            published.join(90)
            consumer = bus.consume(RECORDS_QUEUE, prefetch=10)
            assert "m1" in ids(gather(consumer, 1, within=60))

    def test_queues_deleted_by_hand_come_back_with_the_next_connection(
        self, carrier: Carrier, rabbit_vhost: Any
    ) -> None:
        with carrier.open() as bus:
            where = quote(rabbit_vhost.name, safe="")
            rabbit_vhost.server.management("DELETE", f"/api/queues/{where}/{RECORDS_QUEUE}")
            rabbit_vhost.server.management("DELETE", f"/api/queues/{where}/{QUARANTINE_QUEUE}")
            consumer = bus.consume(RECORDS_QUEUE, prefetch=5)
            assert consumer.take(1, 0.5) == []  # refused again and again, and in silence
            with pytest.raises(TransientError, match="found no queue"):
                bus.publish_records([envelope(1)])
            assert eventually(lambda: _publishes(bus, envelope(2)))
            assert ids(gather(consumer, 1)) == ["m2"]

    def test_a_batch_that_takes_longer_than_the_heartbeat_costs_no_connection(self, carrier: Carrier) -> None:
        with replace(carrier, url=f"{carrier.url}?heartbeat=1").open() as bus:
            bus.publish_records([envelope(1), envelope(2)])
            consumer = bus.consume(RECORDS_QUEUE, prefetch=1)
            held = gather(consumer, 1)
            working_until = time.monotonic() + 4
            while time.monotonic() < working_until:
                sum(range(10_000))
            consumer.ack(held)
            (following,) = gather(consumer, 1)
            assert ids([following]) == ["m2"]
            assert following.redelivered == 0

    # --- events ---

    def test_events_reach_those_that_listen_for_them_and_nobody_else(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        merged, added = (
            Event(id=uuid.uuid4(), type=kind, subject="s", time=datetime(2026, 1, 1, tzinfo=UTC), data={"n": 1})
            for kind in ("customer.merged", "suppression.added")
        )
        with carrier.open() as bus:
            bus.publish_events([merged])  # nobody listens, and nobody is in need of it
            connection = pika.BlockingConnection(pika.URLParameters(carrier.url))
            channel = connection.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(queue, EVENTS_EXCHANGE, "customer.*")
            bus.publish_events([added, merged])
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            assert method.routing_key == "customer.merged"
            assert properties.message_id == str(merged.id)
            told = json.loads(body)
            assert (told["type"], told["id"]) == ("onevoice.customer.merged.v1", str(merged.id))
            assert told["data"] == {"n": 1}
            assert channel.basic_get(queue)[0] is None
            connection.close()

    # --- who may do what ---

    def test_a_system_publishes_under_its_own_keys(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        with carrier.open() as bus, system_channel(rabbit_vhost, "callcentre") as channel:
            sent = envelope(1, system="callcentre", stream="call")
            for exchange in (IN_EXCHANGE, URGENT_EXCHANGE):
                publish(channel, exchange, "callcentre.call", envelope_json(sent), user_id="callcentre")
            for queue in (RECORDS_QUEUE, URGENT_QUEUE):
                (delivery,) = gather(bus.consume(queue, prefetch=1), 1)
                urgent = queue == URGENT_QUEUE
                parsed = parse_envelope(
                    delivery.body, routing_key=delivery.routing_key, user_id=delivery.user_id, urgent=urgent
                )
                assert parsed == replace(sent, urgent=urgent)
                assert delivery.user_id == "callcentre"

    def test_a_misaddressed_message_goes_to_quarantine(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        with carrier.open() as bus, system_channel(rabbit_vhost, "callcentre") as channel:
            publish(channel, IN_EXCHANGE, "callcentre.calls", b"anything")
            publish(channel, URGENT_EXCHANGE, "callcentre.call.more", b"anything")
            deliveries = gather(bus.consume(QUARANTINE_QUEUE, prefetch=5), 2)
            assert [one.routing_key for one in deliveries] == ["callcentre.calls", "callcentre.call.more"]

    def test_a_source_that_is_not_the_sender_is_told_by_the_body(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        with carrier.open() as bus, system_channel(rabbit_vhost, "callcentre") as channel:
            publish(channel, IN_EXCHANGE, "callcentre.call", envelope_json(envelope(1)))
            (delivery,) = gather(bus.consume(RECORDS_QUEUE, prefetch=1), 1)
            with pytest.raises(RecordError, match="source"):
                parse_envelope(delivery.body, routing_key=delivery.routing_key, user_id=delivery.user_id, urgent=False)

    @pytest.mark.parametrize(
        ("exchange", "key", "user_id", "code"),
        [
            pytest.param(IN_EXCHANGE, "crm.Contact", None, REFUSED, id="another-system"),
            pytest.param(URGENT_EXCHANGE, "crm.Contact", None, REFUSED, id="another-system-urgent"),
            pytest.param(IN_EXCHANGE, "callcentre2.call", None, REFUSED, id="a-longer-name"),
            pytest.param(IN_EXCHANGE, "callcentre.call", "crm", PRECONDITION_FAILED, id="user-id-lie"),
            pytest.param("", RECORDS_QUEUE, None, REFUSED, id="straight-into-the-queue"),
            pytest.param("onevoice.work", "crm.record", None, REFUSED, id="work"),
            pytest.param("onevoice.events", "consent.changed", None, REFUSED, id="events"),
            pytest.param("onevoice.unrouted", "x", None, REFUSED, id="unrouted"),
        ],
    )
    def test_the_broker_refuses_what_a_system_may_not_publish(
        self, carrier: Carrier, rabbit_vhost: Any, exchange: str, key: str, user_id: str | None, code: int
    ) -> None:
        with carrier.open() as bus, system_channel(rabbit_vhost, "callcentre") as channel:
            with pytest.raises(ChannelClosedByBroker) as refused:
                publish(channel, exchange, key, envelope_json(envelope(1)), user_id=user_id)
            assert refused.value.reply_code == code
            for queue in (RECORDS_QUEUE, URGENT_QUEUE, QUARANTINE_QUEUE):
                assert bus.depth(queue) == 0

    def test_a_system_neither_reads_nor_declares(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        with carrier.open(), system_channel(rabbit_vhost, "callcentre") as channel:
            with pytest.raises(ChannelClosedByBroker) as refused:
                channel.basic_get(RECORDS_QUEUE)
            assert refused.value.reply_code == REFUSED
        with carrier.open(), system_channel(rabbit_vhost, "callcentre") as channel:
            with pytest.raises(ChannelClosedByBroker) as refused:
                channel.queue_declare("onevoice.mine")
            assert refused.value.reply_code == REFUSED

    # --- what a wrong setting gets ---

    def test_wrong_credentials_are_the_operators(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        wrong = rabbit_vhost.server.url(rabbit_vhost.name, password="not-it")
        with pytest.raises(OperatorError) as refused, replace(carrier, url=wrong).open():
            pass
        assert "not-it" not in str(refused.value)

    def test_an_unknown_vhost_is_the_operators(self, carrier: Carrier, rabbit_vhost: Any) -> None:
        with pytest.raises(OperatorError), replace(carrier, url=rabbit_vhost.server.url("nowhere")).open():
            pass

    def test_a_queue_with_other_arguments_is_named_as_such(self, carrier: Carrier) -> None:
        with carrier.open():
            pass
        with pytest.raises(ConfigurationError, match="406"), carrier.open(replace(TOPOLOGY, delivery_limit=5)):
            pass

    def test_users_need_a_password_and_an_administrator(self, rabbit_vhost: Any) -> None:
        users = TOPOLOGY.broker_users()
        rest: dict[str, Any] = {"management_url": rabbit_vhost.management_url, "vhost": rabbit_vhost.name}
        with pytest.raises(ConfigurationError, match="callcentre"):
            apply_users(users, {}, admin=("any", "any"), **rest)
        with pytest.raises(OperatorError, match="401"):
            apply_users(users, {"callcentre": "secret"}, admin=("any", "wrong"), **rest)


@pytest.mark.parametrize("url", ["amqp://a:secret@127.0.0.1:port/x", "amqp://a:secret@127.0.0.1:1/x?heartbeat=often"])
def test_a_malformed_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_bus(url, open_store("sqlite://"), TOPOLOGY)
    assert "secret" not in str(refused.value)


def test_no_broker_is_a_passing_trouble() -> None:
    with pytest.raises(TransientError):
        open_bus("amqp://a:secret@127.0.0.1:1/x", open_store("sqlite://"), TOPOLOGY)


def publish(channel: BlockingChannel, exchange: str, key: str, body: bytes, *, user_id: str | None = None) -> None:
    channel.basic_publish(exchange, key, body, pika.BasicProperties(delivery_mode=2, user_id=user_id), mandatory=True)


class system_channel:  # noqa: N801 - reads as a function
    """A channel of a system's own user, with confirms."""

    def __init__(self, vhost: Any, system: str) -> None:
        self._vhost = vhost
        self._name = system

    def __enter__(self) -> BlockingChannel:
        password = "p/w:@#1"
        apply_users(
            TOPOLOGY.broker_users(),
            {self._name: password},
            management_url=self._vhost.management_url,
            admin=(self._vhost.user, self._vhost.password),
            vhost=self._vhost.name,
        )
        url = self._vhost.server.url(self._vhost.name, user=self._name, password=password)
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = self._connection.channel()
        channel.confirm_delivery()
        return channel

    def __exit__(self, *_: object) -> None:
        if self._connection.is_open:
            self._connection.close()
