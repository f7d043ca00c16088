"""Merge, split and retract over HTTP: exact, refused where they contradict, and nothing rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.door import Door
from tests.api.records import account, call, contact, debtor, do_not_call, order, stranger

HIS = "rec:crm:Contact:003OV0000000A4b"
HERS = "rec:crm:Contact:003OV0000000Z99"


@pytest.fixture
def two(door: Door) -> Door:
    """He is in three systems, with an order, a call and an opt-out; she is in one."""
    door.push("crm", "Contact", contact(), stranger())
    door.push("erp", "customers", debtor())
    door.push("shop", "customers", account())
    door.push("shop", "orders", order())
    door.push("callcentre", "call", call())
    door.push("callcentre", "do_not_call", do_not_call())
    return door


def _judge(door: Door, **change: Any) -> Any:
    return door.post("/v1/judgements", change)


def _everything(door: Door, *refs: str) -> list[Any]:
    """All that may be asked of the customers, without what counts changes."""
    found = []
    for ref in refs:
        view = door.customer(ref)
        view = {name: value for name, value in view.items() if name not in ("revision", "updated_at")}
        rest = [door.get(f"/v1/customers/{ref}/{part}").json() for part in ("timeline", "permissions", "acts")]
        found.append([view, *rest])
    return found


def test_merge_makes_one_and_retracting_it_restores_both_exactly(two: Door) -> None:
    before = _everything(two, HIS, HERS)

    merged = _judge(two, action="merge", customers=[HIS, HERS], reason="she is his account's second name")
    both = two.customer(HERS)
    undone = _judge(two, action="retract", judgement=merged.json()["judgements"][0]["id"])

    assert merged.status_code == 201
    assert len(merged.json()["customers"]) == 1
    assert merged.json()["judgements"][0]["actor"] == "anna"
    assert len(both["records"]) == 4
    assert both["id"] == before[0][0]["id"]
    assert len(undone.json()["customers"]) == 2
    assert _everything(two, HIS, HERS) == before


def test_merged_customer_carries_the_opt_out_and_systems_are_owed_it(two: Door) -> None:
    _judge(two, action="merge", customers=[HIS, HERS], reason="one household manager")

    owed = two.get("/v1/obligations?system=crm").json()
    permissions = two.get(f"/v1/customers/{HERS}/permissions").json()

    assert ("suppression", "Contact", "003OV0000000Z99") in {(o["lane"], o["stream"], o["target"]) for o in owed}
    assert "denied" in {p["now"]["permission"] for p in permissions if p["now"]["channel"] == "phone"}


def test_split_parts_the_records_and_retracting_all_joins_them(two: Door) -> None:
    before = _everything(two, HIS)

    split = _judge(two, action="split", customer=HIS, records=["rec:shop:customers:5001"], reason="his son's account")
    apart = two.customer("rec:shop:customers:5001")
    judgements = split.json()["judgements"]

    assert split.status_code == 201
    assert [record["ref"]["system"] for record in apart["records"]] == ["shop"]
    assert len(two.customer(HIS)["records"]) == 2
    assert {judged["verdict"] for judged in judgements} == {"different"}
    assert len(judgements) == 2
    for judged in judgements:
        assert _judge(two, action="retract", judgement=judged["id"]).status_code == 201
    assert _everything(two, HIS) == before


def test_split_takes_back_the_merge_of_the_same_pair(two: Door) -> None:
    before = two.customer(HIS)["records"]
    _judge(two, action="merge", customers=[HIS, HERS], reason="mistaken")

    answer = _judge(two, action="split", customer=HIS, records=[HERS], reason="they are two")

    assert answer.status_code == 201
    assert two.customer(HIS)["records"] == before
    assert len(two.customer(HERS)["records"]) == 1


def test_judgement_stands_when_records_change_afterwards(two: Door) -> None:
    _judge(two, action="merge", customers=[HIS, HERS], reason="one person")

    two.push("crm", "Contact", stranger(LastName="Marshall-Okafor", SystemModstamp="2025-01-01T00:00:00Z"))

    assert len(two.customer(HERS)["records"]) == 4
    assert two.customer(HERS)["id"] == two.customer(HIS)["id"]


def test_merge_across_what_people_hold_apart_is_refused_and_changes_nothing(two: Door) -> None:
    split = _judge(two, action="split", customer=HIS, records=["rec:shop:customers:5001"], reason="his son's")
    before = _everything(two, HIS)

    answer = _judge(two, action="merge", customers=[HIS, "rec:shop:customers:5001"], reason="or not")

    assert answer.status_code == 409
    assert any(judged["id"] in answer.json()["detail"] for judged in split.json()["judgements"])
    assert "rec:shop:customers:5001" in answer.json()["detail"]
    assert _everything(two, HIS) == before


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"action": "merge", "customers": [HIS, "rec:shop:customers:5001"], "reason": "x"}, 409),
        ({"action": "merge", "customers": [HIS, "email:nobody@example.org"], "reason": "x"}, 404),
        ({"action": "merge", "customers": [HIS], "reason": "x"}, 422),
        ({"action": "merge", "customers": [HIS, HERS], "reason": "  "}, 422),
        ({"action": "split", "customer": HIS, "records": [HERS], "reason": "x"}, 409),
        ({"action": "split", "customer": HERS, "records": [HERS], "reason": "x"}, 409),
        ({"action": "split", "customer": HIS, "records": ["phone:+447400123456"], "reason": "x"}, 422),
        ({"action": "retract", "judgement": "00000000-0000-7000-8000-000000000000"}, 409),
        ({"action": "erase"}, 422),
    ],
)
def test_change_that_makes_no_sense_is_refused(two: Door, change: dict[str, Any], status: int) -> None:
    before = _everything(two, HIS, HERS)

    answer = two.post("/v1/judgements", change)

    assert answer.status_code == status, answer.text
    assert _everything(two, HIS, HERS) == before


def test_judgement_needs_an_operator(two: Door) -> None:
    change = {"action": "merge", "customers": [HIS, HERS], "reason": "x"}

    assert two.post("/v1/judgements", change, key="CRM_KEY").status_code == 403


def test_second_retraction_is_refused(two: Door) -> None:
    merged = _judge(two, action="merge", customers=[HIS, HERS], reason="one").json()["judgements"][0]["id"]

    first = _judge(two, action="retract", judgement=merged)
    second = _judge(two, action="retract", judgement=merged)

    assert (first.status_code, second.status_code) == (201, 409)


def test_a_pinned_value_stands_until_it_is_taken_back(two: Door) -> None:
    before = _everything(two, HIS)
    pinned = _judge(two, action="pin", customer=HIS, path="name.family", value="Lee-Hill", reason="saw the certificate")
    assert pinned.status_code == 201
    assert two.customer(HIS)["golden"]["name"]["family"] == "Lee-Hill"
    values = two.get(f"/v1/customers/{HIS}/explain").json()["values"]
    row = next(value for value in values if value["path"] == "name.family")
    assert row["rule"] == "pinned by anna: saw the certificate"
    assert row["losers"]
    assert _judge(two, action="retract", judgement=pinned.json()["pin"]["id"]).status_code == 201
    assert _everything(two, HIS) == before


@pytest.mark.parametrize(
    ("path", "value"), [("name.nick", "Al"), ("birth_date", "soon"), ("name.family", True), ("", "x")]
)
def test_what_no_golden_record_can_hold_is_not_pinned(two: Door, path: str, value: object) -> None:
    refused = _judge(two, action="pin", customer=HIS, path=path, value=value, reason="why not")
    assert refused.status_code == 409
    assert "soon" not in refused.text


def test_two_records_are_judged_before_they_are_known(door: Door) -> None:
    said = _judge(door, action="same", records=[HIS, HERS], reason="the notary says so")
    assert said.status_code == 201
    assert said.json()["customers"] == []
    door.push("crm", "Contact", contact(), stranger())
    assert door.customer(HIS)["id"] == door.customer(HERS)["id"]
    both = [HIS, HERS]
    assert _judge(door, action="different", records=both, reason="they are not").status_code == 201
    assert door.customer(HIS)["id"] != door.customer(HERS)["id"]


def test_a_pin_stays_with_its_record_through_a_merge_and_its_end(two: Door) -> None:
    _judge(two, action="pin", customer=HERS, path="name.family", value="Pinned", reason="passport")
    hers = _everything(two, HERS)
    merged = _judge(two, action="merge", customers=[HIS, HERS], reason="one")
    assert two.customer(HIS)["golden"]["name"]["family"] == "Pinned"
    _judge(two, action="retract", judgement=merged.json()["judgements"][0]["id"])
    assert two.customer(HIS)["golden"]["name"]["family"] != "Pinned"
    assert _everything(two, HERS) == hers


def test_review_queue_is_the_operators(two: Door) -> None:
    assert two.get("/v1/reviews").json() == []
    assert two.get("/v1/reviews/labels").json() == []
    before = _everything(two, HIS, HERS)
    preview = two.get(f"/v1/reviews/preview?one={HIS}&other={HERS}").json()
    assert preview["into"] == before[0][0]["id"]
    assert any(p["after"] == "denied" for p in preview["permissions"])
    assert _everything(two, HIS, HERS) == before
