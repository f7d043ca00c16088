"""Asking for many contact points at once gives each the answer, reasons included, that it gets alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from onevoice.store import tables as t
from onevoice.workers.contacts import Contacts, Wish
from tests.workers.walk import Walk, crm, envelope, shop

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
PEOPLE, CASES = 60, 400


def test_bulk_equals_single_reasons_included(walk: Walk) -> None:
    rng = random.Random(7)
    points = [f"email:p{i}@example.com" for i in range(PEOPLE)] + [f"phone:+447400{i:06}" for i in range(PEOPLE)]
    walk.take(*(person(i, rng) for i in range(PEOPLE)))
    walk.take(*(account(i, rng) for i in range(0, PEOPLE, 3)))
    walk.take(*(order(i, rng) for i in range(0, PEOPLE, 6)))
    with walk.store.transaction() as connection:
        connection.execute(t.act.insert(), [said(rng, points) for _ in range(3 * PEOPLE)])
        connection.execute(t.contact.insert(), [made(rng, points) for _ in range(PEOPLE)])
        load = {
            "register": "tps", "number": 1, "form": "plain", "as_of": NOW, "loaded_at": NOW, "told_at": NOW,
            "entries": 9,
        }  # fmt: skip
        connection.execute(t.register_load.insert().values(load))
        listed = [p.removeprefix("phone:") for p in points[PEOPLE::7]]
        entry = {"register": "tps", "number": 1, "since": NOW - timedelta(days=90)}
        connection.execute(t.register_entry.insert(), [entry | {"value": value} for value in listed])
    contacts = Contacts(store=walk.store, gate=walk.gate)
    seen: set[str] = set()
    for channel in ("email", "phone", "sms"):
        purpose = rng.choice(["marketing", "survey", "service"]) if channel == "sms" else "marketing"
        asked = rng.choices([*points, "email:nobody@example.com"], k=CASES // 3)
        together = dict(contacts.ask_points(asked, channel=channel, purpose=purpose, now=NOW))
        for point in asked:
            alone = contacts.ask(Wish(reference=point, channel=channel, purpose=purpose), now=NOW)
            assert together[point] == alone, point
            seen |= {one.code for one in alone.because}
    assert seen >= {"prohibited", "no_consent", "granted", "not_lifted", "soft_opt_in", "cap"}


def person(i: int, rng: random.Random) -> Any:
    shared = rng.random() < 0.2
    return crm(
        1, Id=f"C{i}", FirstName=f"N{i}", LastName=f"L{i}", Email=f"p{i}@example.com",
        Birthdate=f"19{50 + i % 50}-0{1 + i % 9}-11", MobilePhone=f"+447400{(i // 2 if shared else i):06}",
        MailingCountryCode=rng.choice(["GB", "DE", "US"]), DoNotCall=rng.random() < 0.1,
    )  # fmt: skip


def account(i: int, rng: random.Random) -> Any:
    return shop(1, id=i + 1, first_name=f"N{i}", last_name=f"L{i}", birth_date=None, email=f"p{i}@example.com",
                accepts_email_marketing=rng.choice([True, False, None]))  # fmt: skip


def order(i: int, rng: random.Random) -> Any:
    day = rng.randrange(1, 300)
    return envelope("shop", "orders", day, id=9000 + i, customer_id=i + 1, placed_at="2026-08-01T20:05:31.000000Z")


def said(rng: random.Random, points: list[str]) -> dict[str, Any]:
    kind, reason = rng.choice(
        [("grant", "grant"), ("grant", "grant"), ("withdrawal", "unsubscribe"), ("prohibition", "hard_bounce"),
         ("objection", "objection"), ("prohibition", "complaint"), ("preference", "preference")]
    )  # fmt: skip
    at_record = {"anchor_system": "crm", "anchor_stream": "Contact", "anchor_key": f"C{rng.randrange(PEOPLE)}"}
    nowhere = dict.fromkeys(at_record)
    anchor = (
        at_record | {"anchor_point": None} if rng.random() < 0.5 else nowhere | {"anchor_point": rng.choice(points)}
    )
    terms = {"preferred": True} if kind == "preference" else None
    return {
        "id": uuid4(), "kind": kind, "reason": reason, "channel": rng.choice(["email", "phone", "sms"]),
        "purpose": "marketing", "controller": "default", "time": NOW - timedelta(days=rng.randrange(1, 200)),
        "recorded_at": NOW, "evidence": {"text": "x"} if kind == "grant" else {}, "source_system": "hub",
        "source_stream": "act", "source_key": "1", "terms": terms, **anchor,
    }  # fmt: skip


def made(rng: random.Random, points: list[str]) -> dict[str, Any]:
    return {
        "id": uuid4(), "token_hash": uuid4().hex, "record_id": None, "point": rng.choice(points), "channel": "email",
        "purpose": "marketing", "controller": "default", "inbound": False, "content_hash": "", "offered_at": NOW,
        "expires_at": NOW, "committed_at": NOW - timedelta(days=rng.randrange(1, 9)),
    }  # fmt: skip
