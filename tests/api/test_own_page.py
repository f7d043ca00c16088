"""The customer's own page: what a signed link opens, what it changes, and what it never does."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from httpx import Response
from sqlalchemy import select

from onevoice.errors import TransientError
from onevoice.messages import Json
from onevoice.store import tables as t
from tests.api.door import Door, bearer
from tests.api.records import contact, debtor, stranger

HIM = "rec:crm:Contact:003OV0000000A4b"
MAIL, PHONE = "email:william.marshall@example.com", "phone:+447400123456"
GRANT = {
    "kind": "grant", "channel": "email", "purpose": "marketing", "record": HIM, "point": MAIL,
    "evidence": {"text": "Yes, write to me"},
}  # fmt: skip
WISH = {"ref": HIM, "channel": "email", "purpose": "marketing", "point": MAIL}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BASE = "https://me.example.com"


def opened(receipt: str, key: Json) -> Json:
    """The document of a signed receipt, checked as anybody could (RFC 7515, RFC 8037)."""
    signed, _, signature = receipt.rpartition(".")
    Ed25519PublicKey.from_public_bytes(raw(key["x"])).verify(raw(signature), signed.encode())
    return dict(json.loads(raw(signed.partition(".")[2])))


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def path_of(url: str) -> str:
    assert url.startswith(BASE)
    return url.removeprefix(BASE)


def page_of(door: Door, ref: str = HIM) -> str:
    answer = door.post("/v1/self", {"ref": ref}, key="SHOP_KEY")
    assert answer.status_code == 201, answer.text
    return path_of(answer.json()["page"])


def look(door: Door, path: str) -> str:
    answer = door.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def choices(text: str, value: str) -> dict[tuple[str, str, str], tuple[str, bool]]:
    """(channel, point in part, purpose) -> (field, is it checked) of one column of the page."""
    row = re.compile(rf'name="(say-\w+)" value="{value}" aria-label="{value}, (\w+) (.*?) ([A-Z].*?)"( checked)?')
    return {(m[2], m[3].strip(), m[4]): (m[1], bool(m[5])) for m in row.finditer(text)}


def mail_marketing(text: str) -> tuple[str, bool, bool]:
    """Field, is yes checked, is no checked."""
    [(field, yes)] = [v for k, v in choices(text, "yes").items() if k[0] == "email" and k[2].startswith("Offers")]
    [(_, no)] = [v for k, v in choices(text, "no").items() if k[0] == "email" and k[2].startswith("Offers")]
    return field, yes, no


def send(door: Door, path: str, form: Json) -> Response:
    """As a browser without cookies does it."""
    door.client.cookies.clear()
    return door.client.post(path, data=form, follow_redirects=False)


def ask(door: Door, **changes: Any) -> tuple[bool, list[str]]:
    [answer] = door.post("/v1/permissions", {"ask": [WISH | changes]}).json()
    return answer["allowed"], [one["code"] for one in answer["because"]]


def requested(door: Door) -> list[Json]:
    """What whoever sends was asked to send, the newest last."""
    with door.hub.store.transaction() as connection:
        rows = connection.execute(select(t.event_outbox.c.events).order_by(t.event_outbox.c.id)).scalars()
        return [one[4] for row in rows for one in row if one[1] == "confirmation.requested"]


def count(door: Door, table: Any) -> int:
    with door.hub.store.transaction() as connection:
        return len(list(connection.execute(select(table))))


def test_one_click_stops_the_messages_and_a_look_stops_nothing(door: Door) -> None:
    door.push("crm", "Contact", contact())
    assert door.post("/v1/acts", GRANT).status_code == 201
    offered = door.post("/v1/contacts", WISH | {"content": "x"}).json()
    link = offered["unsubscribe"]
    assert offered["headers"] == {
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    acts = count(door, t.act)
    assert "Stop these messages" in look(door, path_of(link))
    assert door.client.head(path_of(link)).status_code == 405
    assert send(door, path_of(link), {}).status_code == 400
    assert ask(door)[0]
    assert count(door, t.act) == acts
    urlencoded = send(door, path_of(link), ONE_CLICK)
    assert urlencoded.status_code == 200
    assert "Done" in urlencoded.text
    assert not ask(door)[0]
    assert count(door, t.act) == acts + 1


def test_a_mailbox_that_sends_multipart_and_sends_twice_is_understood_once(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    link = path_of(door.post("/v1/contacts", WISH | {"content": "x"}).json()["unsubscribe"])
    acts = count(door, t.act)
    for _ in range(2):
        answer = door.client.post(link, files={"List-Unsubscribe": (None, "One-Click")})
        assert answer.status_code == 200
    assert count(door, t.act) == acts + 1
    assert ask(door)[1][0] == "prohibited"
    assert ask(door, purpose="service")[0]


@pytest.mark.parametrize("kind", ["self", "unsubscribe", "confirm"])
def test_a_link_that_was_changed_or_made_for_something_else_opens_nothing(door: Door, kind: str) -> None:
    door.push("crm", "Contact", contact())
    token = page_of(door).rpartition("/")[2]
    last = "A" if token[5] != "A" else "B"
    for bad in (token[:5] + last + token[6:], token[:-9], "x", "%00", "é", token * 30):
        assert door.client.get(f"/v1/{kind}/{bad}").status_code == 409
        assert door.client.post(f"/v1/{kind}/{bad}", data=ONE_CLICK).status_code == 409
    if kind != "self":
        assert door.client.get(f"/v1/{kind}/{token}").status_code == 409


def test_the_page_shows_points_in_part_only_and_may_not_be_kept_or_framed(door: Door) -> None:
    door.push("crm", "Contact", contact())
    answer = door.client.get(page_of(door))
    assert "w•••@example.com" in answer.text
    assert MAIL.removeprefix("email:") not in answer.text
    assert PHONE.removeprefix("phone:") not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_pages_speak_the_customers_language_and_else_the_browsers(door: Door) -> None:
    door.push("crm", "Contact", contact(Language__c=None))
    door.post("/v1/acts", GRANT)
    page, french = page_of(door), {"Accept-Language": "fr-FR"}
    assert "Vos souhaits" in door.client.get(page, headers=french).text
    send(door, page, {"language": "de"})
    door.take_in()
    told = door.client.get(page, headers=french).text
    for text in ('lang="de"', "Ihre Wünsche", "Angebote und Preise", "einmal im Monat"):
        assert text in told
    stop = path_of(door.post("/v1/contacts", WISH | {"content": "x"}).json()["unsubscribe"])
    assert "Diese Nachrichten abbestellen" in look(door, stop)
    assert "Erledigt" in send(door, stop, ONE_CLICK).text


def test_a_name_with_markup_in_it_stays_text(door: Door) -> None:
    door.push("crm", "Contact", contact(FirstName='"><script>alert(1)</script>'))
    assert "<script" not in look(door, page_of(door))


def test_a_no_counts_at_once_and_what_stands_is_not_said_again(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    page = page_of(door)
    field, yes, no = mail_marketing(look(door, page))
    assert (yes, no) == (True, False)
    acts = count(door, t.act)
    for expected in (1, 1):
        assert send(door, page, {field: "no"}).status_code == 303
        assert count(door, t.act) == acts + expected
    assert mail_marketing(look(door, page)) == (field, False, True)
    assert ask(door)[1][0] == "prohibited"


def test_a_yes_counts_once_the_point_itself_has_confirmed_it(door: Door) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)
    field, *_ = mail_marketing(look(door, page))
    assert send(door, page, {field: "no"}).status_code == 303
    assert send(door, page, {field: "yes"}).status_code == 303
    assert not ask(door)[0]
    assert "waits for your confirmation" in look(door, page)
    [told] = requested(door)
    assert (told["point"], told["channel"], told["purpose"]) == (MAIL, "email", "marketing")
    link = path_of(told["link"])
    assert "Yes, confirm" in look(door, link)
    assert not ask(door)[0]
    for _ in range(2):
        assert "confirmed" in send(door, link, {}).text
    assert ask(door) == (True, ["granted"])
    assert ask(door, point=PHONE, channel="sms")[0] is False
    with door.hub.store.transaction() as connection:
        [grant] = connection.execute(select(t.act).where(t.act.c.kind == "grant"))
    assert grant.evidence["confirmed"] is True
    assert grant.evidence["collection_method"] == "double opt-in"


def test_a_page_floods_nobody(door: Door) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)
    for at in range(5):
        answer = send(door, page, {"email": "victim@example.com"})
        assert answer.status_code == (303 if at < 3 else 409)
    assert len(requested(door)) == 3


def test_a_no_counts_although_something_else_on_the_page_was_asked_too_often(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    page = page_of(door)
    field, *_ = mail_marketing(look(door, page))
    for _ in range(3):
        send(door, page, {"email": "victim@example.com"})
    assert ask(door)[0]
    answer = send(door, page, {field: "no", "email": "victim@example.com"})
    assert (answer.status_code, "all else that was said is kept" in answer.text) == (409, True)
    assert not ask(door)[0]


def test_what_was_said_while_the_bus_was_away_comes_in_when_it_is_said_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)

    def away(_envelopes: object) -> None:
        raise TransientError("bus: away")

    with monkeypatch.context() as patch:
        patch.setattr(type(door.hub.bus), "publish_records", lambda _self, envelopes: away(envelopes))
        assert send(door, page, {"given_name": "Willy"}).status_code == 503
    door.take_in()
    assert door.customer(HIM)["golden"]["name"]["given"] != "Willy"
    assert send(door, page, {"given_name": "Willy"}).status_code == 303
    door.take_in()
    assert door.customer(HIM)["golden"]["name"]["given"] == "Willy"


def test_a_no_at_one_point_leaves_the_yes_at_the_other(door: Door) -> None:
    door.push("crm", "Contact", contact())
    other = "email:bill@example.net"
    door.push("erp", "customers", debtor(email="bill@example.net"))
    debtor_ref = "rec:erp:customers:K10001"
    assert door.customer(HIM)["id"] == door.customer(debtor_ref)["id"]
    door.post("/v1/acts", GRANT)
    door.post("/v1/acts", GRANT | {"record": debtor_ref, "point": other})
    page = page_of(door)
    at = {k[1]: v[0] for k, v in choices(look(door, page), "no").items() if k[0] == "email" and k[2].startswith("Of")}
    assert send(door, page, {at["w•••@example.com"]: "no", at["b•••@example.net"]: "yes"}).status_code == 303
    assert ask(door)[0] is False
    assert ask(door, point=other)[0]


def test_wishes_narrow_what_is_sent_and_can_be_taken_back(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    page = page_of(door)
    send(door, page, {"channel": "sms", "frequency": "month", "hours": "", "topic": ["offers"]})
    assert ask(door)[1] == ["granted", "preferred_channel"]
    assert ask(door, topic="events")[1] == ["granted", "preferred_channel", "topic"]
    text = look(door, page)
    assert '<option value="sms" selected>sms</option>' in text
    assert '<option value="month" selected>' in text
    send(door, page, {"channel": "", "frequency": "month", "hours": "", "topic": ["offers", "news", "events"]})
    assert ask(door, topic="events") == (True, ["granted"])
    token = door.post("/v1/contacts", WISH | {"content": "x"}).json()["token"]
    redeemed = {"token": token, "point": MAIL, "purpose": "marketing", "content": "x"}
    assert door.post("/v1/contacts/redeem", redeemed).json()["committed"]
    assert ask(door)[1] == ["granted", "cap"]
    send(door, page, {"channel": "", "frequency": "", "hours": "", "topic": ["offers", "news", "events"]})
    assert ask(door) == (True, ["granted"])


def test_nothing_at_all_is_an_objection(door: Door) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)
    assert ask(door, channel="phone", point=PHONE, direction="inbound")[0]
    send(door, page, {"nothing": "yes"})
    assert ask(door, channel="phone", point=PHONE, direction="inbound")[1] == ["prohibited"]
    assert "no offers at all" in look(door, page)


def test_a_name_is_a_record_of_the_customer_itself_and_wins(door: Door) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)
    assert send(door, page, {"given_name": "Willem", "family_name": "Marshall"}).status_code == 303
    door.take_in()
    customer = door.customer(HIM)
    assert customer["golden"]["name"]["given"] == "Willem"
    assert {one["ref"]["system"] for one in customer["records"]} == {"crm", "self"}
    assert send(door, page, {"given_name": "Willem"}).headers["location"].endswith("saved=no&asked=0")


def test_a_new_address_is_confirmed_before_use_and_what_bounced_is_free_again(door: Door) -> None:
    door.push("crm", "Contact", contact())
    new = "email:new@example.org"
    bounce = {"kind": "prohibition", "channel": "email", "purpose": "any", "reason": "hard_bounce", "point": new}
    bounce["time"] = "2026-01-02T00:00:00Z"
    assert door.post("/v1/acts", bounce, key="SHOP_KEY").status_code == 201
    page = page_of(door)
    assert send(door, page, {"email": "New@example.org"}).status_code == 303
    door.take_in()
    assert "new@example.org" not in str(door.customer(HIM))
    assert "n•••@example.org" in look(door, page)
    [told] = requested(door)
    assert (told["kind"], told["point"]) == ("point", new)
    send(door, path_of(told["link"]), {})
    door.take_in()
    assert "new@example.org" in str(door.customer(HIM)["golden"])
    assert ask(door, point=new, purpose="service")[0]


def test_what_cannot_be_kept_is_refused_whole(door: Door) -> None:
    door.push("crm", "Contact", contact())
    page = page_of(door)
    field, *_ = mail_marketing(look(door, page))
    before = count(door, t.act)
    for bad in ({"language": "english!"}, {"given_name": "x" * 300}, {"email": "nonsense"}, {"phone": "12"}):
        assert send(door, page, {field: "no"} | bad).status_code in (409, 422)
    assert send(door, page, {"given_name": "a\0b"}).status_code == 422
    assert door.client.post(page, content=b"x" * 70_000).status_code == 413
    assert count(door, t.act) == before


def test_the_receipt_is_signed_and_says_what_was_said(door: Door) -> None:
    door.push("crm", "Contact", contact())
    door.post("/v1/acts", GRANT)
    page = page_of(door)
    signed = door.client.get(f"{page}/receipt").text
    [key] = door.get("/v1/self/key").json()["keys"]
    document = opened(signed, key)
    assert document["receipt_metadata"]["schema_version"] == "ISO/IEC TS 27560:2023"
    [record] = document["consent_records"]
    assert record["consent_events"][0]["event_state"] == "given"
    assert MAIL.removeprefix("email:") not in str(document)
    head, body, signature = signed.split(".")
    with pytest.raises(InvalidSignature):
        opened(f"{head}.{body[:-4]}AAAA.{signature}", key)


def test_links_are_made_for_systems_and_operators_alone(door: Door) -> None:
    door.push("crm", "Contact", contact(), stranger())
    assert door.client.post("/v1/self", json={"ref": HIM}).status_code == 401
    assert door.post("/v1/self", {"ref": "email:nobody@example.com"}).status_code == 404
    assert door.client.get("/v1/self/key", headers=bearer("SHOP_KEY")).status_code == 200


def test_a_role_lifts_what_needs_it_with_a_reason(door: Door) -> None:
    door.push("crm", "Contact", contact())
    stop = {"kind": "prohibition", "channel": "any", "purpose": "any", "reason": "restricted", "record": HIM}
    act = door.post("/v1/acts", stop).json()["act"]
    assert not ask(door, purpose="service")[0]
    lift = {"kind": "lift", "channel": "any", "purpose": "any", "reason": "role", "record": HIM, "lifts": act}
    for key, evidence in (
        ("ANNA_KEY", {"role": "legal", "text": "settled"}),
        ("BEN_KEY", {"role": "legal"}),
        ("BEN_KEY", {"role": "suppression", "text": "settled"}),
        ("SHOP_KEY", {"role": "legal", "text": "settled"}),
    ):
        assert door.post("/v1/acts", lift | {"evidence": evidence}, key=key).status_code in (403, 409)
    assert not ask(door, purpose="service")[0]
    legal = lift | {"evidence": {"role": "legal", "text": "settled"}}
    assert door.post("/v1/acts", legal, key="BEN_KEY").status_code == 201
    assert ask(door, purpose="service")[0]
