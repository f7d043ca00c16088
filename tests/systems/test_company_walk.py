"""One customer in a shop, on a card, in a CRM, by mail and on the telephone: what one system hears, the others know."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from onevoice.testing.servers import PrivatePostgres, PrivateRabbit
from tests.connectors.ami_server import EVENTS
from tests.systems.company import MAILBOX, RealCompany, running
from tests.systems.walk import wait_until

pytestmark = pytest.mark.timeout(300)

NUMBER = "+442079460000"
"""The caller of the recorded call."""

COMPLAINT = """From: abuse@provider.example
To: service@shop.example
Message-ID: <{number}@provider.example>
Date: Sun, 22 Nov 2026 11:00:00 +0000
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

One of your customers does not want this.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
Original-Rcpt-To: <{address}>

--b--
"""


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory, postgres: PrivatePostgres, rabbit: PrivateRabbit
) -> Iterator[RealCompany]:
    with running(tmp_path_factory.mktemp("company"), postgres, rabbit) as everything:
        yield everything


def known(company: RealCompany, number: str, first: str, family: str, mail: str, mobile: str) -> dict[str, str]:
    """Enter somebody into shop, CRM and card system, and see that the hub knows one person: system -> key."""
    place = {"street": "14 Mill Lane", "town": "Manchester", "zip": "M14 5TP"}
    says_yes = {"mail_ok": "Y", "call_ok": "Y"}
    company.cards.card(number, f"{family}, {first}", mail=mail, mobile=mobile, dob="1974-03-18", **says_yes, **place)
    contact = {"FirstName": first, "LastName": family, "Email": mail, "MobilePhone": mobile}
    crm = company.crm.add("Contact", Birthdate="1974-03-18", MailingCountryCode="GB", **contact)
    shop = str(company.shop.open_account(first.lower(), email=mail, first_name=first, last_name=family))
    company.converge()
    keys = {"cards": number, "crm": crm, "shop": shop}
    streams = {"cards": "card_holders", "crm": "Contact", "shop": "users"}
    ids = {company.customers.show(f"rec:{system}:{streams[system]}:{key}").id for system, key in keys.items()}
    assert len(ids) == 1
    return keys


@pytest.fixture(scope="module")
def bob(company: RealCompany) -> dict[str, str]:
    """Bob, the caller of the recorded call."""
    return known(company, "1001", "Bob", "Customer", "bob.customer@home.example", NUMBER)


def test_an_address_corrected_in_the_crm_reaches_card_and_shop(company: RealCompany, bob: dict[str, str]) -> None:
    company.crm.change("Contact", bob["crm"], Email="bob@new-home.example")
    company.sync(("crm", "Contact"))
    assert company.cards.row(bob["cards"])["mail"] == "bob@new-home.example"
    assert company.shop.user(bob["shop"])["email"] == "bob@new-home.example"


def test_a_complaint_about_mail_is_an_opt_out_in_card_and_crm(company: RealCompany) -> None:
    zoe = known(company, "1002", "Zoe", "Marshall", "zoe@marshall.example", "+447400123456")
    company.mail.send(COMPLAINT.format(number=1, address="zoe@marshall.example").encode(), to=MAILBOX)
    company.sync(("mail", "report"))
    row, card = company.crm.row("Contact", zoe["crm"]), company.cards.row(zoe["cards"])
    assert row is not None
    assert (row["HasOptedOutOfEmail"], row.get("DoNotCall")) == ("true", None)
    assert (card["mail_ok"], card["call_ok"]) == ("N", "Y")


def test_mail_call_purchase_and_case_stand_in_one_timeline(company: RealCompany, bob: dict[str, str]) -> None:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = str(company.cards.row(bob["cards"])["mail"]), "<q1@home.example>"
    mail["Subject"], mail["Date"] = "Where is my order?", "Sun, 22 Nov 2026 09:00:00 +0000"
    mail.set_content("It did not come.")
    company.mail.send(mail.as_bytes(), to=MAILBOX)
    buy = "INSERT INTO purchases (card_no, receipt_no, bought_at, amount) VALUES (:no, 'R-1', '2026-07-01', 12.50)"
    company.cards.run(buy, no=bob["cards"])
    company.crm.add("Case", ContactId=bob["crm"], Subject="Late delivery", Origin="Phone", Status="New")
    company.sync(("calls", "call"))
    company.pbx.play(EVENTS)
    company.sync()
    timeline = company.customers.timeline(f"phone:{NUMBER}")
    found = {(entry.ref.system, entry.ref.stream) for entry in timeline if entry.ref}
    assert found >= {("mail", "message"), ("cards", "purchases"), ("crm", "Case"), ("calls", "call")}


def test_who_wants_no_calls_is_on_the_diallers_list(company: RealCompany, bob: dict[str, str]) -> None:
    company.cards.run("UPDATE card_holders SET call_ok = 'N' WHERE card_no = :no", no=bob["cards"])
    company.sync(("cards", "card_holders"))
    file = company.dialler / "inbox" / "do_not_call.csv"
    wait_until(lambda: file.exists() and NUMBER in file.read_text(encoding="utf-8"), lambda: "the dialler has no list")
    row = company.crm.row("Contact", bob["crm"])
    assert row is not None
    assert row["DoNotCall"] == "true"


def test_once_at_rest_nothing_echoes(company: RealCompany, bob: dict[str, str]) -> None:
    company.converge()
    before = (company.cards.row(bob["cards"]), company.crm.row("Contact", bob["crm"]), company.shop.user(bob["shop"]))
    assert company.sync() == {}
    assert company.sync() == {}
    after = (company.cards.row(bob["cards"]), company.crm.row("Contact", bob["crm"]), company.shop.user(bob["shop"]))
    assert after == before
