"""What a customer sees and does on their own page, in a real browser: no script, no cookie, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.door import Door
from tests.api.records import contact
from tests.api.test_own_page import GRANT, HIM, WISH, ask, requested


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor; whatever the browser complains of, or asks elsewhere for, is noted."""
    context = browser.new_context()
    page = context.new_page()
    noted: list[str] = []
    page.on("console", lambda message: noted.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: noted.append(str(error)))
    yield page
    assert noted == []
    assert context.cookies() == []
    context.close()


def link(door: Door) -> str:
    return str(door.post("/v1/self", {"ref": HIM}, key="SHOP_KEY").json()["page"])


def test_a_customer_says_no_wishes_and_says_yes_again(door: Door, page: Page) -> None:
    door.push("crm", "Contact", contact())
    assert door.post("/v1/acts", GRANT).status_code == 201
    page.goto(link(door))
    expect(page.get_by_role("heading", name="Your wishes")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") != "none"  # its style is let in
    yes, no = (page.get_by_label(f"{word}, email w•••@example.com Offers") for word in ("yes", "no"))
    expect(yes).to_be_checked()

    no.check()
    page.get_by_label("At most").select_option("month")
    page.get_by_label("First name").fill("Willem")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(no).to_be_checked()
    assert not ask(door)[0]
    door.take_in()
    assert door.customer(HIM)["golden"]["name"]["given"] == "Willem"

    yes.check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("waits for your confirmation")).to_be_visible()
    page.goto(requested(door)[-1]["link"])
    assert not ask(door)[0]
    page.get_by_role("button", name="Yes, confirm").click()
    expect(page.get_by_role("status")).to_contain_text("confirmed")
    assert ask(door)[0]


def test_unsubscribe_is_one_click_after_a_look(door: Door, page: Page) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    offered: dict[str, Any] = door.post("/v1/contacts", WISH | {"content": "x"}).json()
    page.goto(offered["unsubscribe"])
    assert ask(door)[0]
    page.get_by_role("button", name="Stop these messages").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    assert not ask(door)[0]
