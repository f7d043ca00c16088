"""Customers over HTTP: found by anything, shown, explained, told in context."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.api.door import Door
from tests.api.records import account, call, case, contact, debtor, do_not_call, order, stranger

HIS_PHONE = "phone:+447400123456"


@pytest.fixture
def known(door: Door) -> Door:
    """He is in three systems; she is in one."""
    door.push("crm", "Contact", contact(), stranger())
    door.push("erp", "customers", debtor())
    door.push("shop", "customers", account())
    return door


def test_every_reference_leads_to_the_same_customer(known: Door) -> None:
    his = known.customer("rec:crm:Contact:003OV0000000A4b")
    references = [
        his["id"],
        *his["aliases"],
        "rec:shop:customers:5001",
        HIS_PHONE,
        "phone:+44 7400 123456",
        "email:William.Marshall@Example.com",
    ]

    found = [known.get("/v1/customers", params={"ref": ref}).json() for ref in references]

    assert found == [{"customers": [his["id"]]}] * len(references)
    assert [record["ref"]["system"] for record in his["records"]] == ["crm", "erp", "shop"]
    assert his["golden"]["name"]["given"] == "William"


def test_reference_in_a_query_survives_a_lost_plus(known: Door) -> None:
    answer = known.get("/v1/customers?ref=phone:+447400123456")

    assert len(answer.json()["customers"]) == 1


def test_record_about_somebody_stands_for_them(known: Door) -> None:
    known.push("shop", "orders", order())
    known.push("callcentre", "call", call())
    his = known.customer(HIS_PHONE)["id"]

    assert known.customer("rec:shop:orders:90001")["id"] == his
    assert known.customer("rec:callcentre:call:C-000001")["id"] == his


@pytest.mark.parametrize("ref", ["nobody", "phone:07400123456", "email:at", "rec:crm:Contact", "phone:", "fax:1"])
def test_what_is_no_reference_is_told_from_nobody(door: Door, ref: str) -> None:
    assert door.get(f"/v1/customers/{ref}").status_code == 400
    assert door.get("/v1/customers/email:nobody@example.org").status_code == 404


def test_systems_key_reads_context_and_nothing_else(known: Door) -> None:
    his = quote(HIS_PHONE)

    assert known.get(f"/v1/customers/{his}/context", key="CALL_KEY").status_code == 200
    for path in ("", "/timeline", "/explain", "/acts", "/permissions"):
        assert known.get(f"/v1/customers/{his}{path}", key="CALL_KEY").status_code == 403


def test_values_explain_where_they_came_from_and_what_lost(known: Door) -> None:
    explained = known.get(f"/v1/customers/{HIS_PHONE}/explain").json()

    given = next(row for row in explained["values"] if row["path"] == "name.given")
    assert (given["value"], given["system"]) == ("William", "crm")
    assert {(loser["ref"]["system"], loser["value"]) for loser in given["losers"]} == {
        ("shop", "Bill"),
        ("erp", "WILLIAM"),
    }
    assert "trusted before" in given["rule"]
    assert len(explained["links"]) == 3
    strongest = explained["links"][0]
    assert strongest["evidence"][-1]["total"] == strongest["score"]


def test_pair_that_was_never_compared_says_so(known: Door) -> None:
    params = {"one": "rec:crm:Contact:003OV0000000A4b", "other": "email:priya.okafor@example.net"}

    answer = known.get("/v1/explain", params=params).json()

    assert answer["together"] is False
    assert answer["outcome"] is None
    assert answer["words"].startswith("never compared: they share no contact point")


def test_pair_that_was_compared_and_kept_apart_shows_why(known: Door) -> None:
    known.push("crm", "Contact", stranger(Id="003OV0000000Z77", LastName="Adeyemi", Birthdate="1951-01-30"))
    params = {"one": "rec:crm:Contact:003OV0000000Z99", "other": "rec:crm:Contact:003OV0000000Z77"}

    answer = known.get("/v1/explain", params=params).json()

    assert (answer["together"], answer["outcome"]) == (False, "apart")
    assert any(row["weight"] < 0 for row in answer["evidence"])
    assert answer["evidence"][-1]["total"] == pytest.approx(answer["score"])


def test_timeline_tells_all_systems_newest_first_page_by_page(known: Door) -> None:
    known.push("crm", "Case", case())
    known.push("shop", "orders", order())
    known.push("callcentre", "call", call())
    known.push("callcentre", "do_not_call", do_not_call())

    whole = known.get(f"/v1/customers/{HIS_PHONE}/timeline").json()
    pages = []
    before = None
    while True:
        page = known.get(
            f"/v1/customers/{HIS_PHONE}/timeline", params={"limit": 1} | ({"before": before} if before else {})
        ).json()
        pages += page["entries"]
        before = page["next"]
        if before is None:
            break

    assert [(entry["type"], entry["ref"]["system"]) for entry in whole["entries"]] == [
        ("order", "shop"),
        ("act", "callcentre"),
        ("interaction", "callcentre"),
        ("interaction", "crm"),
    ]
    assert pages == whole["entries"]
    assert known.get(f"/v1/customers/{HIS_PHONE}/timeline?before=x").status_code == 400


def test_permissions_name_the_acts_that_decide(known: Door) -> None:
    known.push("callcentre", "do_not_call", do_not_call())

    rows = known.get(f"/v1/customers/{HIS_PHONE}/permissions").json()

    denied = [row for row in rows if row["now"]["permission"] == "denied"]
    assert {row["now"]["channel"] for row in denied} == {"phone"}
    assert {row["now"]["purpose"] for row in denied} == {"marketing"}
    assert {act["anchor_point"] for row in denied for act in row["now"]["because"]} == {HIS_PHONE}
    service = [row for row in rows if (row["now"]["channel"], row["now"]["purpose"]) == ("phone", "service")]
    assert service
    assert all(row["now"]["may_contact"] for row in service)


# --- context ------------------------------------------------------------------------------------------------------


def test_caller_is_met_with_name_value_history_and_offers(known: Door) -> None:
    known.push("shop", "orders", order(total="154.50"))
    known.push("crm", "Case", case())
    known.push("callcentre", "call", call())

    answer = known.get(f"/v1/customers/{quote(HIS_PHONE)}/context?channel=phone&department=service", key="CALL_KEY")

    context = answer.json()
    assert context["match"] == "customer"
    assert context["customer"]["record"]["name"]["family"] == "Marshall"
    assert (context["value"]["tier"], context["value"]["amount"]) == ("high", "154.50")
    assert (context["route"]["to"], context["route"]["because"][0]) == ("advisers", "route high_value")
    told = [(one["kind"], one["system"]) for one in context["interactions"]]
    assert told == [("call", "callcentre"), ("case", "crm")]
    assert [one["number"] for one in context["open_orders"]] == ["90001"]
    assert [one["subject"] for one in context["open_cases"]] == ["Delivery arrived damaged"]
    assert [offer["id"] for offer in context["offers"]] == ["personal_adviser", "free_delivery"]
    assert context["offers"][0]["because"] == [
        "tier is high",
        "escalated is false",
        "collection is false",
        "complained is false",
    ]
    assert set(context["as_of"]) == {"customer", "value", "interactions", "permissions"}


def test_escalated_case_is_warned_of_and_suppresses_what_would_be_sold(known: Door) -> None:
    known.push("shop", "orders", order(total="154.50"))
    known.push("crm", "Case", case(Status="Escalated"))

    context = known.get(f"/v1/customers/{quote(HIS_PHONE)}/context?channel=phone", key="CALL_KEY").json()

    assert "an escalated case is open" in context["warnings"]
    assert context["offers"] == []


def test_unchanged_context_is_told_by_its_tag(known: Door) -> None:
    path = f"/v1/customers/{HIS_PHONE}/context"
    first = known.get(path)

    same = known.get(path, headers={"If-None-Match": first.headers["ETag"]})
    known.push("callcentre", "do_not_call", do_not_call())
    changed = known.get(path, headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_context_is_asked_for_in_a_body_as_well(known: Door) -> None:
    by_body = known.post("/v1/context", {"ref": HIS_PHONE, "channel": "phone"}, key="CALL_KEY")
    by_path = known.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone", key="CALL_KEY")

    assert by_body.json() == by_path.json()
    assert known.post("/v1/context", {"ref": HIS_PHONE, "channel": "smoke"}).status_code == 422


def test_opt_out_by_phone_keeps_no_offer_from_him_who_calls(known: Door) -> None:
    known.push("callcentre", "do_not_call", do_not_call())

    context = known.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone").json()

    assert context["permissions"]["phone"]["marketing"]["permission"] == "denied"
    assert any("no marketing by phone" in warning for warning in context["warnings"])
    assert context["offers"]


def test_unknown_caller_gets_a_usable_context_with_the_points_prohibitions(door: Door) -> None:
    door.push("callcentre", "do_not_call", do_not_call())
    door.push("callcentre", "call", call())

    context = door.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone").json()

    assert context["match"] == "anonymous"
    assert context["permissions"]["phone"]["marketing"]["permission"] == "denied"
    assert context["permissions"]["email"]["marketing"]["permission"] == "unknown"
    assert [one["kind"] for one in context["interactions"]] == ["call"]
    assert [offer["id"] for offer in context["offers"]] == ["first_order"]
    assert (context["route"]["to"], context["route"]["kind"]) == ("help_pages", "self_service")


def test_shared_phone_gives_candidates_and_nobodys_data(known: Door) -> None:
    known.push("crm", "Contact", stranger(Id="003OV0000000Z55", MobilePhone="+447400123456", DoNotCall=True))

    answer = known.get(f"/v1/customers/{HIS_PHONE}/context?channel=phone", key="CALL_KEY")

    context = answer.json()
    assert context["match"] == "candidates"
    assert sorted((one["name"], one["town"]) for one in context["candidates"]) == [
        ("P. O.", "Bristol"),
        ("W. M.", "Manchester"),
    ]
    for value in ("Marshall", "Okafor", "example.com", "Mill Lane", "1974"):
        assert value not in answer.text
    assert context["permissions"]["phone"]["marketing"]["permission"] == "denied"
    assert context["offers"] == []
    assert known.get(f"/v1/customers/{HIS_PHONE}").status_code == 409


def test_a_call_from_a_shared_phone_is_told_of_whom_the_caller_was_confirmed_to_be(known: Door) -> None:
    door = known
    door.push("crm", "Contact", stranger(MobilePhone="+447400123456", Phone="+447400123456"))
    door.push("callcentre", "call", call(call_id="C-000009"))
    him, her = (f"rec:crm:Contact:{key}" for key in ("003OV0000000A4b", "003OV0000000Z99"))
    she = door.get(f"/v1/customers/{her}").json()["id"]

    def told(ref: str) -> bool:
        here = door.get(f"/v1/customers/{ref}/context").json()["interactions"]
        page = door.get(f"/v1/customers/{ref}/timeline").json()["entries"]
        in_context = any(one.get("thread") == "C-000009" for one in here)
        assert in_context == any(one["details"].get("thread") == "C-000009" for one in page)
        return in_context

    assert (told(him), told(her)) == (True, True)
    later = {"confirmed": she, "updated_at": "2024-12-03T09:30:00.000000Z"}
    door.push("callcentre", "call", call(call_id="C-000009", **later))
    assert (told(him), told(her)) == (False, True)
    assert door.get("/v1/customers/phone:+447400123456/context").json()["match"] == "candidates"


def test_candidates_with_equal_initials_are_told_apart_by_given_name(door: Door) -> None:
    door.push(
        "crm",
        "Contact",
        stranger(Id="1", FirstName="Anna", LastName="Marsh", Birthdate="1960-02-02", Email=None),
        stranger(Id="2", FirstName="Arthur", LastName="Marsh", Birthdate="1958-09-09", Email=None),
    )

    context = door.get("/v1/customers/phone:+447400999888/context").json()

    assert sorted(one["name"] for one in context["candidates"]) == ["Anna", "Arthur"]
