"""The gate: a prohibition reads wide, a permission narrow, and a grant lifts only what it names."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import onevoice
from onevoice.consent import Answer, ConsentRules, Contacted, Gate, Holding, Question
from onevoice.errors import ConfigurationError
from onevoice.messages import Act, Permission, RecordRef

RULES = Path(onevoice.__file__).parent.parent / "rules"
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday at noon
GATE = Gate(ConsentRules.load(RULES), clock=lambda: NOW)
CRM = RecordRef(system="crm", stream="Contact", key="c1")
SHOP = RecordRef(system="shop", stream="customers", key="s1")
HUB = RecordRef(system="hub", stream="act", key="1")
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


def may(
    held: Holding, channel: str = "phone", purpose: str = "marketing", point: str | None = PHONE, **changes: Any
) -> Answer:
    return GATE.may_contact(held, Question(channel=channel, purpose=purpose, point=point, **{"now": NOW} | changes))


def codes(answer: Answer) -> list[str]:
    return [one.code for one in answer.because]


def said(*acts: Act, channel: str = "phone", purpose: str = "marketing", point: str | None = PHONE) -> Permission:
    return GATE.fold(holding(*acts), channel, purpose, point).permission


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
    assert GATE.fold(relative, "phone", "marketing", PHONE).permission is Permission.DENIED
    nobody = Holding(records=frozenset(), points=frozenset(), acts=[no])
    assert GATE.fold(nobody, "phone", "marketing", PHONE).permission is Permission.DENIED


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
        record: GATE.fold(holding(yes), "phone", "marketing", record=record).permission
        for record in (CRM, SHOP, OTHER, None)
    }
    assert [record for record, permission in asked.items() if permission is not Permission.UNKNOWN] == [CRM]
    assert asked[CRM] is Permission.ALLOWED
    at_point = act("grant", anchor_record=None, anchor_point=PHONE)
    assert GATE.fold(holding(at_point), "phone", "marketing", record=CRM).permission is Permission.ALLOWED
    assert GATE.fold(holding(at_point), "phone", "marketing", record=SHOP).permission is Permission.UNKNOWN


def test_a_withdrawal_at_a_record_is_one_at_every_other_record_of_the_customer() -> None:
    for record in (CRM, SHOP, None):
        verdict = GATE.fold(holding(act("withdrawal")), "phone", "marketing", record=record)
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
        ("marketing", False),
        ("survey", False),
        ("service", True),
        ("legal", True),
        ("a purpose nobody declared", False),
    ):
        answer = may(holding(), purpose=purpose)
        assert (answer.allowed, answer.permission) == (expected, Permission.UNKNOWN)
        assert codes(answer) == (["no_consent_needed"] if expected else ["no_consent"])


def test_an_unsubscribed_customer_gets_the_invoice_and_no_newsletter() -> None:
    held = holding(act("withdrawal", reason="unsubscribe", channel="email", anchor_record=None, anchor_point=MAIL))
    assert may(held, "email", "service", MAIL).allowed
    assert codes(may(held, "email", "marketing", MAIL)) == ["prohibited"]
    assert not may(holding(act("withdrawal", channel="email", purpose="service")), "email", "service", MAIL).allowed


def test_an_unknown_caller_gets_an_offer_and_an_objector_gets_none() -> None:
    nobody = Holding(records=frozenset(), points=frozenset(), acts=())
    assert codes(may(nobody, inbound=True)) == ["inbound"]
    assert codes(may(holding(act("withdrawal")), inbound=True)) == ["inbound"]
    assert codes(may(holding(act("withdrawal", inbound=True)), inbound=True)) == ["prohibited"]
    assert codes(may(holding(act("objection")), inbound=True)) == ["prohibited"]
    assert may(holding(act("objection")), purpose="service").allowed


def test_a_dead_holder_denies_no_point_that_a_living_one_holds() -> None:
    died = act("prohibition", reason="deceased", channel="any", purpose="any", anchor_record=OTHER, source=OTHER)
    dead = Holding(records=frozenset({OTHER}), points=frozenset({PHONE}), acts=[died], shared=frozenset({PHONE}))
    living, bare = holding(act("grant")), Holding(records=frozenset(), points=frozenset(), acts=())
    asked = Question(channel="phone", purpose="service", point=PHONE, now=NOW)
    assert not GATE.may_contact(dead, asked).allowed
    assert not GATE.may_contact_point([dead], bare, asked).allowed
    assert GATE.may_contact_point([dead, living], bare, asked).allowed
    at_point = act("prohibition", reason="deceased", channel="any", anchor_record=None, anchor_point=PHONE)
    shared = Holding(records=frozenset({CRM}), points=frozenset({PHONE}), acts=[at_point], shared=frozenset({PHONE}))
    assert may(shared, purpose="service").allowed
    assert not may(Holding(records=frozenset({CRM}), points=frozenset({PHONE}), acts=[at_point])).allowed


def test_a_bare_point_is_denied_if_any_holder_would_be() -> None:
    yes = act("grant")
    asked = Question(channel="phone", purpose="marketing", point=PHONE, now=NOW)
    bare = Holding(records=frozenset(), points=frozenset(), acts=())
    unwilling = Holding(
        records=frozenset({OTHER}),
        points=frozenset({PHONE}),
        acts=[act("withdrawal", anchor_record=OTHER, source=OTHER)],
    )
    silent = Holding(records=frozenset({OTHER}), points=frozenset({PHONE}), acts=())
    assert GATE.may_contact_point([holding(yes)], bare, asked).allowed
    assert not GATE.may_contact_point([holding(yes), unwilling], bare, asked).allowed
    assert not GATE.may_contact_point([holding(yes), silent], bare, asked).allowed
    assert not GATE.may_contact_point([], bare, asked).allowed


def test_a_grant_at_a_point_counts_for_its_only_holder_alone() -> None:
    at_point = act("grant", anchor_record=None, anchor_point=PHONE)
    alone = Holding(records=frozenset({CRM}), points=frozenset({PHONE}), acts=[at_point])
    assert may(alone).allowed
    assert codes(may(Holding(records=alone.records, points=alone.points, acts=alone.acts, shared=alone.points))) == [
        "no_consent"
    ]


@pytest.mark.parametrize(
    ("reason", "blocked"),
    [
        ("complaint", {"marketing", "survey"}),
        ("hard_bounce", {"marketing", "survey", "service", "legal"}),
        ("restricted", {"marketing", "survey", "service"}),
        ("deceased", {"marketing", "survey", "service", "legal"}),
        ("erased", {"marketing", "survey", "service", "legal"}),
        ("register", {"marketing", "survey"}),
    ],
)
def test_each_row_blocks_what_the_table_says(reason: str, blocked: set[str]) -> None:
    no = act("prohibition", reason=reason, anchor_record=None, anchor_point=PHONE, purpose="any", channel="phone")
    held = holding(no, act("grant", time=AT - timedelta(days=1)))
    found = {p for p in ("marketing", "survey", "service", "legal") if may(held, purpose=p).permission == "denied"}
    assert found == blocked


def test_a_soft_bounce_ends_by_time_and_a_hard_one_by_proof_of_delivery() -> None:
    soft = act("prohibition", reason="soft_bounce", channel="email", anchor_record=None, anchor_point=MAIL)
    assert not may(holding(soft), "email", "service", MAIL, now=AT + timedelta(days=29)).allowed
    assert may(holding(soft), "email", "service", MAIL, now=AT + timedelta(days=30)).allowed
    hard = act("prohibition", reason="hard_bounce", channel="email", anchor_record=None, anchor_point=MAIL)
    for proof, expected in (
        (act("lift", reason="delivery", anchor_record=None, anchor_point=MAIL, time=NOW), True),
        (act("lift", reason="delivery", anchor_record=None, anchor_point=MAIL, time=AT), False),
        (act("lift", reason="delivery", anchor_record=None, anchor_point=PHONE, time=NOW), False),
        (act("lift", reason="role", lifts=hard.id, time=NOW, evidence={"role": "legal"}), False),
        (act("grant", channel="email", purpose="service", anchor_record=None, anchor_point=MAIL, time=NOW), False),
    ):
        assert may(holding(hard, proof), "email", "service", MAIL).allowed is expected


def test_what_a_role_lifts_needs_that_role() -> None:
    no = act("prohibition", reason="restricted", channel="any", purpose="any")
    for role, expected in (("legal", True), ("sales", False), (None, False)):
        lift = act("lift", reason="role", lifts=no.id, time=NOW, evidence={"role": role}, source=HUB)
        assert may(holding(no, lift), purpose="service").allowed is expected


@pytest.mark.parametrize("reason", ["deceased", "restricted", "manual"])
def test_no_system_has_a_role_whatever_its_evidence_says(reason: str) -> None:
    no = act("prohibition", reason=reason, channel="any", purpose="any")
    role = GATE.rules.reason(reason).role
    for source, expected in ((HUB, True), (CRM, False)):
        lift = act("lift", reason="role", lifts=no.id, time=NOW, evidence={"role": role}, source=source)
        assert may(holding(no, lift), purpose="service").allowed is expected


def test_nobody_states_that_a_time_has_come() -> None:
    manual = act("prohibition", reason="manual")
    soft = act("prohibition", reason="soft_bounce", anchor_record=None, anchor_point=PHONE, time=NOW)
    for no, reason in ((manual, "end"), (soft, "time")):
        lift = act("lift", reason=reason, lifts=no.id, time=NOW + timedelta(hours=1), source=HUB)
        assert said(no, lift, act("grant", time=AT - timedelta(days=1))) is Permission.DENIED


def test_a_lift_counts_towards_its_own_controller_alone() -> None:
    no = act("prohibition", reason="hard_bounce", anchor_record=None, anchor_point=PHONE)
    for controller, expected in (("default", True), ("sister company", False)):
        lift = act("lift", reason="delivery", lifts=no.id, time=NOW, controller=controller)
        assert may(holding(no, lift), purpose="service").allowed is expected


def test_a_grant_lifts_at_the_points_that_it_names_and_until_it_ends() -> None:
    no, later = act("withdrawal"), AT + timedelta(days=1)
    assert said(no, act("grant", time=later), point=PHONE) is Permission.ALLOWED
    assert said(no, act("grant", time=later), point=MOBILE) is Permission.DENIED
    named = act("grant", time=later, evidence={"points": [MOBILE]})
    assert said(no, named, point=PHONE) is Permission.DENIED
    assert said(no, named, point=MOBILE) is Permission.ALLOWED
    assert said(no, act("grant", time=later, valid_until=NOW + timedelta(seconds=1))) is Permission.ALLOWED
    assert said(no, act("grant", time=later, valid_until=NOW)) is Permission.DENIED


def test_a_complaint_is_lifted_by_a_confirmed_grant_only() -> None:
    no = act("prohibition", reason="complaint", channel="email", anchor_record=None, anchor_point=MAIL)
    for evidence, expected in (({"text": "form"}, False), ({"confirmed": True}, True)):
        yes = act("grant", channel="email", anchor_record=None, anchor_point=MAIL, time=NOW, evidence=evidence)
        answer = may(holding(no, yes), "email", "marketing", MAIL)
        assert answer.allowed is expected
        assert expected or codes(answer) == ["prohibited", "not_lifted"]


def test_an_objection_yields_to_a_joined_records_grant_for_its_own_point_only() -> None:
    no = act("objection")
    yes = act("grant", channel="email", anchor_record=SHOP, source=SHOP, time=NOW, anchor_point=MAIL)
    likely = holding(no, yes)
    joined = Holding(
        records=likely.records, points=likely.points, acts=likely.acts, carried=likely.carried,
        joined=[frozenset({CRM, SHOP})],
    )  # fmt: skip
    assert not may(likely, "email", "marketing", MAIL).allowed
    assert may(joined, "email", "marketing", MAIL).allowed
    assert not may(joined, "phone", "marketing", PHONE).allowed
    assert not may(joined, "email", "marketing", "email:other@example.com").allowed


def test_a_thread_that_was_answered_is_closed_and_no_other() -> None:
    answered = act("prohibition", reason="answered", channel="any", thread="s1")
    held = holding(answered, act("grant", purpose="survey"))
    assert not may(held, purpose="survey", thread="s1").allowed
    assert may(held, purpose="survey", thread="s2").allowed
    assert may(held, purpose="survey").allowed


def test_caps_count_contacts_and_the_smaller_of_policy_and_preference_holds() -> None:
    made = [Contacted(channel="email", purpose="marketing", time=NOW - timedelta(days=d)) for d in (1, 2)]
    yes = act("grant", channel="email", anchor_record=SHOP, source=SHOP)
    rare = act("preference", channel="email", terms={"most": 1, "days": 7}, anchor_record=SHOP, source=SHOP)

    def held(*acts: Act) -> Holding:
        base = holding(*acts)
        return Holding(records=base.records, points=base.points, acts=acts, carried=base.carried, contacts=made)

    assert may(held(yes), "email", "marketing", MAIL).allowed
    assert codes(may(held(yes, rare), "email", "marketing", MAIL)) == ["granted", "cap"]
    assert codes(may(held(rare), "email", "marketing", MAIL)) == ["no_consent", "cap"]
    assert may(held(rare), "email", "service", MAIL).allowed


@pytest.mark.parametrize(
    ("between", "hour", "expected"),
    [("09:00-11:00", 9, True), ("09:00-11:00", 12, False), ("22:00-06:00", 23, True), ("22:00-06:00", 12, False)],
)
def test_hours_that_a_customer_wishes_bind_service_and_not_what_the_law_demands(
    between: str, hour: int, expected: bool
) -> None:
    wish = act("preference", channel="any", purpose="any", terms={"between": [between]})
    at = NOW.replace(hour=hour)
    assert may(holding(wish), purpose="service", now=at).allowed is expected
    assert may(holding(wish), purpose="legal", now=at).allowed


def test_quiet_hours_are_those_where_the_customer_lives() -> None:
    yes = act("grant")
    at_night = datetime(2026, 6, 4, 2, 30, tzinfo=UTC)
    held = holding(yes)
    for country, expected in (("GB", False), ("US", False)):
        one = Holding(records=held.records, points=held.points, acts=held.acts, carried=held.carried, country=country)
        assert may(one, now=at_night).allowed is expected
        assert may(one, purpose="service", now=at_night).allowed
    los_angeles = Holding(
        records=held.records, points=held.points, acts=held.acts, carried=held.carried, country="US",
        timezone="America/Los_Angeles",
    )  # fmt: skip
    assert may(los_angeles, now=at_night).allowed


def test_soft_opt_in_holds_for_own_customers_where_the_country_allows_it() -> None:
    for country, channel, point, bought, expected in (
        ("GB", "email", MAIL, NOW - timedelta(days=90), True),
        ("GB", "email", MAIL, NOW - timedelta(days=731), False),
        ("GB", "email", MAIL, None, False),
        ("GB", "phone", PHONE, NOW - timedelta(days=90), False),
        (None, "email", MAIL, NOW - timedelta(days=90), False),
    ):
        base = holding()
        held = Holding(records=base.records, points=base.points, acts=(), ordered_at=bought, country=country)
        assert may(held, channel, "marketing", point).allowed is expected
        assert not may(held, channel, "survey", point).allowed


KINDS = st.sampled_from(["grant", "withdrawal", "objection", "prohibition", "lift", "preference"])
ANCHORS = st.sampled_from(
    [{"anchor_record": CRM}, {"anchor_record": SHOP}]
    + [{"anchor_record": None, "anchor_point": point} for point in (PHONE, MAIL, MOBILE)]
)


@st.composite
def acts(draw: st.DrawFn) -> Act:
    kind = draw(KINDS)
    reasons = {
        "prohibition": st.sampled_from(sorted(GATE.rules.reasons)),
        "lift": st.sampled_from(["delivery", "verification", "role", "thread_end"]),
    }
    return act(
        kind,
        channel=draw(st.sampled_from(["phone", "sms", "email", "any"])),
        purpose=draw(st.sampled_from(["marketing", "survey", "service", "any"])),
        reason=draw(reasons.get(kind, st.just(kind))),
        time=AT + timedelta(hours=draw(st.integers(0, 5))),
        first_sight=draw(st.booleans()),
        inbound=draw(st.booleans()),
        source=draw(st.sampled_from([CRM, HUB])),
        evidence=draw(st.sampled_from([{}, {"text": "x"}, {"confirmed": True}, {"role": "legal"}])),
        **draw(ANCHORS),
    )


ASKED = st.builds(
    Question,
    channel=st.sampled_from(["phone", "sms", "email"]),
    purpose=st.sampled_from(["marketing", "survey", "service", "legal"]),
    point=st.sampled_from([PHONE, MAIL, MOBILE]),
    inbound=st.booleans(),
    now=st.just(NOW),
)


@given(st.lists(acts(), max_size=5), ASKED, st.randoms())
def test_the_order_of_acts_changes_no_answer(found: list[Act], asked: Question, random: Any) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    one, other = GATE.may_contact(holding(*found), asked), GATE.may_contact(holding(*shuffled), asked)
    assert (one.allowed, one.permission) == (other.allowed, other.permission)
    assert set(one.because) == set(other.because)


@given(st.lists(acts(), max_size=5), acts(), ASKED)
def test_one_more_prohibition_never_permits_anything(found: list[Act], more: Act, asked: Question) -> None:
    before, after = GATE.may_contact(holding(*found), asked), GATE.may_contact(holding(*found, more), asked)
    if more.kind not in ("grant", "lift"):
        assert before.allowed or not after.allowed


@given(st.lists(acts(), max_size=4), st.lists(acts(), max_size=3), ASKED)
def test_a_merge_spreads_every_prohibition_and_an_unmerge_takes_that_back(
    ours: list[Act], theirs: list[Act], asked: Question
) -> None:
    def held(records: set[RecordRef], points: set[str], found: list[Act]) -> Holding:
        carried = {CRM: frozenset({PHONE}), SHOP: frozenset({MAIL, MOBILE})}
        bearing = [a for a in found if a.anchor_record in records or a.anchor_point in points]
        return Holding(
            records=frozenset(records), points=frozenset(points), acts=bearing,
            carried={ref: some for ref, some in carried.items() if ref in records},
        )  # fmt: skip

    said_all = [*ours, *theirs]
    apart = held({CRM}, {PHONE}, said_all)
    before = GATE.may_contact(apart, asked)
    together = GATE.may_contact(held({CRM, SHOP}, {PHONE, MAIL, MOBILE}, said_all), asked)
    denying = {one.act.id for one in GATE.standing(apart, asked)}
    # Nothing else but a grant at its own place lifts, so what denied before the merge denies after it ...
    assert denying <= {one.act.id for one in GATE.standing(held({CRM, SHOP}, {PHONE, MAIL, MOBILE}, said_all), asked)}
    assert not (before.permission is Permission.DENIED and together.allowed)
    # ... and apart again the answer is the one from before.
    assert GATE.may_contact(held({CRM}, {PHONE}, said_all), asked) == before


@given(st.lists(acts(), max_size=5), ASKED)
def test_every_refusal_and_every_permission_says_why(found: list[Act], asked: Question) -> None:
    answer = GATE.may_contact(holding(*found), asked)
    assert answer.because
    told = " ".join(one.says for one in answer.because)
    assert "@" not in told
    assert "+44" not in told


def test_the_verdict_names_the_acts_that_decided_it() -> None:
    no, earlier = act("withdrawal"), act("withdrawal", time=AT - timedelta(days=1), anchor_record=SHOP)
    assert GATE.fold(holding(earlier, no), "phone", "marketing", PHONE).because == (no, earlier)


def test_the_answer_does_not_hang_on_the_order_of_the_acts() -> None:
    acts = [act("withdrawal"), act("grant", time=AT + timedelta(hours=1)), act("objection", channel="email")]
    verdicts = [GATE.fold(holding(*some), "phone", "marketing", PHONE) for some in itertools.permutations(acts)]
    assert all(verdict == verdicts[0] for verdict in verdicts)


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("suppression", "withdrawal: {reach: person, blocks: purpose, lifted_by: [grant]}\n", "objection"),
        ("suppression", "withdrawal: {reach: everybody, blocks: purpose, lifted_by: [grant]}\n", "withdrawal.reach"),
        ("suppression", "withdrawal: {reach: all, blocks: purpose, lifted_by: [time]}\n", "withdrawal"),
        ("suppression", "withdrawal: {reach: all, blocks: purpose, lifted_by: [hope]}\n", "withdrawal.lifted_by.0"),
        ("suppression", "- a list\n", "suppression.yaml"),
        ("suppression", "a: [\n", "suppression.yaml"),
        ("purposes", "marketing: {title: Offers, class: fun}\n", "marketing.class"),
        ("countries", "GB: {title: Somewhere, timezones: [Europe/London]}\n", "default"),
        ("countries", "default: {title: Somewhere, timezones: [Middle/Earth]}\n", "default.timezones"),
        (
            "countries",
            "default: {title: X, timezones: [UTC], hours: {phone: {days: [mon], between: ['9-8']}}}\n",
            "hours",
        ),
    ],
)
def test_wrong_rules_are_refused_by_name(tmp_path: Path, file: str, text: str, named: str) -> None:
    for name in ("suppression", "purposes", "countries"):
        right = (RULES / f"{name}.yaml").read_text()
        (tmp_path / f"{name}.yaml").write_text(text if name == file else right)
    with pytest.raises(ConfigurationError, match=named):
        ConsentRules.load(tmp_path)
