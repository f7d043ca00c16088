"""What one system is told, the others know: read out of each system's own store, on both stacks."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from samples.demo.witness import await_each, holds_email, opted_out_by_phone
from tests.walk.conftest import SECONDS, Company, await_condition

pytestmark = pytest.mark.timeout(180)


def test_every_record_arrived_and_people_were_found(company: Company) -> None:
    company.story.compare_with_truth()
    assert company.story.findings.wrong == []
    assert company.quarantined_by_load == 0


def test_an_opt_out_told_to_the_call_centre_reaches_all_four(company: Company) -> None:
    person = company.person()
    company.do_not_call(person.mobile)
    looks = opted_out_by_phone(company.stores, person)
    assert set(await_each(looks, SECONDS)) == {"crm", "erp", "shop", "callcentre"}
    assert company.stores.crm_contact(person.crm)["HasOptedOutOfEmail"] is False  # type: ignore[index]


def test_an_opt_out_in_the_shop_reaches_the_three_others(company: Company) -> None:
    person = company.person()
    company.edit_account(person.shop, accepts_phone_marketing=False)
    looks = opted_out_by_phone(company.stores, person)
    assert set(await_each(looks, SECONDS)) == {"crm", "erp", "shop", "callcentre"}


def test_an_opt_out_stays_when_the_box_is_unticked_somewhere(company: Company) -> None:
    person = company.person()
    company.do_not_call(person.mobile)
    looks = opted_out_by_phone(company.stores, person)
    assert len(await_each(looks, SECONDS)) == 4
    company.settle()
    company.edit_account(person.shop, accepts_phone_marketing=True)
    assert company.stores.shop_customer(person.shop)["accepts_phone_marketing"] is True  # type: ignore[index]
    await_condition(looks["shop"])
    assert all(look() for look in looks.values())


def test_a_corrected_address_reaches_the_others_and_nothing_echoes(company: Company) -> None:
    person = company.person()
    address = f"corrected.{person.shop}@example.com"
    earlier = [len(company.writes(key)) for key in (person.crm, person.erp, person.shop)]
    company.edit_account(person.shop, email=address)
    looks = holds_email(company.stores, person, address)
    assert set(await_each(looks, SECONDS)) == {"crm", "erp", "shop"}
    company.settle()
    values = company.stack.ask(f"/v1/customers/{quote(f'rec:crm:Contact:{person.crm}', safe='')}/explain")["values"]
    [email] = [value for value in values if value["path"] == "emails[main].address"]
    assert email["value"] == address
    assert "shop" in str(email)

    polls = read_at(company)
    before = company.writes()
    await_condition(lambda: all(now > then for now, then in zip(read_at(company), polls, strict=True)))
    again, news = read_at(company), published(company)
    await_condition(lambda: all(now > then for now, then in zip(read_at(company), again, strict=True)))
    assert published(company) == news
    assert company.writes() == before
    assert company.tables.open_obligations() == 0
    later = [len(company.writes(key)) for key in (person.crm, person.erp, person.shop)]
    assert (later[0] - earlier[0], later[2] - earlier[2]) == (1, 0)
    assert later[1] > earlier[1]


def read_at(company: Company) -> list[str]:
    """When each polled stream was last read to its end."""
    systems = company.stack.ask("/v1/status")["systems"]
    return [stream["read_at"] or "" for system in systems for stream in system["streams"] if stream["polled"]]


def published(company: Company) -> list[int]:
    """How many records were news so far, stream by stream."""
    systems = company.stack.ask("/v1/status")["systems"]
    return [stream["published"] for system in systems for stream in system["streams"] if stream["polled"]]


def test_a_call_that_arrives_finds_name_value_history_and_offers(company: Company) -> None:
    person = company.anybody
    company.post(
        "callcentre", "/desktop/calls", {"number": person.mobile, "subject": "A first call"}
    ).raise_for_status()
    contact = company.stores.crm_contact(person.crm)
    assert contact is not None

    def popped() -> dict[str, object]:
        answer = company.post("callcentre", "/desktop/calls", {"number": person.mobile}).json()
        return answer["context"] or {}

    await_condition(lambda: any(i.get("subject") == "A first call" for i in popped().get("interactions", [])))  # type: ignore[attr-defined]
    context = popped()
    assert contact["LastName"].lower() in str(context["customer"]).lower()
    assert {"customer", "value", "interactions", "offers"} <= context.keys()
    assert context["value"]


def test_a_system_that_is_down_is_named_and_caught_up_while_the_others_go_on(company: Company) -> None:
    person = company.person()
    crm = company.stack.company.servers["crm"]
    crm.stop()
    try:
        company.do_not_call(person.mobile)
        looks = opted_out_by_phone(company.stores, person)
        others = {system: look for system, look in looks.items() if system != "crm"}
        assert set(await_each(others, SECONDS)) == {"erp", "shop", "callcentre"}
        await_condition(lambda: state_of(company, "crm") == "failing")
        assert {state_of(company, system) for system in others} == {"reachable"}
        assert "failing" in company.stack.onevoice("status")
    finally:
        crm.start()
    await_condition(looks["crm"])
    await_condition(lambda: state_of(company, "crm") == "reachable")
    company.settle()


def state_of(company: Company, system: str) -> str:
    return next(one["state"] for one in company.stack.ask("/v1/status")["systems"] if one["name"] == system)
