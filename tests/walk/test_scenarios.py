"""Ten stories of one conversation, on the four sample systems over their real protocols, each with its negative twin.

What is asserted is what the systems hold, or what the mail system below really delivered: it sends what the hub commits
at the last moment, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import update

from samples.demo.stack import CLOCK_BOUND
from samples.demo.witness import Person, await_each, holds_email, opted_out_by_phone
from samples.erp.database import open_engine
from samples.erp.schema import CUSTOMERS
from tests.walk.conftest import SECONDS, Company, await_condition
from tests.walk.newcomer import new_contact, new_debtor, new_name, newcomer

pytestmark = [pytest.mark.timeout(180), pytest.mark.parametrize("company", ["real"], indirect=True)]

TEXT = "Dear customer"


@dataclass
class MailSystem:
    """A system that sends: it asks when it queues, and redeems when it sends."""

    company: Company
    queued: list[dict[str, Any]] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)

    def queue(self, person: Person, *, purpose: str, thread: str) -> None:
        wish = {
            "ref": f"rec:crm:Contact:{person.crm}", "channel": "email", "purpose": purpose, "thread": thread,
            "point": f"email:{person.email}",
        }  # fmt: skip
        answer = self.company.tell("/v1/contacts", wish | {"content": TEXT}).json()
        assert answer["token"], answer
        self.queued.append({"token": answer["token"], "point": wish["point"], "purpose": purpose, "content": TEXT})

    def send(self) -> list[str]:
        """Send what is queued; gives the addresses that a message really went to."""
        for message in self.queued:
            if self.company.tell("/v1/contacts/redeem", message).json()["committed"]:
                self.delivered.append(message["point"].removeprefix("email:"))
        self.queued.clear()
        return self.delivered


@pytest.fixture
def mail(company: Company) -> MailSystem:
    return MailSystem(company)


def consents(company: Company, person: Person, purpose: str, channel: str = "email") -> None:
    point = f"email:{person.email}" if channel == "email" else f"phone:{person.mobile}"
    act = {
        "kind": "grant", "channel": channel, "purpose": purpose, "record": f"rec:crm:Contact:{person.crm}",
        "point": point, "evidence": {"text": "Yes", "source": "form"},
    }  # fmt: skip
    assert company.tell("/v1/acts", act).status_code == 201


def context(company: Company, ref: str, **query: str) -> dict[str, Any]:
    return dict(company.stack.ask(f"/v1/customers/{quote(ref, safe='')}/context", **query))


def heard(company: Company, person: Person, call: dict[str, Any]) -> None:
    """Wait until the hub knows of a call."""
    ref = f"rec:callcentre:call:{call['call']['call_id']}"

    def known() -> bool:
        found = company.stack.ask(f"/v1/customers/{quote(f'phone:{person.mobile}', safe='')}/timeline")
        return ref in str(found) or call["call"]["call_id"] in str(found)

    await_condition(known)


def mail_flags(company: Company, person: Person) -> dict[str, bool]:
    """System -> whether it says itself that this person wants no mail."""
    stores = company.stores
    return {
        "crm": (stores.crm_contact(person.crm) or {})["HasOptedOutOfEmail"] is True,
        "erp": bool((stores.erp_customer(person.erp) or {})["email_opt_out"]),
        "shop": (stores.shop_customer(person.shop) or {})["accepts_email_marketing"] is False,
    }


@pytest.fixture
def new_person(company: Company) -> Callable[[], Person]:
    """Somebody known to CRM, ERP and shop as one customer, with nothing said yet."""

    def make() -> Person:
        person = newcomer(company)
        refs = [f"rec:crm:Contact:{person.crm}", f"rec:erp:customers:{person.erp}", f"rec:shop:customers:{person.shop}"]

        def is_one() -> bool:
            seen = [context(company, ref) for ref in refs]
            return all(one["match"] == "customer" for one in seen) and len({one["customer"]["id"] for one in seen}) == 1

        await_condition(is_one)
        company.settle()
        return person

    return make


def test_a_survey_answered_on_the_telephone_is_put_nowhere_else(
    company: Company, mail: MailSystem, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    consents(company, person, "survey")
    for thread in ("winter", "summer"):
        mail.queue(person, purpose="survey", thread=f"{thread}-{person.crm}")
    heard(company, person, company.call(person.mobile, campaign=f"winter-{person.crm}"))
    answered, other = mail.queued
    mail.queued = [answered]
    assert mail.send() == []
    mail.queued = [other]
    assert mail.send() == [person.email]


def test_a_call_to_a_campaigns_number_cancels_what_is_queued_for_it(
    company: Company, mail: MailSystem, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    consents(company, person, "marketing")
    heard(company, person, company.call(person.mobile, dialled="+442079460100"))
    mail.queue(person, purpose="marketing", thread="spring-offer-2026")
    assert mail.send() == [person.email]
    mail.queue(person, purpose="marketing", thread="spring-offer-2026")
    heard(company, person, company.call(person.mobile, dialled="+442079460161"))
    assert mail.send() == [person.email]


def test_an_opt_out_on_the_telephone_stops_the_queued_mail(
    company: Company, mail: MailSystem, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    consents(company, person, "marketing")
    mail.queue(person, purpose="marketing", thread="newsletter")
    company.do_not_call(person.mobile)
    assert len(await_each(opted_out_by_phone(company.stores, person), SECONDS)) == 4
    assert mail.send() == [person.email]
    assert not any(mail_flags(company, person).values())

    mail.queue(person, purpose="marketing", thread="newsletter")
    company.do_not_call("", channel="email", point=person.email)
    await_condition(lambda: all(mail_flags(company, person).values()))
    assert mail.send() == [person.email]


@pytest.mark.parametrize("said", [True, False])
def test_an_opt_out_of_an_unknown_number_binds_the_account_that_is_opened_later(
    company: Company, *, said: bool
) -> None:
    number = "+447400100461" if said else "+447400100462"
    if said:
        company.do_not_call(number)
        await_condition(lambda: company.stores.callcentre_listed("phone", number))
    account = {
        "first_name": "Nova", "last_name": f"Newcomer{said}", "email": f"nova.{said}@example.org".lower(),
        "phone": number,
    }  # fmt: skip
    opened = company.post("shop", "/storefront/customers", account).json()
    ref = f"rec:shop:customers:{opened['id']}"
    await_condition(lambda: context(company, ref)["match"] == "customer")
    company.settle()
    if said:
        await_condition(lambda: company.stores.shop_customer(opened["id"])["accepts_phone_marketing"] is False)  # type: ignore[index]
    else:
        assert company.stores.shop_customer(opened["id"])["accepts_phone_marketing"] is None  # type: ignore[index]


def test_what_service_finds_likely_is_offered_on_the_web_at_the_next_login(
    company: Company, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    ref = f"rec:shop:customers:{person.shop}"
    orders(company, person, "120.00")

    def offered_on_the_web() -> list[str]:
        return [offer["id"] for offer in context(company, ref, channel="web")["offers"]]

    heard(company, person, company.call(person.mobile))
    assert "care_plan" not in offered_on_the_web()
    heard(company, person, company.call(person.mobile, insight="care_plan"))
    assert "care_plan" in offered_on_the_web()


def orders(company: Company, person: Person, total: str) -> None:
    """Order in the shop, and wait until the hub counts it."""
    ref = f"rec:shop:customers:{person.shop}"
    before = context(company, ref)["value"]["orders"]
    company.post("shop", f"/storefront/customers/{person.shop}/orders?total={total}", {}).raise_for_status()
    await_condition(lambda: context(company, ref)["value"]["orders"] > before)


def test_a_high_value_caller_reaches_a_person_and_a_simple_question_self_service(
    company: Company, new_person: Callable[[], Person]
) -> None:
    person = new_person()

    def route() -> str:
        seen = context(company, f"rec:shop:customers:{person.shop}", channel="phone", need="opening_hours")
        return str(seen["route"]["to"])

    assert route() == "help_pages"
    orders(company, person, "9000.00")
    assert tier(company, person) == "high"
    assert route() == "advisers"
    assert company.call(person.mobile)["context"]["route"]["to"] == "advisers"


def tier(company: Company, person: Person) -> str:
    return str(context(company, f"rec:shop:customers:{person.shop}")["value"]["tier"])


@pytest.mark.parametrize("shared", [True, False])
def test_a_household_caller_is_told_apart_before_anything_personal_is_said(company: Company, *, shared: bool) -> None:
    number = "+447400100471" if shared else "+447400100472"
    people = [("Quentin", "1951-02-03", number), ("Rosalind", "1988-11-12", number if shared else "+447400100473")]
    refs = []
    for given, born, phone in people:
        account = {
            "first_name": given, "last_name": f"Fairweather{shared}", "birth_date": born, "phone": phone,
            "email": f"{given}.{shared}@example.org".lower(),
        }  # fmt: skip
        opened = company.post("shop", "/storefront/customers", account).json()
        refs.append(f"rec:shop:customers:{opened['id']}")
    for ref in refs:
        await_condition(lambda ref=ref: context(company, ref)["match"] == "customer")
    taken = company.call(number)
    popped = taken["context"]
    assert popped["match"] == ("candidates" if shared else "customer")
    assert ("Fairweather" in str(popped)) is not shared
    if not shared:
        return

    she = context(company, refs[1])["customer"]["id"]
    confirmed = company.post(
        "callcentre", f"/desktop/calls/{taken['call']['call_id']}/confirm", {"customer": she}
    ).json()
    assert confirmed["context"]["customer"]["record"]["name"]["given"] == "Rosalind"

    def calls(ref: str) -> list[Any]:
        return [one for one in context(company, ref)["interactions"] if one["kind"] == "call"]

    await_condition(lambda: (len(calls(refs[0])), len(calls(refs[1]))) == (0, 1))


def test_a_yes_with_evidence_ends_an_opt_out_in_every_system(
    company: Company, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    company.do_not_call(person.mobile)
    said = datetime.now(UTC)
    looks = opted_out_by_phone(company.stores, person)
    assert len(await_each(looks, SECONDS)) == 4
    company.settle()
    yes = {"kind": "grant", "channel": "phone", "purpose": "marketing", "point": f"phone:{person.mobile}"}
    assert company.tell("/v1/acts", yes).status_code == 409
    company.settle()
    assert all(look() for look in looks.values())

    evidence = {"source": "signed form", "text": "Call me again"}
    await_condition(lambda: datetime.now(UTC) > said + CLOCK_BOUND)  # so that it surely is the later word
    assert company.tell("/v1/acts", yes | {"evidence": evidence}).status_code == 201
    await_condition(lambda: not any(look() for look in looks.values()))


def test_a_merge_spreads_an_opt_out_and_taking_it_back_gives_each_its_own(company: Company) -> None:
    one, other = new_name(), new_name()
    contact, debtor = new_contact(company, one), new_debtor(company, other)
    refs = [f"rec:crm:Contact:{contact}", f"rec:erp:customers:{debtor}"]
    for ref in refs:
        await_condition(lambda ref=ref: context(company, ref)["match"] == "customer")

    def contact_says_no() -> bool:
        return (company.stores.crm_contact(contact) or {})["DoNotCall"] is True

    def debtor_says_no() -> bool:
        return bool((company.stores.erp_customer(debtor) or {})["phone_opt_out"])

    def merge() -> str:
        answer = company.tell("/v1/judgements", {"action": "merge", "reason": "scenario", "customers": refs})
        assert answer.status_code == 201, answer.text
        company.settle()
        return str(answer.json()["judgements"][0]["id"])

    def take_back(judgement: str) -> None:
        assert company.tell("/v1/judgements", {"action": "retract", "judgement": judgement}).status_code == 201
        company.settle()

    judgement = merge()
    assert not debtor_says_no()
    take_back(judgement)

    company.do_not_call(one.mobile)
    await_condition(contact_says_no)
    assert not debtor_says_no()
    judgement = merge()
    await_condition(debtor_says_no)
    take_back(judgement)
    await_condition(lambda: not debtor_says_no())
    assert contact_says_no()


def test_a_foreign_edit_of_what_the_hub_wrote_is_that_systems_own_word(
    company: Company, new_person: Callable[[], Person]
) -> None:
    person = new_person()
    ours, theirs = f"ours.{person.shop}@example.com", f"theirs.{person.shop}@example.com"
    company.edit_account(person.shop, email=ours)
    assert len(await_each(holds_email(company.stores, person, ours), SECONDS)) == 3
    company.settle()
    writes = company.writes(person.crm)
    await_condition(lambda: all(look() for look in holds_email(company.stores, person, ours).values()))
    assert company.writes(person.crm) == writes

    engine = open_engine(company.stack.company.erp_url)
    with engine.begin() as connection:
        mine = CUSTOMERS.c.customer_no == person.erp
        connection.execute(update(CUSTOMERS).where(mine).values(email=theirs))
    engine.dispose()
    assert len(await_each(holds_email(company.stores, person, theirs), SECONDS)) == 3
