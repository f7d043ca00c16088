"""The outbox of the sample servers: nothing forgotten, nothing tried for ever when there is a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samples.serving import outbox
from samples.serving.database import Database
from samples.serving.outbox import Message, NotTakenError, Outbox, Relay

Eventually = Callable[[Callable[[], object]], None]


class Fussy:
    """Takes everything but what it was told to refuse."""

    def __init__(self, refused: bytes = b"") -> None:
        self.refused = refused
        self.tried: list[bytes] = []

    def send(self, message: Message) -> None:
        self.tried.append(message.body)
        if message.body == self.refused:
            raise NotTakenError("refused")

    def idle(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "outbox.sqlite", outbox.SCHEMA)
    yield database
    database.close()


def put(database: Database, *bodies: str, urgent: bool = False) -> None:
    with database.transaction() as connection:
        for body in bodies:
            Outbox.add(connection, "topic", body, urgent=urgent)


def test_a_refused_message_is_given_up_after_its_attempts_and_holds_nobody_up(
    database: Database, eventually: Eventually
) -> None:
    put(database, "bad", "good")
    box, sender = Outbox(database), Fussy(refused=b"bad")
    relay = Relay(box, lambda: sender, max_attempts=2, longest_pause=0.01)
    relay.start()
    try:
        eventually(lambda: box.counts() == {"waiting": 0, "delivered": 1, "dead": 1})
    finally:
        relay.stop()

    assert sender.tried.count(b"bad") == 2
    assert sender.tried.count(b"good") == 1


def test_urgent_messages_leave_first(database: Database, eventually: Eventually) -> None:
    put(database, "first", "second")
    put(database, "urgent", urgent=True)
    box, sender = Outbox(database), Fussy()
    relay = Relay(box, lambda: sender, max_attempts=None, longest_pause=0.01)
    relay.start()
    try:
        eventually(lambda: box.counts()["delivered"] == 3)
    finally:
        relay.stop()

    assert sender.tried == [b"urgent", b"first", b"second"]


def test_a_transaction_that_fails_leaves_no_message(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as connection:
            Outbox.add(connection, "topic", "never")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert Outbox(database).counts()["waiting"] == 0
