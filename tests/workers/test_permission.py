"""Consent through the whole hub: a number stays suppressed until that is lifted; a grant stays where it is."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from onevoice.consent.holdings import holdings_of
from onevoice.consent.lists import denied_entries
from onevoice.messages import Envelope, Lane, Permission
from onevoice.store import tables as t
from tests.workers.walk import Walk, crm, shop

OLD, NEW, NEWEST = "+447400123456", "+447400999999", "+447400888888"


def suppressed(walk: Walk) -> set[str]:
    """The telephone numbers on the list as it should stand now."""
    with walk.store.transaction() as connection:
        entries = denied_entries(connection, walk.gate, channels=["phone"], purpose="marketing")
    return {entry.point for entry in entries}


def versions(*said: tuple[str, bool]) -> list[Envelope]:
    """One contact's versions: its number, and whether it must not be called."""
    return [crm(day, MobilePhone=number, DoNotCall=no) for day, (number, no) in enumerate(said, 1)]


def test_a_number_stays_on_the_list_when_its_record_gets_another(walk: Walk) -> None:
    for told in versions((OLD, True), (NEW, True), (NEWEST, False)):
        walk.take(told)
        walk.settle()
        assert ("phone", OLD) in walk.listed()
    assert suppressed(walk) == {OLD, NEW, NEWEST}
    assert {point for channel, point in walk.listed() if channel == "phone"} == {OLD, NEW, NEWEST}
    assert not {work for work in walk.owed() if work.system == "callcentre"}


def test_a_number_that_was_gone_before_the_withdrawal_is_not_listed(walk: Walk) -> None:
    walk.take(*versions((OLD, False), (NEW, True)))
    assert suppressed(walk) == {NEW}


def test_the_list_is_the_same_in_whatever_order_the_versions_come(new_walk: Callable[[], Walk]) -> None:
    told = versions((OLD, False), (NEW, True), (OLD, True), (NEWEST, False), (NEW, True))
    expected, acts = {OLD, NEW, NEWEST}, None
    orders = list(itertools.permutations(told))
    for order in random.Random(1).sample(orders, 12):
        walk = new_walk()
        walk.take(*order, batch=1)
        assert suppressed(walk) == expected
        assert {("phone", point) for point in expected} <= _targets(walk)
        found = {(row.id, tuple(row.evidence["points"])) for row in walk.rows(t.act, superseded_at=None)}
        assert acts in (None, found)
        acts = found


def _targets(walk: Walk) -> set[tuple[str, str]]:
    """What the lists were asked for: channel and number."""
    asked = walk.rows(t.obligation, stream="suppression")
    return {(channel, point.partition(":")[2]) for channel, point, _ in (row.target.split("|") for row in asked)}


@pytest.mark.parametrize("anchor", [("crm", "Contact", "003A"), ("shop", "customers", "1")])
def test_a_grant_is_written_into_its_own_record_and_counts_at_its_own_numbers(
    walk: Walk, anchor: tuple[str, str, str]
) -> None:
    walk.take(crm(1, MobilePhone=OLD, Email="ann@example.com"), shop(1, phone=NEW))
    customer = walk.record("crm", "003A").customer_id
    assert walk.record("shop", "1").customer_id == customer
    with walk.store.transaction() as connection:
        connection.execute(t.act.insert().values(_grant(*anchor)))
        holding = holdings_of(connection, [customer])[customer]
    said = {
        number: walk.gate.fold(holding, "phone", "marketing", f"phone:{number}").permission
        for number in (OLD, NEW, NEWEST)
    }
    own = OLD if anchor[0] == "crm" else NEW
    assert said == dict.fromkeys(said, Permission.UNKNOWN) | {own: Permission.ALLOWED}
    # The CRM's box says "may call" already; the shop's is empty, and only its own grant may fill it.
    owed = {work.system for work in walk.owed() if work.lane is Lane.SUPPRESSION}
    assert owed == ({"shop"} if anchor[0] == "shop" else set())


def _grant(system: str, stream: str, key: str) -> dict[str, Any]:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return {
        "id": uuid.uuid4(), "kind": "grant", "channel": "phone", "purpose": "marketing", "controller": "default",
        "reason": "grant", "time": at, "recorded_at": at, "evidence": {"text": "signed"},
        "anchor_system": system, "anchor_stream": stream, "anchor_key": key,
        "source_system": system, "source_stream": stream, "source_key": key,
    }  # fmt: skip
