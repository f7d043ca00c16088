"""Ask before you contact: the answer with its reasons, the token and its redemption, acts stated at the hub."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table, select

from onevoice.messages import Json
from onevoice.store import tables as t
from onevoice.versions import version_text
from tests.api.door import Door
from tests.api.records import account, call, contact, do_not_call, order, stranger

HIM = "rec:crm:Contact:003OV0000000A4b"
MAIL, PHONE = "email:william.marshall@example.com", "phone:+447400123456"
CONTENT = "Ten per cent off"
GRANT = {
    "kind": "grant",
    "channel": "email",
    "purpose": "marketing",
    "record": HIM,
    "evidence": {"text": "Yes, write to me"},
}
WISH = {"ref": HIM, "channel": "email", "purpose": "marketing", "point": MAIL}
NO = {"kind": "withdrawal", "channel": "email", "purpose": "marketing", "reason": "unsubscribe", "point": MAIL}

LIFT = {"kind": "lift", "channel": "any", "purpose": "any", "record": HIM, "evidence": {"role": "legal"}}


def state(door: Door, said: Json) -> Json:
    answer = door.post("/v1/acts", said)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def rows(door: Door, table: Table) -> list[Any]:
    with door.hub.store.transaction() as connection:
        return list(connection.execute(select(table)))


def ask(door: Door, **changes: Any) -> tuple[bool, list[str]]:
    [answer] = door.post("/v1/permissions", {"ask": [WISH | changes]}).json()
    return answer["allowed"], [one["code"] for one in answer["because"]]


def offer(door: Door, **changes: Any) -> Json:
    return dict(door.post("/v1/contacts", WISH | {"content": CONTENT} | changes).json())


def redeem(door: Door, token: str, **changes: Any) -> Any:
    return door.post(
        "/v1/contacts/redeem", {"token": token, "point": MAIL, "purpose": "marketing", "content": CONTENT} | changes
    )


def test_each_answer_says_why(door: Door) -> None:
    door.push("crm", "Contact", contact())
    assert ask(door) == (False, ["no_consent"])
    assert ask(door, purpose="service") == (True, ["no_consent_needed"])
    state(door, GRANT)
    assert ask(door) == (True, ["granted"])
    assert ask(door, point=MAIL.upper().replace("EMAIL", "email")) == (True, ["granted"])
    state(door, NO)
    assert ask(door) == (False, ["prohibited", "not_lifted"])
    assert ask(door, purpose="service") == (True, ["no_consent_needed"])
    assert ask(door, direction="inbound") == (True, ["inbound"])


def test_the_opt_out_of_an_unknown_number_binds_the_record_that_comes_later(door: Door) -> None:
    asked = {"ref": PHONE, "channel": "phone", "point": None}
    assert ask(door, **asked)[1][0] == "no_consent"  # whatever the hour: phones may be quiet as well
    state(door, {"kind": "withdrawal", "channel": "phone", "purpose": "service", "point": PHONE})
    assert ask(door, **asked, purpose="service")[1] == ["prohibited"]
    door.push("crm", "Contact", contact())
    assert ask(door, channel="phone", point=PHONE, purpose="service")[1] == ["prohibited"]
    assert ask(door, channel="email", purpose="service")[0]


def test_a_token_serves_once_and_for_nothing_else(door: Door) -> None:
    door.push("crm", "Contact", contact())
    assert offer(door)["token"] is None
    state(door, GRANT)
    token = offer(door)["token"]
    for changed in ({"content": "Other"}, {"purpose": "survey"}, {"point": PHONE}, {"token": "guessed"}):
        assert redeem(door, **({"token": token} | changed)).status_code == 409
    assert redeem(door, token).json()["committed"]
    assert redeem(door, token).status_code == 409
    [row] = rows(door, t.contact)
    assert row.committed_at is not None
    assert token not in str(row)
    assert CONTENT not in str(row)


def test_an_opt_out_between_deciding_and_sending_stops_it_and_one_after_is_late(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT)
    first, second = offer(door), offer(door)
    assert redeem(door, first["token"]).json()["committed"]
    assert state(door, NO)["late"] == [first["id"]]
    refused = redeem(door, second["token"]).json()
    assert not refused["committed"]
    assert refused["answer"]["because"][0]["code"] == "prohibited"
    assert redeem(door, second["token"]).status_code == 409


def test_an_answer_on_the_telephone_stops_the_queued_message_of_that_campaign_alone(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT)
    spring, autumn = offer(door, thread="spring"), offer(door, thread="autumn")
    door.push("callcentre", "call", call(campaign="spring", number=PHONE.removeprefix("phone:")))
    assert not redeem(door, spring["token"]).json()["committed"]
    assert redeem(door, autumn["token"]).json()["committed"]


def test_a_call_to_a_campaigns_own_number_stops_its_message_until_a_system_says_that_it_is_over(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT)
    spring = offer(door, thread="spring-offer-2026")
    door.push("callcentre", "call", call(dialled="+44 20 7946 0161", number=PHONE.removeprefix("phone:")))
    assert not redeem(door, spring["token"]).json()["committed"]
    over = {"kind": "lift", "channel": "any", "purpose": "any", "reason": "thread_end", "evidence": {"source": "crm"}}
    state(door, over | {"point": PHONE, "thread": "another"})
    assert not ask(door, thread="spring-offer-2026")[0]
    state(door, over | {"point": PHONE, "thread": "spring-offer-2026"})
    assert ask(door, thread="spring-offer-2026")[0]


def test_a_call_to_no_campaign_and_an_opt_out_of_calls_stop_no_mail(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT)
    spring = offer(door, thread="spring")
    door.push("callcentre", "call", call(campaign=None))
    door.push("callcentre", "do_not_call", do_not_call(requested_at=version_text(datetime.now(UTC))))
    assert "prohibited" in ask(door, channel="phone", point=PHONE)[1]
    assert redeem(door, spring["token"]).json()["committed"]


def test_a_cap_is_used_up_by_what_was_committed(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT)
    tokens = [offer(door)["token"] for _ in range(4)]
    committed = [redeem(door, token).json()["committed"] for token in tokens]
    assert committed == [True, True, True, False]
    assert ask(door) == (False, ["granted", "cap"])


def test_a_preference_narrows_and_a_malformed_one_is_refused(door: Door) -> None:
    door.push("crm", "Contact", contact())
    wish = {"kind": "preference", "channel": "email", "purpose": "any", "record": HIM}
    assert door.post("/v1/acts", wish | {"terms": {"between": ["late"]}}).status_code == 422
    assert door.post("/v1/acts", wish | {"terms": {"most": 0}}).status_code == 422
    state(door, wish | {"terms": {"preferred": True}})
    assert ask(door, channel="phone", point=PHONE, purpose="service") == (
        False,
        ["no_consent_needed", "preferred_channel"],
    )
    assert ask(door, purpose="service")[0]


def test_acts_that_no_rule_knows_are_refused(door: Door) -> None:
    door.push("crm", "Contact", contact())
    for wrong in (
        GRANT | {"evidence": {}},
        GRANT | {"purpose": "fun"},
        GRANT | {"record": None},
        GRANT | {"time": "2126-01-01T00:00:00Z"},
        GRANT | {"channel": "any"},
        NO | {"reason": "whim"},
        LIFT | {"reason": "role"},
        LIFT | {"reason": "end"},
        LIFT | {"reason": "time"},
    ):
        assert door.post("/v1/acts", wrong).status_code == 409
    for reason in ("role", "register", "end"):
        assert door.post("/v1/acts", LIFT | {"reason": reason}, key="CRM_KEY").status_code == 409
    assert door.post("/v1/acts", GRANT, key="SHOP_KEY").status_code == 403
    assert door.client.post("/v1/acts", json=GRANT).status_code == 401
    assert rows(door, t.act) == []


OLD, HERS = "email:old@example.com", "email:priya.okafor@example.net"


@pytest.mark.parametrize("reason", ["hard_bounce", "erased", "unsubscribe"])
def test_what_was_said_at_a_point_counts_though_the_customer_asked_for_no_longer_carries_it(
    door: Door, reason: str
) -> None:
    door.push("crm", "Contact", contact())
    wish = {"point": OLD, "purpose": "service"}
    token = offer(door, **wish)["token"]
    kind = "withdrawal" if reason == "unsubscribe" else "prohibition"
    state(door, NO | {"kind": kind, "reason": reason, "purpose": "service", "point": OLD})
    assert not ask(door, **wish, ref=OLD)[0]
    assert ask(door, **wish) == (False, ["prohibited"])
    assert not redeem(door, token, **wish).json()["committed"]


def test_a_point_that_somebody_else_carries_needs_the_leave_of_both(door: Door) -> None:
    door.push("crm", "Contact", contact(), stranger())
    assert ask(door, point=HERS, purpose="service")[0]
    state(door, GRANT | {"point": HERS})
    assert ask(door, point=HERS) == (False, ["no_consent"])
    state(door, NO | {"purpose": "service", "point": None, "record": "rec:crm:Contact:003OV0000000Z99"})
    assert ask(door, point=HERS, purpose="service") == (False, ["prohibited"])
    assert ask(door, purpose="service")[0]


def test_a_grant_at_a_point_that_nobody_carries_yet_counts_for_its_customer(door: Door) -> None:
    door.push("crm", "Contact", contact())
    state(door, GRANT | {"point": OLD})
    assert ask(door, point=OLD) == (True, ["granted"])


@pytest.mark.parametrize("evidence", [{"points": [HERS]}, {"points": 5}, {"text": 5}, {"stated_by": "operator:anna"}])
def test_evidence_holds_the_fields_of_the_contract_alone(door: Door, evidence: Json) -> None:
    door.push("crm", "Contact", contact())
    answer = door.post("/v1/acts", GRANT | {"evidence": {"text": "Yes"} | evidence})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/evidence")
    assert rows(door, t.act) == []


def test_a_system_grants_at_points_that_its_own_records_carry_and_forbids_at_any(door: Door) -> None:
    door.push("crm", "Contact", stranger())
    door.push("shop", "customers", account())
    said = GRANT | {"record": None}
    assert door.post("/v1/acts", said | {"point": HERS}, key="SHOP_KEY").status_code == 409
    own = {"record": "rec:shop:customers:5001", "point": HERS}
    assert door.post("/v1/acts", said | own, key="SHOP_KEY").status_code == 409
    assert door.post("/v1/acts", said | {"point": MAIL}, key="SHOP_KEY").status_code == 201
    assert door.post("/v1/acts", NO | {"point": HERS}, key="SHOP_KEY").status_code == 201
    assert [row.evidence.get("stated_by") for row in rows(door, t.act) if row.kind == "grant"] == ["system:shop"]


def test_a_contact_of_a_decision_uses_up_what_that_reserved_once(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.push("shop", "customers", account())
    door.push("shop", "orders", order(total="154.50"))
    state(door, GRANT)
    asked = {"ref": HIM, "channel": "email"}
    made = door.post("/v1/decisions", asked, key="CALL_KEY", headers={"Idempotency-Key": "1"}).json()
    reserved = {"decision": made["id"], "offer": made["offers"][0]["id"]}
    first, second = offer(door, **reserved), offer(door, **reserved)
    assert redeem(door, first["token"]).json()["committed"]
    refused = redeem(door, second["token"]).json()
    assert not refused["committed"]
    assert refused["answer"]["because"][0]["code"] == "reservation"
    states = {row.offer: row.state for row in rows(door, t.offer_use)}
    assert states[reserved["offer"]] == "consumed"
    assert door.post("/v1/contacts", WISH | {"content": "x"} | reserved).status_code == 409
    assert door.post("/v1/contacts", WISH | {"content": "x", "offer": "free_delivery"}).status_code == 409


def test_what_a_decision_reserved_too_long_ago_sends_nothing(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.push("shop", "customers", account())
    door.push("shop", "orders", order(total="154.50"))
    state(door, GRANT)
    made = door.post(
        "/v1/decisions", {"ref": HIM, "channel": "email"}, key="CALL_KEY", headers={"Idempotency-Key": "1"}
    ).json()
    offered = offer(door, decision=made["id"], offer=made["offers"][0]["id"])
    with door.hub.store.transaction() as connection:
        connection.execute(t.offer_use.update().values(expires_at=datetime(2026, 1, 1, tzinfo=UTC)))
    assert not redeem(door, offered["token"]).json()["committed"]


def test_an_erased_point_is_known_by_its_keyed_hash_alone_and_freed_by_a_confirmed_yes(door: Door) -> None:
    erased = {"kind": "prohibition", "channel": "any", "purpose": "any", "reason": "erased", "point": MAIL}
    state(door, erased)
    assert ask(door, ref=MAIL, purpose="legal")[1] == ["prohibited"]
    with door.hub.store.transaction() as connection:
        kept = [str(row) for table in t.metadata.sorted_tables for row in connection.execute(select(table))]
    assert not any(MAIL in row or MAIL.removeprefix("email:") in row for row in kept)

    door.push("crm", "Contact", contact())
    assert not ask(door, purpose="legal")[0]
    assert ask(door, channel="phone", point=PHONE, purpose="legal")[0]
    listed = door.get("/v1/suppressions", params={"channel": "email"}).json()
    assert [one["point"] for one in listed] == [MAIL.removeprefix("email:")]

    state(door, GRANT | {"point": MAIL, "purpose": "legal"})
    assert not ask(door, purpose="legal")[0]
    state(door, GRANT | {"point": MAIL, "purpose": "legal", "evidence": {"text": "Write again", "confirmed": True}})
    assert ask(door, purpose="legal")[0]
    assert not ask(door, purpose="service")[0]
