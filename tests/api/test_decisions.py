"""Decisions over HTTP: made once for a key, capped, followed by outcomes, made again after the rules changed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from sqlalchemy import func, select

from onevoice.decisions import WORDS, Reason
from onevoice.decisions.release import keep_version, release, roll_back
from onevoice.errors import RefusedError, TransientError
from onevoice.store.tables import act, offer_use
from onevoice.store.tables import decision as decision_table
from onevoice.workers.acts import Acts, open_acts
from onevoice.workers.customers import open_customers
from onevoice.workers.decisions import Rulebook, Rules, load_rules
from onevoice.workers.decisions.desk import Asked, Desk, Reported
from onevoice.workers.decisions.difference import difference
from onevoice.workers.decisions.learning import LEARNT, learn, lift
from onevoice.workers.decisions.rules import rules_of, stored_documents
from onevoice.workers.decisions.shadow import count_shadow
from tests.api.door import Door
from tests.api.records import account, contact, debtor, do_not_call, order, stranger

HIS_PHONE = "phone:+447400123456"
AT = "2026-11-02T12:00:00Z"


def ask(door: Door, key: str = "1", *, caller: str = "CALL_KEY", **more: Any) -> Any:
    body = {"ref": HIS_PHONE, "channel": "phone"} | more
    return door.post("/v1/decisions", body, key=caller, headers={"Idempotency-Key": key})


def ids(answer: Any) -> list[str]:
    return [offer["id"] for offer in answer.json()["offers"]]


def report(door: Door, decision: str, kind: str = "shown", event: str = "e1", offer: str = "personal_adviser") -> Any:
    body = {"offer": offer, "kind": kind, "event": event, "at": AT}
    return door.post(f"/v1/decisions/{decision}/outcomes", body, key="CALL_KEY")


def objection(point: str) -> dict[str, Any]:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return {
        "id": uuid4(), "kind": "objection", "channel": "phone", "purpose": "marketing", "controller": "default",
        "reason": "objection", "time": at, "recorded_at": at, "evidence": {}, "anchor_point": point,
        "source_system": "callcentre", "source_stream": "call", "source_key": "c1",
    }  # fmt: skip


@pytest.fixture
def buyer(door: Door) -> Door:
    """He is in three systems and has bought enough to be in the high tier."""
    door.push("crm", "Contact", contact())
    door.push("erp", "customers", debtor())
    door.push("shop", "customers", account())
    door.push("shop", "orders", order(total="154.50"))
    return door


def test_same_key_returns_the_stored_decision_and_another_question_is_refused(buyer: Door) -> None:
    first, again = ask(buyer), ask(buyer)

    assert first.status_code == 200, first.text
    assert ids(first) == ["personal_adviser", "free_delivery"]
    assert again.json() == first.json()
    assert ask(buyer, limit=1).status_code == 409
    assert ask(buyer, caller="SHOP_KEY").json()["id"] != first.json()["id"]
    with buyer.hub.store.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(decision_table)).scalar_one() == 2
    assert buyer.post("/v1/decisions", {"ref": HIS_PHONE}).status_code == 422


def test_decision_is_made_again_to_the_last_bit(buyer: Door) -> None:
    made = ask(buyer, facts={"basket": 12.34}).json()

    explained = buyer.get(f"/v1/decisions/{made['id']}").json()

    assert explained["reproduced"] is True
    assert explained["question"]["facts"]["basket"] == "12.34"
    assert ["first_order", "not_eligible", "its `eligible` does not hold"] in explained["rejected"]
    assert buyer.get(f"/v1/decisions/{made['id']}", key="CALL_KEY").status_code == 403
    assert buyer.get(f"/v1/decisions/{uuid4()}").status_code == 409


def test_somebody_unknown_gets_the_first_order_and_what_is_no_point_nothing(door: Door) -> None:
    assert ids(ask(door, ref="phone:+442079460999")) == ["first_order"]
    assert ask(door, "2", ref=f"{uuid4()}").status_code == 409


def test_number_that_must_not_be_called_still_gets_offers_when_he_calls(buyer: Door) -> None:
    buyer.push("callcentre", "do_not_call", do_not_call())

    assert ids(ask(buyer)) == ["personal_adviser", "free_delivery"]


def test_reference_that_fits_several_decides_nothing(buyer: Door) -> None:
    buyer.push("crm", "Contact", stranger(Id="003OV0000000Z55", MobilePhone="+447400123456"))

    assert ask(buyer).status_code == 409


def test_facts_that_are_not_declared_or_of_another_kind_are_refused_without_their_value(buyer: Door) -> None:
    for number, facts in enumerate(({"weather": "secret"}, {"basket": "secret"}, {"basket": True})):
        answer = ask(buyer, str(number), facts=facts)
        assert answer.status_code == 409
        assert "secret" not in answer.text


def test_outcomes_are_idempotent_consume_and_wait_for_unknown_decisions(buyer: Door) -> None:
    decision = ask(buyer).json()["id"]

    assert report(buyer, decision).json() == {"state": "recorded", "reservation": "consumed"}
    assert report(buyer, decision).json() == {"state": "repeated", "reservation": "consumed"}
    assert report(buyer, decision, "accepted").json()["state"] == "recorded"
    assert report(buyer, decision, offer="first_order").status_code == 409
    assert report(buyer, decision, "thrown").status_code == 422
    waiting = report(buyer, str(uuid4()))
    assert (waiting.status_code, waiting.json()["state"]) == (202, "waiting")


def test_learning_moves_propensity_and_what_was_decided_before_stays_what_it_was(buyer: Door) -> None:
    desk = Desk(buyer.hub.store, open_customers(buyer.hub))
    before = ask(buyer, "before", ref="phone:+442079460998").json()
    for number in range(50):
        asked = Asked(ref=f"phone:+44207946{number:04}", channel="phone", facts={})
        made = desk.decide(asked, caller="system:callcentre", key=f"learn-{number}")
        said = Reported(offer="first_order", kind="accepted", event=str(number), at=datetime(2026, 11, 2, tzinfo=UTC))
        desk.report(UUID(made["id"]), said, caller="system:callcentre", acts=open_acts(buyer.hub))

    due = buyer.hub.clock.due(LEARNT, timedelta(hours=1))
    number = learn(buyer.hub.store)

    assert (due, buyer.hub.clock.due(LEARNT, timedelta(hours=1))) == (True, False)

    after = ask(buyer, "after", ref="phone:+442079460999").json()
    assert (before["snapshot"], after["snapshot"], number) == (0, 1, 1)
    assert after["offers"][0]["score"] / before["offers"][0]["score"] == pytest.approx((51 / 70) / (1 / 20))
    for decision in (before, after):
        assert buyer.get(f"/v1/decisions/{decision['id']}").json()["reproduced"] is True


def other_rules(door: Door) -> Rules:
    """The rules that come with the hub with one offer left, under another name."""
    documents = deepcopy(load_rules(door.hub.config.root / "rules").documents)
    documents["offers"] = {"only": documents["offers"]["free_delivery"]}
    return rules_of(stored_documents(documents))


def kept(door: Door, rules: Rules) -> Rulebook:
    """The rulebook of the hub, in which these rules are kept as well."""
    with door.hub.store.transaction() as connection:
        keep_version(connection, rules.version, stored_documents(rules.documents), datetime.now(UTC))
    return open_customers(door.hub).rulebook


def test_decision_is_made_again_by_the_rules_of_its_time(buyer: Door) -> None:
    first, rules = ask(buyer).json(), other_rules(buyer)
    with buyer.hub.store.transaction() as connection:
        keep_version(connection, rules.version, stored_documents(rules.documents), datetime.now(UTC))
        release(connection, "live", rules.version, actor="anna", reason=None, now=datetime.now(UTC))
    second = ask(buyer, "2").json()
    with buyer.hub.store.transaction() as connection:
        roll_back(connection, actor="anna", reason=None, now=datetime.now(UTC))
    third = ask(buyer, "3").json()

    assert [offer["id"] for offer in second["offers"]] == ["only"]
    assert [offer["id"] for offer in third["offers"]] == ["personal_adviser", "free_delivery"]
    assert (second["ruleset"], third["ruleset"]) == (rules.version, first["ruleset"])
    for decision in (first, second, third):
        explained = buyer.get(f"/v1/decisions/{decision['id']}").json()
        assert (explained["reproduced"], explained["ruleset"]) == (True, decision["ruleset"])


def test_shadow_decides_beside_is_kept_and_shown_to_nobody(buyer: Door) -> None:
    rules = other_rules(buyer)
    book = kept(buyer, rules)
    book.publish(buyer.hub.store, "shadow", rules.version, actor="anna", reason=None)

    made = ask(buyer)
    with buyer.hub.store.transaction() as connection:
        release(connection, "shadow", None, actor="anna", reason=None, now=datetime.now(UTC))
        counted = count_shadow(connection, rules.version)
    after = ask(buyer, "2").json()

    assert ids(made) == ["personal_adviser", "free_delivery"]
    assert "only" not in made.text
    shadow = buyer.get(f"/v1/decisions/{made.json()['id']}").json()["shadow"]
    assert (shadow["ruleset"], shadow["differs"], shadow["chosen"][0][0]) == (rules.version, True, "only")
    assert (counted.decided, counted.differed) == (1, 1)
    assert buyer.get(f"/v1/decisions/{after['id']}").json()["shadow"] is None
    with buyer.hub.store.transaction() as connection:
        used = set(connection.execute(select(offer_use.c.offer)).scalars())
    assert used == {"personal_adviser", "free_delivery"}


def test_rules_diff_says_what_stored_decisions_would_have_been(buyer: Door) -> None:
    decisions = [ask(buyer, str(number)).json()["id"] for number in range(3)]
    ask(buyer, "unknown", ref="phone:+442079460999")
    rules, done = other_rules(buyer), []

    found = difference(buyer.hub.store, open_customers(buyer.hub).rulebook, rules, advance=done.append)
    same = difference(
        buyer.hub.store, open_customers(buyer.hub).rulebook, load_rules(buyer.hub.config.root / "rules"), newest=2,
        advance=done.append,
    )  # fmt: skip

    assert (found.compared, found.changed, done) == (4, 4, [4, 2])
    assert {(one.offer, one.before, one.after) for one in found.offers} == {
        ("only", 0, 3), ("personal_adviser", 3, 0), ("free_delivery", 3, 0), ("first_order", 1, 0)
    }  # fmt: skip
    assert set(map(str, found.examples)) > set(decisions)
    assert (same.compared, same.changed, same.offers) == (2, 0, ())


def test_other_marks_of_value_move_the_tier_of_what_was_decided_before(buyer: Door) -> None:
    ask(buyer)
    documents = deepcopy(load_rules(buyer.hub.config.root / "rules").documents)
    documents["value"]["tiers"]["high"]["min_amount"] = 10_000
    rules = rules_of(stored_documents(documents))

    found = difference(buyer.hub.store, open_customers(buyer.hub).rulebook, rules, advance=lambda _: None)

    assert [(one.offer, one.lost_because) for one in found.offers] == [("personal_adviser", (("not_eligible", 1),))]


def test_what_the_hub_knows_no_caller_changes(buyer: Door) -> None:
    refused = ask(buyer, facts={"tier": "high"})

    assert refused.status_code == 409
    assert "tier" in refused.text
    assert ask(buyer, facts={"need": "billing", "basket": 3}).status_code == 200


def test_offer_whose_purpose_the_gate_no_longer_knows_is_not_made(buyer: Door) -> None:
    made = ask(buyer, kind="question")
    assert ids(made) == ["satisfaction"]
    purposes = {name: one for name, one in buyer.hub.gate.rules.purposes.items() if name != "survey"}
    gate = replace(buyer.hub.gate, rules=buyer.hub.gate.rules.model_copy(update={"purposes": purposes}))
    customers = replace(open_customers(buyer.hub), gate=gate)

    later = Desk(buyer.hub.store, customers).decide(
        Asked(ref=HIS_PHONE, kind="question", channel="phone", facts={}), caller="operator:anna", key="later"
    )

    assert later["offers"] == []


def test_cap_counts_at_the_anchors_so_that_the_group_is_full_after_twelve(buyer: Door) -> None:
    given = [ids(ask(buyer, str(number), limit=2)) for number in range(7)]

    assert given == [["personal_adviser", "free_delivery"]] * 6 + [[]]
    assert buyer.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone").json()["offers"] == []


def test_objection_withholds_marketing_here_and_in_the_context(buyer: Door) -> None:
    with buyer.hub.store.transaction() as connection:
        connection.execute(act.insert().values(objection(HIS_PHONE)))

    answer = ask(buyer)

    assert ids(answer) == []
    explained = buyer.get(f"/v1/decisions/{answer.json()['id']}").json()
    assert explained["question"]["refused"]["marketing"] == "prohibited"
    assert ["personal_adviser", "not_permitted", "the gate refuses its purpose"] in explained["rejected"]
    context = buyer.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone").json()
    assert (context["offers"], context["offers_withheld"]) == ([], "the gate refuses marketing: prohibited")


def live(door: Door, **documents: Any) -> None:
    """Let the rules that come with the hub be live with some documents changed."""
    changed = dict(deepcopy(load_rules(door.hub.config.root / "rules").documents)) | documents
    rules = rules_of(stored_documents(changed))
    with door.hub.store.transaction() as connection:
        keep_version(connection, rules.version, stored_documents(rules.documents), datetime.now(UTC))
        release(connection, "live", rules.version, actor="anna", reason=None, now=datetime.now(UTC))


def test_lift_counts_customers_of_each_arm_and_what_they_accepted(door: Door) -> None:
    decisions = dict(deepcopy(load_rules(door.hub.config.root / "rules").documents["decisions"]))
    decisions["experiments"] = {"holdout": {"share": 0.4, "groups": ["sales"], "gets": []}}
    live(door, decisions=decisions)
    arms = []
    for number in range(40):
        ref = f"phone:+44207946{number:04}"
        made = ask(door, f"lift-{number}", ref=ref).json()
        arms.append(made["arms"]["holdout"]["arm"])
        assert made["arms"]["holdout"]["probability"] == (0.4 if arms[-1] == "control" else 0.6)
        assert (arms[-1] == "treated") == bool(made["offers"])
        ask(door, f"again-{number}", ref=ref)
        if made["offers"] and number % 2:
            report(door, made["id"], "accepted", offer="first_order")
            report(door, made["id"], "accepted", "e2", offer="first_order")

    found = lift(door.hub.store, "holdout")

    treated, control = found.arms
    assert (treated.arm, treated.probability, treated.customers) == ("treated", 0.6, arms.count("treated"))
    assert (control.customers, control.accepted, found.mixed) == (arms.count("control"), 0, 0)
    assert treated.accepted == sum(arm == "treated" for arm in arms[1::2])
    assert found.difference is not None
    assert found.difference.share == pytest.approx(treated.accepted / treated.customers)
    with pytest.raises(RefusedError):
        lift(door.hub.store, "weather")


def test_rule_that_divides_by_zero_is_out_traced_and_counted_and_the_rest_decides(buyer: Door) -> None:
    offers = dict(deepcopy(load_rules(buyer.hub.config.root / "rules").documents["offers"]))
    offers["broken"] = offers["free_delivery"] | {"eligible": "amount / open_cases > 1"}
    live(buyer, offers=offers)
    before = failures(buyer)

    made = ask(buyer).json()

    assert [offer["id"] for offer in made["offers"]] == ["personal_adviser", "free_delivery"]
    explained = buyer.get(f"/v1/decisions/{made['id']}").json()
    assert explained["trace"]["failed"] == ["offer broken"]
    assert ["broken", "rule_failed", WORDS[Reason.RULE_FAILED]] in explained["rejected"]
    assert failures(buyer) == before + 1


def failures(door: Door) -> float:
    lines = [
        line for line in door.get("/metrics").text.splitlines() if 'rule="offer broken"' in line and "_total" in line
    ]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


CHAT_TEAM = """
holds_minutes: 60
targets:
  anna: {kind: person, channels: [phone, chat], experience: 3, at_once: {phone: 1, chat: 6}}
  help_pages: {kind: self_service, channels: [web, chat, phone]}
routes:
  - name: best
    when: tier == "high" and otherwise(prefers_assisted, True)
    to: [person]
    channels: [phone, chat]
fall_back: help_pages
"""


def routing(door: Door, text: str) -> None:
    """Let these routes be live."""
    live(door, routing=yaml.safe_load(text))


def test_six_chats_fill_a_person_the_seventh_falls_back_and_an_end_makes_room(buyer: Door) -> None:
    routing(buyer, CHAT_TEAM)
    made = [ask(buyer, str(number), kind="route", channel="chat").json() for number in range(7)]

    assert [one["route"]["to"] for one in made] == ["anna"] * 6 + ["help_pages"]
    assert (made[0]["route"]["kind"], made[0]["route"]["channel"], made[0]["offers"]) == ("person", "chat", [])
    assert made[6]["route"]["until"] is None
    context = buyer.get(f"/v1/customers/{HIS_PHONE}/context?channel=chat").json()
    assert (context["route"]["to"], context["route"]["because"]) == ("help_pages", ["nobody else is free for it"])
    ended = [buyer.post(f"/v1/decisions/{made[0]['id']}/end", {}, key="CALL_KEY").json() for _ in range(2)]
    assert ended == [{"freed": True}, {"freed": False}]
    assert ask(buyer, "8", kind="route", channel="chat").json()["route"]["to"] == "anna"
    assert ask(buyer, "0", kind="route", channel="chat").json() == made[0]
    for one in (made[0], made[6]):
        explained = buyer.get(f"/v1/decisions/{one['id']}").json()
        assert explained["reproduced"] is True
    assert explained["trace"]["route"]["passed"] == {"best": {"anna": "full", "help_pages": "other_kind"}}
    assert buyer.post(f"/v1/decisions/{uuid4()}/end", {}, key="CALL_KEY").status_code == 409


def test_who_prefers_to_help_himself_is_not_sent_to_a_person(buyer: Door) -> None:
    routing(buyer, CHAT_TEAM)
    assert ask(buyer, kind="route").json()["route"]["to"] == "anna"
    wish = {
        "kind": "preference", "channel": "any", "purpose": "marketing", "point": HIS_PHONE,
        "terms": {"assisted": False},
    }  # fmt: skip
    said = buyer.post("/v1/acts", wish)
    assert said.status_code in {200, 201, 202}, said.text

    assert ask(buyer, "2", kind="route").json()["route"]["to"] == "help_pages"


def test_a_question_that_was_answered_or_declined_once_is_asked_nowhere_else(buyer: Door) -> None:
    def waits(channel: str) -> Any:
        return buyer.get(f"/v1/customers/{HIS_PHONE}/context", params={"channel": channel}).json()["question"]

    assert waits("web")["id"] == "satisfaction"
    asked = ask(buyer, "q1", kind="question", channel="web").json()
    mail = {"ref": "rec:crm:Contact:003OV0000000A4b", "channel": "email", "purpose": "survey", "thread": "satisfaction"}
    mail |= {"point": "email:william.marshall@example.com", "content": "How did we do?"}
    grant = {"kind": "grant", "channel": "email", "purpose": "survey", "record": mail["ref"], "evidence": {"text": "y"}}
    assert buyer.post("/v1/acts", grant).status_code == 201
    queued = buyer.post("/v1/contacts", mail).json()["token"]
    assert report(buyer, asked["id"], "shown", "s1", offer="satisfaction").status_code == 202
    assert ids(ask(buyer, "q2", kind="question", channel="chat")) == []  # its cap: it was put to him just now

    for event in ("d1", "d1"):
        assert report(buyer, asked["id"], "declined", event, offer="satisfaction").status_code == 202

    assert waits("web") is None
    assert waits("phone") is None
    redeemed = {"token": queued, "point": mail["point"], "purpose": "survey", "content": mail["content"]}
    refused = buyer.post("/v1/contacts/redeem", redeemed).json()
    assert not refused["committed"]
    with buyer.hub.store.transaction() as connection:
        closed = [row.thread for row in connection.execute(select(act)) if row.reason == "answered"]
    assert closed == ["satisfaction"]


def test_an_answer_that_could_not_close_its_question_is_taken_anew(
    buyer: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(buyer, "q1", kind="question", channel="web").json()

    def away(*_: object, **__: object) -> None:
        raise TransientError("store: away")

    with monkeypatch.context() as patch:
        patch.setattr(Acts, "state_in", away)
        assert report(buyer, asked["id"], "declined", "d1", offer="satisfaction").status_code == 503
    assert report(buyer, asked["id"], "declined", "d1", offer="satisfaction").json()["state"] == "recorded"
    waits = buyer.get(f"/v1/customers/{HIS_PHONE}/context", params={"channel": "phone"}).json()["question"]
    assert waits is None
