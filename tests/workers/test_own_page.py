"""The own page on both databases: what it says binds the gate, and what is said several times at once counts once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onevoice.store import tables as t
from onevoice.workers.acts import Acts
from onevoice.workers.contacts import Contacts, Wish
from onevoice.workers.customers.judging import Judging
from onevoice.workers.links import Signing
from onevoice.workers.own_page import Form, OwnPage
from onevoice.workers.own_page.profile import Profiles
from onevoice.workers.own_page.stop import Stops
from tests.workers.walk import Walk, crm

MAIL = "email:ann@example.com"


@dataclass
class Own:
    """The page of one customer, and the gate beside it."""

    walk: Walk
    page: OwnPage
    stops: Stops
    contacts: Contacts

    @property
    def token(self) -> str:
        return self.page.link(self.walk.record("crm", "003A").customer_id).rpartition("/")[2]

    def may(self, purpose: str = "marketing") -> bool:
        wish = Wish(reference="rec:crm:Contact:003A", point=MAIL, channel="email", purpose=purpose)
        return self.contacts.ask(wish).allowed

    def choice(self) -> str:
        choices = self.page.look(self.token).choices
        return next(one.id for one in choices if one.point == MAIL and one.purpose == "marketing")

    def requested(self) -> list[Any]:
        return [event.data["link"].rpartition("/")[2] for event in self.walk.told("confirmation.requested")]


@pytest.fixture
def own(walk: Walk) -> Own:
    walk.take(crm(1, Email="ann@example.com", MailingCountryCode="GB"))
    signing = Signing("https://me.example.com", b"k" * 32, Ed25519PrivateKey.from_private_bytes(b"s" * 32), b"p" * 32)
    acts = Acts(contract=walk.catalog.canonical("act"), store=walk.store, ingest=walk.ingest, gate=walk.gate)
    judging = Judging(walk.store, walk.ingest)
    profiles = Profiles(store=walk.store, catalog=walk.catalog, door=walk.door, judging=judging)
    page = OwnPage(store=walk.store, gate=walk.gate, acts=acts, profiles=profiles, signing=signing, hub_name="company")
    stops = Stops(store=walk.store, acts=acts, signing=signing)
    return Own(walk, page, stops, Contacts(store=walk.store, gate=walk.gate, signing=signing))


def test_yes_is_confirmed_once_however_often_the_link_is_followed_at_once(own: Own) -> None:
    assert own.page.save(own.token, Form(choices={own.choice(): True})).asked_at == ("a•••@example.com",)
    assert not own.may()
    [link] = own.requested()
    with ThreadPoolExecutor(4) as pool:
        confirmed = list(pool.map(own.page.confirm, [link] * 4))
    assert all(one.confirmed_at for one in confirmed)
    assert own.may()
    assert len(own.walk.rows(t.act, kind="grant")) == 1


def test_a_stop_that_comes_several_times_at_once_is_one_act(own: Own) -> None:
    own.page.save(own.token, Form(choices={own.choice(): True}))
    own.page.confirm(own.requested()[0])
    wish = Wish(reference="rec:crm:Contact:003A", point=MAIL, channel="email", purpose="marketing")
    offered = own.contacts.offer(wish, content="x")
    assert offered.unsubscribe is not None
    token = offered.unsubscribe.rpartition("/")[2]
    assert not own.stops.look(token).stopped
    with ThreadPoolExecutor(4) as pool:
        assert all(one.stopped for one in pool.map(own.stops.stop, [token] * 4))
    assert not own.may()
    assert len(own.walk.rows(t.act, kind="withdrawal")) == 1
    assert offered.token is not None
    assert not own.contacts.redeem(offered.token, point=MAIL, purpose="marketing", content="x").committed


def test_no_reaches_the_systems(own: Own) -> None:
    own.walk.crm.put(own.walk.record("crm", "003A").payload)
    own.walk.arrive("crm", "Contact", own.walk.crm.record("Contact", "003A"))
    own.page.save(own.token, Form(choices={own.choice(): False}))
    own.walk.settle()
    assert own.walk.crm.records["003A"]["HasOptedOutOfEmail"] is True
    assert own.may("service")
