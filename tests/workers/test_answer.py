"""What is answered elsewhere is put nowhere else: by a page, by a reply, until its thread has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from onevoice.store import Store
from onevoice.store import tables as t
from onevoice.workers.contacts import Contacts, Wish
from tests.mapping.desk import MAPPING, call
from tests.workers.desk import desk_root, opened, ticket
from tests.workers.walk import Walk

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
CONTACT = UUID("01946c5e-0000-7000-8000-000000000001")
OTHER = UUID(int=CONTACT.int + 1)


@pytest.fixture
def walk(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Walk:
    """A desk whose calls say in `about` what the test asks for."""
    mapping = MAPPING.replace("subject: about", request.param)
    if "thread" in request.param:
        mapping = mapping.replace("kind: {value: call}", "kind: about")
    return opened(store, desk_root(tmp_path, mapping))


def may(walk: Walk, thread: str) -> bool:
    """Whether a message of a thread may be sent to whom the desk knows; service messages need no consent."""
    wish = Wish(reference="rec:desk:ticket:7", channel="email", purpose="service", thread=thread)
    return Contacts(store=walk.store, gate=walk.gate).ask(wish, now=NOW).allowed


def told(about: str, number: int = 1, day: int = 3) -> dict[str, Any]:
    return call(number, day) | {"about": about}


@pytest.mark.parametrize("walk", ["reached: about"], indirect=True)
@pytest.mark.parametrize(
    ("reached", "answered"),
    [
        ("https://shop.example.com/spring", True),
        ("https://shop.example.com/spring/offer?from=mail", True),
        ("Spring@Example.com", True),
        ("+442079460161", True),
        ("https://shop.example.com/springboards", False),
        ("https://shop.example.com/", False),
        ("+442079460100", False),
    ],
)
def test_whoever_uses_a_campaigns_number_address_or_page_has_answered_it(
    walk: Walk, reached: str, *, answered: bool
) -> None:
    walk.take(ticket(1, calls=[told(reached)]))
    assert may(walk, "spring-offer-2026") is not answered
    assert may(walk, "autumn")
    assert (
        Contacts(store=walk.store, gate=walk.gate)
        .ask(
            Wish(reference="rec:desk:ticket:7", channel="email", purpose="service", thread="spring-offer-2026"),
            now=datetime(2027, 1, 1, tzinfo=UTC),
        )
        .allowed
    )  # the campaign is over


@pytest.mark.parametrize("walk", ["in_reply_to: about"], indirect=True)
@pytest.mark.parametrize(
    ("text", "answered"), [(str(CONTACT), True), (f"<{CONTACT}@example.com>", True), (str(OTHER), False)]
)
def test_a_reply_answers_the_thread_of_the_message_that_it_replies_to(walk: Walk, text: str, *, answered: bool) -> None:
    sent = {
        "id": CONTACT, "token_hash": "x", "point": "email:a@example.com", "channel": "email", "purpose": "marketing",
        "controller": "default", "inbound": False, "thread": "winter", "content_hash": "", "offered_at": NOW,
        "expires_at": NOW, "committed_at": NOW - timedelta(days=1),
    }  # fmt: skip
    with walk.store.transaction() as connection:
        connection.execute(t.contact.insert().values(sent))
    walk.take(ticket(1, calls=[told(text)]))
    assert may(walk, "winter") is not answered
    assert may(walk, "spring")


@pytest.mark.parametrize("walk", ["thread: {value: winter}\n      campaign: {value: winter}"], indirect=True)
@pytest.mark.parametrize("late", [False, True])
def test_a_thread_that_has_ended_is_open_to_what_comes_later(walk: Walk, *, late: bool) -> None:
    said = [told("call", 1, 3), told("thread_end", 2, 5)]
    for day, calls in enumerate([said[::-1][:1], said] if late else [said[:1], said], start=1):
        walk.take(ticket(day, calls=calls))
    assert may(walk, "winter")

    walk.take(ticket(3, calls=[*said, told("call", 3, 7)]))
    assert not may(walk, "winter")
