"""The gate: a prohibition reads wide, a permission narrow, and a grant lifts only what it names."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import onevoice
from onevoice.consent import ConsentRules, Gate, Holding
from onevoice.errors import ConfigurationError
from onevoice.messages import Act, Permission, RecordRef

RULES = Path(onevoice.__file__).parent.parent / "rules"
GATE = Gate(ConsentRules.load(RULES))
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
CRM = RecordRef(system="crm", stream="Contact", key="c1")
SHOP = RecordRef(system="shop", stream="customers", key="s1")
OTHER = RecordRef(system="erp", stream="customers", key="k9")
PHONE, MAIL, MOBILE = "phone:+447400123456", "email:ann@example.com", "phone:+447400123457"
_numbers = itertools.count()


def act(kind: str, **changes: Any) -> Act:
    values: dict[str, Any] = {
        "id": uuid.UUID(int=next(_numbers)),
        "kind": kind,
        "channel": "phone",
        "purpose": "marketing",
        "reason": kind,
        "time": AT,
        "anchor_record": CRM,
        "source": CRM,
        "evidence": {"form": "signed"} if kind == "grant" else {},
    }
    return Act(**(values | changes))


def holding(*acts: Act) -> Holding:
    carried = {CRM: frozenset({PHONE}), SHOP: frozenset({MAIL, MOBILE})}
    points = frozenset().union(*carried.values())
    return Holding(records=frozenset(carried), points=points, acts=acts, carried=carried)


def said(*acts: Act, channel: str = "phone", purpose: str = "marketing", point: str | None = PHONE) -> Permission:
    return GATE.permission(holding(*acts), channel, purpose, point).permission


@pytest.mark.parametrize("anchor", [{"anchor_record": CRM}, {"anchor_record": None, "anchor_point": PHONE}])
def test_a_withdrawal_reaches_every_point_of_the_person_on_its_channel(anchor: dict[str, Any]) -> None:
    no = act("withdrawal", **anchor)
    assert said(no) is Permission.DENIED
    assert said(no, point="phone:+447400999999") is Permission.DENIED
    assert said(no, point=None) is Permission.DENIED
    assert said(no, channel="email", point=MAIL) is Permission.UNKNOWN
    assert said(no, purpose="survey") is Permission.UNKNOWN


def test_a_withdrawal_at_a_point_binds_whoever_else_holds_it() -> None:
    no = act("withdrawal", anchor_record=None, anchor_point=PHONE, source=OTHER)
    relative = Holding(records=frozenset({OTHER}), points=frozenset({PHONE}), acts=[no])
    assert GATE.permission(relative, "phone", "marketing", PHONE).permission is Permission.DENIED
    nobody = Holding(records=frozenset(), points=frozenset(), acts=[no])
    assert GATE.permission(nobody, "phone", "marketing", PHONE).permission is Permission.DENIED


def test_an_objection_reaches_every_channel_and_a_bounce_its_point_alone() -> None:
    assert said(act("objection"), channel="email", point=MAIL) is Permission.DENIED
    bounced = act("withdrawal", reason="hard_bounce", channel="email", anchor_record=None, anchor_point=MAIL)
    assert said(bounced, channel="email", point=MAIL) is Permission.DENIED
    assert said(bounced, channel="email", point="email:other@example.com") is Permission.UNKNOWN


def test_a_reason_in_no_table_reaches_as_far_as_any_and_nothing_lifts_it() -> None:
    odd = act("withdrawal", reason="not in the table")
    assert said(odd, channel="email", point=MAIL) is Permission.DENIED
    assert said(odd, act("grant", time=AT + timedelta(days=1))) is Permission.DENIED


def test_a_grant_counts_for_its_own_anchor_channel_and_purpose_only() -> None:
    at_point = act("grant", anchor_record=None, anchor_point=PHONE)
    assert said(at_point) is Permission.ALLOWED
    assert said(at_point, point="phone:+447400999999") is Permission.UNKNOWN
    assert said(at_point, channel="sms") is Permission.UNKNOWN
    assert said(at_point, purpose="survey") is Permission.UNKNOWN
    assert said(act("grant", anchor_record=OTHER)) is Permission.UNKNOWN
    assert said(act("grant", evidence={})) is Permission.UNKNOWN


def test_a_grant_at_a_record_counts_for_that_record_and_the_points_it_carries() -> None:
    yes = act("grant")
    assert said(yes, point=PHONE) is Permission.ALLOWED
    assert said(yes, point=MOBILE) is Permission.UNKNOWN
    assert said(yes, point="phone:+447400999999") is Permission.UNKNOWN
    asked = {
        record: GATE.permission(holding(yes), "phone", "marketing", record=record).permission
        for record in (CRM, SHOP, OTHER, None)
    }
    assert [record for record, permission in asked.items() if permission is not Permission.UNKNOWN] == [CRM]
    assert asked[CRM] is Permission.ALLOWED
    at_point = act("grant", anchor_record=None, anchor_point=PHONE)
    assert GATE.permission(holding(at_point), "phone", "marketing", record=CRM).permission is Permission.UNKNOWN


def test_a_withdrawal_at_a_record_is_one_at_every_other_record_of_the_customer() -> None:
    for record in (CRM, SHOP, None):
        verdict = GATE.permission(holding(act("withdrawal")), "phone", "marketing", record=record)
        assert verdict.permission is Permission.DENIED


def test_a_grant_lifts_what_it_names_once_it_is_later_than_any_clock_error() -> None:
    no = act("withdrawal")
    later = AT + timedelta(minutes=5, seconds=1)
    assert said(no, act("grant", time=later)) is Permission.ALLOWED
    assert said(no, act("grant", time=AT + timedelta(minutes=5))) is Permission.DENIED
    assert said(no, act("grant", time=later, evidence={})) is Permission.DENIED
    assert said(no, act("grant", time=later, anchor_record=SHOP)) is Permission.DENIED
    assert said(no, act("grant", time=later, anchor_record=None, anchor_point=PHONE)) is Permission.DENIED
    assert said(no, act("grant", time=later, channel="sms")) is Permission.DENIED
    assert said(no, act("grant", time=later, purpose="survey")) is Permission.DENIED
    assert said(no, act("grant", time=later, controller="sister company")) is Permission.DENIED
    assert said(no, act("grant", time=later), act("withdrawal", time=later)) is Permission.DENIED


def test_what_a_person_must_lift_no_grant_does() -> None:
    assert said(act("withdrawal", reason="manual"), act("grant", time=AT + timedelta(days=9))) is Permission.DENIED


def test_unknown_permits_only_what_needs_no_consent() -> None:
    for purpose, expected in (
        ("marketing", Permission.DENIED),
        ("survey", Permission.DENIED),
        ("service", Permission.ALLOWED),
        ("a purpose nobody declared", Permission.DENIED),
    ):
        assert GATE.may_contact(holding(), "phone", purpose, PHONE).permission is expected


def test_the_verdict_names_the_acts_that_decided_it() -> None:
    no, earlier = act("withdrawal"), act("withdrawal", time=AT - timedelta(days=1), anchor_record=SHOP)
    assert GATE.permission(holding(earlier, no), "phone", "marketing", PHONE).because == (no, earlier)


def test_the_answer_does_not_hang_on_the_order_of_the_acts() -> None:
    acts = [act("withdrawal"), act("grant", time=AT + timedelta(hours=1)), act("objection", channel="email")]
    verdicts = [GATE.permission(holding(*some), "phone", "marketing", PHONE) for some in itertools.permutations(acts)]
    assert all(verdict == verdicts[0] for verdict in verdicts)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("withdrawal: {reach: person, lifted_by: grant}\n", "objection"),
        (
            "withdrawal: {reach: everybody, lifted_by: grant}\nobjection: {reach: all, lifted_by: grant}\n",
            "withdrawal.reach",
        ),
        (
            "withdrawal: {reach: all, lifted_by: time}\nobjection: {reach: all, lifted_by: grant}\n",
            "withdrawal.lifted_by",
        ),
        ("- a list\n", "suppression.yaml"),
        ("a: [\n", "suppression.yaml"),
    ],
)
def test_wrong_rules_are_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "suppression.yaml").write_text(text)
    (tmp_path / "purposes.yaml").write_text("marketing: {title: Offers, consent: true}\n")
    with pytest.raises(ConfigurationError, match=named):
        ConsentRules.load(tmp_path)
