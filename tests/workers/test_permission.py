"""Consent through the whole hub: a number stays suppressed until that is lifted; a grant stays where it is."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onevoice.consent import Holding
from onevoice.consent.holdings import holdings_of
from onevoice.consent.lists import denied_entries
from onevoice.errors import ConfigurationError
from onevoice.mapping import compile_mapping
from onevoice.mapping.file import read_mapping
from onevoice.messages import Act, Envelope, Lane, Permission, RecordRef
from onevoice.store import tables as t
from onevoice.workers.acts import Acts
from onevoice.workers.contacts import Contacts, Wish
from onevoice.workers.customers.reading import Reading, read_reference
from onevoice.workers.customers.reference import Reference
from tests.workers.walk import ROOT, Walk, crm, do_not_call, shop

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


@pytest.mark.parametrize(
    ("no", "yes"),
    [
        ({"kind": "withdrawal"}, {"kind": "grant"}),
        ({"kind": "prohibition", "reason": "hard_bounce"}, {"kind": "lift", "reason": "delivery"}),
    ],
)
def test_a_point_leaves_the_list_when_the_gate_denies_it_no_longer(
    walk: Walk, no: dict[str, Any], yes: dict[str, Any]
) -> None:
    for day, (what, expected) in enumerate([(no, {OLD}), (yes, set()), (no, {OLD}), (yes, set())], 1):
        _state(walk, day, **what)
        asked = Contacts(store=walk.store, gate=walk.gate).ask(
            Wish(reference=f"phone:{OLD}", channel="phone", purpose="marketing")
        )
        assert suppressed(walk) == expected
        assert (asked.permission is Permission.DENIED) == bool(expected)
        walk.settle()
        assert walk.listed() == {("phone", number) for number in expected}


def test_a_grant_of_the_record_that_withdrew_takes_its_number_off_the_list(walk: Walk) -> None:
    walk.take(crm(1, MobilePhone=OLD))
    him = RecordRef(system="crm", stream="Contact", key="003A")
    _state(walk, 1, kind="withdrawal", anchor_record=him)
    assert suppressed(walk) == {OLD}
    _state(walk, 2, kind="grant", anchor_record=him, anchor_point=None)
    assert suppressed(walk) == set()


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "objection", "channel": "any", "purpose": "any"},
        {"kind": "prohibition", "reason": "deceased", "channel": "any", "purpose": "any"},
        {"kind": "prohibition", "reason": "restricted", "channel": "sms", "purpose": "service"},
    ],
)
def test_what_is_said_of_all_channels_at_a_bare_point_reaches_the_list(walk: Walk, said: dict[str, Any]) -> None:
    _state(walk, 1, **said)
    assert _targets(walk) >= {("phone", OLD)}
    walk.settle()
    assert ("phone", OLD) in walk.listed()


def test_an_answer_at_a_bare_point_sends_no_list(walk: Walk) -> None:
    _state(walk, 1, kind="prohibition", reason="answered", channel="any", purpose="any", thread="spring")
    assert not _targets(walk)


@pytest.mark.parametrize(
    ("reason", "state"), [("role", "quarantined"), ("end", "quarantined"), ("delivery", "applied")]
)
def test_a_system_lifts_by_delivery_or_verification_only(walk: Walk, tmp_path: Path, reason: str, state: str) -> None:
    stream = walk.catalog.streams["callcentre", "do_not_call"]
    text = (ROOT / "mappings" / "sample_callcentre" / "do_not_call.yaml").read_text().partition("tests:")[0]
    text = text.replace("kind: {value: withdrawal}", "kind: {value: lift}\n  evidence.role: {value: legal}")
    text = text.replace("reason: {value: withdrawal}", f"reason: {{value: {reason}}}")
    path = tmp_path / "do_not_call.yaml"
    path.write_text(text)
    mapping = compile_mapping(
        read_mapping(path, "callcentre"),
        source=stream.source.schema,
        canonical=stream.canonical.schema,
        region="GB",
    )
    streams = {**walk.catalog.streams, ("callcentre", "do_not_call"): replace(stream, mapping=mapping)}
    walk.ingest = replace(walk.ingest, catalog=replace(walk.catalog, streams=streams))
    assert walk.take(do_not_call(1, point=OLD)).counts[state] == 1
    assert len(walk.rows(t.act)) == (state == "applied")


def _state(walk: Walk, day: int, **said: Any) -> None:
    values: dict[str, Any] = {
        "id": uuid.UUID(int=0),
        "channel": "phone",
        "purpose": "marketing",
        "reason": said["kind"],
        "time": datetime(2026, 7, day, tzinfo=UTC),
        "anchor_point": f"phone:{OLD}",
        "source": RecordRef(system="hub", stream="act", key=""),
        "evidence": {"text": "signed"},
    }
    acts = Acts(contract=walk.catalog.canonical("act"), store=walk.store, ingest=walk.ingest, gate=walk.gate)
    acts.state(Act(**(values | said)), by="test")


def _grant(system: str, stream: str, key: str) -> dict[str, Any]:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return {
        "id": uuid.uuid4(), "kind": "grant", "channel": "phone", "purpose": "marketing", "controller": "default",
        "reason": "grant", "time": at, "recorded_at": at, "evidence": {"text": "signed"},
        "anchor_system": system, "anchor_stream": stream, "anchor_key": key,
        "source_system": system, "source_stream": stream, "source_key": key,
    }  # fmt: skip


@pytest.mark.parametrize(("outcome", "lifted"), [("link", False), ("trusted", True)])
def test_a_grant_lifts_the_objection_of_a_record_that_a_trusted_id_joins_and_not_of_one_that_is_likely_the_same(
    walk: Walk, outcome: str, *, lifted: bool
) -> None:
    walk.take(crm(1, MobilePhone=OLD, Email="ann@example.com"), shop(1, phone=OLD))
    customer = walk.record("crm", "003A").customer_id
    objection = _grant("crm", "Contact", "003A") | {"kind": "objection", "reason": "objection", "channel": "any"}
    grant = _grant("shop", "customers", "1")
    said = [objection | {"id": uuid.uuid4(), "time": grant["time"] - timedelta(days=1)}, grant]
    with walk.store.transaction() as connection:
        connection.execute(t.act.insert(), said)
        connection.execute(t.pair.update().values(outcome=outcome))
        holding = holdings_of(connection, [customer])[customer]
    read = read_customer_holding(walk, customer)
    for one in (holding, read):
        denied = walk.gate.fold(one, "phone", "marketing", f"phone:{OLD}").permission is Permission.DENIED
        assert denied is not lifted


def read_customer_holding(walk: Walk, customer: uuid.UUID) -> Holding:
    """The holding as contexts read it."""
    with walk.store.reading() as connection:
        read = read_reference(connection, Reference(record_id=customer), datetime.now(UTC))
    assert isinstance(read, Reading)
    return read.holding


def test_a_consent_field_for_a_purpose_that_no_rule_knows_is_refused_with_its_place(walk: Walk) -> None:
    walk.catalog.hold_to_purposes(walk.gate.rules.purposes)
    known = walk.gate.rules.purposes.keys() - {"marketing"} | {"marketng"}
    with pytest.raises(ConfigurationError, match=r"acts\[.*/marketing\].*did you mean `marketng`"):
        walk.catalog.hold_to_purposes(known)
