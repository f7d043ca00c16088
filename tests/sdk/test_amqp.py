"""A queue that is read, messages and questions that go out: nothing is lost, and whatever fails has its class."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from onevoice.errors import ConfigurationError, OperatorError, TransientError
from onevoice.sdk.amqp import Amqp, Message, record_of
from tests.conftest import RabbitVhost

MARK = "marked.person@example.com"
QUEUE = "orders"


@pytest.fixture
def owner(rabbit_vhost: RabbitVhost) -> Iterator[Any]:
    """The other side: its own channel on the broker."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbit_vhost.url))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    yield channel
    connection.close()


def address(vhost: RabbitVhost) -> str:
    return vhost.url.replace(f":{vhost.password}@", "@")


@pytest.fixture
def amqp(rabbit_vhost: RabbitVhost, owner: Any) -> Iterator[Amqp]:
    made = Amqp(address(rabbit_vhost), password=rabbit_vhost.password, system="till", answer_seconds=2.0)
    yield made
    made.close()


def put(owner: Any, *bodies: str) -> None:
    for body in bodies:
        owner.basic_publish("", QUEUE, body.encode())


def bodies(lots: Any) -> list[list[str]]:
    return [[message.body.decode() for message in lot] for lot in lots]


def test_a_queue_is_read_to_its_end_and_each_lot_is_taken_when_it_is_safe(amqp: Amqp, owner: Any) -> None:
    put(owner, "1", "2", "3")
    reading = amqp.drain(QUEUE, stream="orders", size=2)
    assert [message.body for message in next(reading)] == [b"1", b"2"]
    reading.close()
    assert bodies(amqp.drain(QUEUE, stream="orders", size=2)) == [["1", "2"], ["3"]], "a lot not safe comes again"
    assert bodies(amqp.drain(QUEUE, stream="orders", size=2)) == []


def test_a_read_ends_although_the_other_side_goes_on(amqp: Amqp, owner: Any) -> None:
    put(owner, "1", "2")
    found = []
    for lot in amqp.drain(QUEUE, stream="orders", size=1):
        found += lot
        put(owner, "more")
    assert [message.body for message in found] == [b"1", b"2"]


def test_a_message_out_is_kept_by_a_queue_or_it_is_an_error(amqp: Amqp, owner: Any) -> None:
    amqp.publish("", QUEUE, b"{}", message_id="m1")
    _, properties, _ = owner.basic_get(QUEUE, auto_ack=True)
    assert (properties.message_id, properties.delivery_mode) == ("m1", 2)
    with pytest.raises(TransientError, match="no queue takes 'nobody'"):
        amqp.publish("", "nobody", MARK.encode())
    with pytest.raises(OperatorError, match="404"):
        amqp.publish("none", "x", b"{}")
    amqp.publish("", QUEUE, b"{}")
    assert owner.queue_declare(QUEUE, passive=True).method.message_count == 1, "a lost channel is opened again"


def test_it_notices_a_connection_that_was_lost_meanwhile(amqp: Amqp, owner: Any) -> None:
    amqp.publish("", QUEUE, b"1")
    amqp._channel.connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    amqp.publish("", QUEUE, b"2")
    assert owner.queue_declare(QUEUE, passive=True).method.message_count == 2


def test_a_question_gets_its_answer_or_an_error_in_time(amqp: Amqp, rabbit_vhost: RabbitVhost, owner: Any) -> None:
    asked = []

    def serve() -> None:
        connection = pika.BlockingConnection(pika.URLParameters(rabbit_vhost.url))
        channel = connection.channel()
        for method, properties, body in channel.consume(QUEUE, auto_ack=True, inactivity_timeout=5):
            if method is None:
                break
            asked.append(json.loads(body))
            answer = MARK if asked[-1]["n"] == 2 else json.dumps({"twice": asked[-1]["n"] * 2})
            if asked[-1]["n"] != 3:
                own = pika.BasicProperties(correlation_id=properties.correlation_id)
                channel.basic_publish("", properties.reply_to, answer.encode(), own)
            if asked[-1]["n"] == 3:
                break
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert amqp.ask("", QUEUE, {"n": 1}, stream="orders") == {"twice": 2}
    with pytest.raises(TransientError, match="no JSON object") as caught:
        amqp.ask("", QUEUE, {"n": 2}, stream="orders")
    assert MARK not in str(caught.value)
    with pytest.raises(TransientError, match="no answer in 2 s"):
        amqp.ask("", QUEUE, {"n": 3}, stream="orders")
    thread.join(10)
    assert [one["n"] for one in asked] == [1, 2, 3]


def test_what_the_broker_refuses_has_its_class(rabbit_vhost: RabbitVhost, amqp: Amqp) -> None:
    amqp.check(QUEUE)
    with pytest.raises(OperatorError, match="404"):
        amqp.check("none")
    with pytest.raises(OperatorError, match="refuses access") as caught:
        Amqp(address(rabbit_vhost), password="wr0ng", system="till").check()
    assert "wr0ng" not in str(caught.value)
    with pytest.raises(OperatorError):
        Amqp(address(rabbit_vhost) + "none", password=rabbit_vhost.password, system="till").check()
    with pytest.raises(TransientError, match="the broker is away"):
        Amqp("amqp://hub@127.0.0.1:1/", password="x", system="till").check()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("http://host", "no broker's address"),
        ("amqp://u:p4ss@host/", "carries a password"),
        ("amqp://host:x/", "no broker.s address"),
    ],
)
def test_a_wrong_address_is_named(wrong: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        Amqp(wrong, password=None, system="till")
    assert "p4ss" not in str(caught.value)


def test_what_is_no_object_stays_whole_for_quarantine() -> None:
    assert record_of(Message(routing_key="", body=b'{"id": 1}', headers={})) == {"id": 1}
    assert record_of(Message(routing_key="", body=b"[1]", headers={})) == {"_text": "[1]"}
    assert record_of(Message(routing_key="", body=b"\xff", headers={})) == {"_text": "\\xff"}


def test_no_body_stands_in_a_log(amqp: Amqp, owner: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        amqp.publish("", QUEUE, MARK.encode())
        assert bodies(amqp.drain(QUEUE, stream="orders", size=2)) == [[MARK]]
    assert MARK not in caplog.text
