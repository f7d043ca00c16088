"""The walk with a real Tryton as the ERP: everything is read, what others say reaches it, and nothing echoes.

Each test takes a person of its own, and what it changes it lets come to rest.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from onevoice.store.tables import quarantine
from onevoice.testing.evaluate import evaluate
from tests.systems.walk import NO_PHONE, Ref, Walk, wait_until

pytestmark = pytest.mark.timeout(300)


F1_AT_LEAST = 0.95
"""Tryton's parties have no birth date, so that a pair of records may share one sound identifier less than elsewhere."""

_taken: set[int] = set()


def pick(walk: Walk, wanted: Callable[[int, dict[str, str]], bool] = lambda _person, _keys: True) -> dict[str, str]:
    """A person whom ERP, CRM and shop know once each and the hub as one customer, not used before: system -> key."""
    truth = walk.truth()
    owners = walk.customer_ids()
    for person in sorted(set(truth.values()) - _taken):
        refs = [ref for ref, owner in truth.items() if owner == person]
        keys = {system: key for system, _, key in refs}
        together = len({owners[ref] for ref in refs}) == 1 and walk.group(refs[0]) == set(refs)
        if len(refs) == 3 and keys.keys() == {"erp", "crm", "shop"} and together and wanted(person, keys):
            _taken.add(person)
            return keys
    raise AssertionError("nobody in the population fits")


def mechanism(walk: Walk, key: str, kind: str) -> str | None:
    """The first contact mechanism of a kind that Tryton shows for a party."""
    party = walk.erp.party(key)
    return party["mechanisms"].get(kind, [None])[0] if party else None


def street(walk: Walk, key: str) -> str | None:
    """The street of the first address that Tryton shows for a party."""
    party = walk.erp.party(key)
    return party["addresses"][0]["street"] if party and party["addresses"] else None


def suppressed(walk: Walk, key: str) -> bool:
    party = walk.erp.party(key)
    return party is not None and NO_PHONE in party["categories"]


def with_email(walk: Walk) -> Callable[[int, dict[str, str]], bool]:
    return lambda _person, keys: mechanism(walk, keys["erp"], "email") is not None


def erp(keys: dict[str, str]) -> Ref:
    return ("erp", "party", keys["erp"])


def test_all_records_are_in_the_master(walk: Walk) -> None:
    expected = {pair: len(rows) for pair, rows in walk.population.records.items() if pair[0] != "erp"}
    expected["erp", "party"] = len(walk.parties) + 1  # the company itself
    assert walk.counts() == expected
    with walk.hub.store.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(quarantine)).scalar_one() == 0
    truth = walk.truth()
    quality = evaluate({ref: owner for ref, owner in walk.customer_ids().items() if ref in truth}, truth)
    assert quality.f1 >= F1_AT_LEAST
    assert quality.precision >= 0.99
    assert walk.owed() == []


def test_an_email_corrected_in_the_shop_reaches_tryton(walk: Walk) -> None:
    keys = pick(walk, with_email(walk))
    walk.storefront(keys["shop"], email="corrected.in.the.shop@example.org")
    walk.sync(("shop", "customers"))
    assert mechanism(walk, keys["erp"], "email") == "corrected.in.the.shop@example.org"
    contact = walk.company.stores.crm_contact(keys["crm"])
    assert contact is not None
    assert contact["Email"] == "corrected.in.the.shop@example.org"
    assert walk.owed() == []


def test_an_email_is_added_where_tryton_has_none(walk: Walk) -> None:
    keys = pick(walk, with_email(walk))
    walk.erp.call("party.contact_mechanism.write", [walk.erp.mechanism(keys["erp"], "email")], {"active": False})
    walk.converge()
    walk.storefront(keys["shop"], email="new.to.tryton@example.org")
    walk.sync(("shop", "customers"))
    assert mechanism(walk, keys["erp"], "email") == "new.to.tryton@example.org"


def test_an_opt_out_told_to_the_call_centre_reaches_tryton(walk: Walk) -> None:
    keys = pick(
        walk, lambda _person, keys: bool(mechanism(walk, keys["erp"], "mobile")) and not suppressed(walk, keys["erp"])
    )
    number = mechanism(walk, keys["erp"], "mobile")
    walk.do_not_call(str(number))
    wait_until(lambda: suppressed(walk, keys["erp"]), lambda: f"Tryton was not told; owed: {walk.owed()}")
    walk.settle()
    contact, account = walk.company.stores.crm_contact(keys["crm"]), walk.company.stores.shop_customer(keys["shop"])
    assert contact is not None
    assert account is not None
    assert contact["DoNotCall"] is True
    assert account["accepts_phone_marketing"] is False


def test_a_category_given_in_tryton_is_an_opt_out_everywhere(walk: Walk) -> None:
    def open_to_calls(_person: int, keys: dict[str, str]) -> bool:
        account = walk.company.stores.shop_customer(keys["shop"])
        return not suppressed(walk, keys["erp"]) and account is not None and account["accepts_phone_marketing"] is None

    keys = pick(walk, open_to_calls)
    (category,) = walk.erp.call("party.category.search", [["name", "=", NO_PHONE]], 0, None, None)
    walk.erp.call("party.party.write", [int(keys["erp"])], {"categories": [["add", [category]]]})
    walk.sync(("erp", "party"))
    contact, account = walk.company.stores.crm_contact(keys["crm"]), walk.company.stores.shop_customer(keys["shop"])
    assert contact is not None
    assert account is not None
    assert contact["DoNotCall"] is True
    assert account["accepts_phone_marketing"] is False


def test_a_stale_write_is_refused_by_tryton_and_redone_on_fresh_data(walk: Walk) -> None:
    keys = pick(walk, lambda person, keys: with_email(walk)(person, keys) and bool(street(walk, keys["erp"])))
    party = int(keys["erp"])
    place = walk.erp.call("party.party.read", [party], ["addresses"])[0]["addresses"][0]

    def somebody_is_faster() -> None:
        walk.erp.call("party.party.write", [party], {"addresses": [["write", [place], {"street": "9 Faster Road"}]]})

    walk.gate.before_write(keys["erp"], somebody_is_faster)
    walk.storefront(keys["shop"], email="survives.the.race@example.org")
    walk.sync(("shop", "customers"))
    assert walk.gate.verdicts(keys["erp"])[-2:] == ["ConcurrencyException", "ok"]
    assert mechanism(walk, keys["erp"], "email") == "survives.the.race@example.org"
    assert street(walk, keys["erp"]) == "9 Faster Road"
    assert walk.hub_payload(erp(keys))["address"]["street"] == "9 Faster Road"
    assert walk.owed() == []


def test_an_email_changed_by_itself_in_tryton_reaches_the_others(walk: Walk) -> None:
    keys = pick(walk, with_email(walk))
    before = walk.erp.party(keys["erp"])
    number = walk.erp.mechanism(keys["erp"], "email")
    walk.erp.call("party.contact_mechanism.write", [number], {"value": "from.tryton@example.org"})
    after = walk.erp.party(keys["erp"])
    assert before is not None
    assert after is not None
    assert after["write_date"] == before["write_date"], "the trap is gone: Tryton moves the party's date now"
    walk.sync(("erp", "party"))
    assert walk.golden(erp(keys))["emails"][0]["address"] == "from.tryton@example.org"
    contact, account = walk.company.stores.crm_contact(keys["crm"]), walk.company.stores.shop_customer(keys["shop"])
    assert contact is not None
    assert account is not None
    assert (contact["Email"], account["email"]) == ("from.tryton@example.org", "from.tryton@example.org")


def test_a_party_deleted_in_tryton_is_found_and_deleted_nowhere_else(walk: Walk) -> None:
    keys = pick(walk)
    gone = erp(keys)
    others = walk.group(gone) - {gone}
    walk.erp.call("party.party.delete", [int(keys["erp"])])
    walk.sync(("erp", "party"))
    assert not walk.is_deleted(gone), "a poll cannot see what is absent"
    report = walk.hub.sync.reconcile("erp", "party")
    walk.settle()
    assert report.deleted == 1
    assert walk.is_deleted(gone)
    assert not any(walk.is_deleted(ref) for ref in others)
    assert walk.company.stores.crm_contact(keys["crm"]) is not None
    assert walk.company.stores.shop_customer(keys["shop"]) is not None
    assert walk.hub.sync.reconcile("erp", "party").deleted == 0


def test_once_at_rest_nothing_echoes(walk: Walk) -> None:
    walk.converge()
    written = len(walk.gate.writes)
    for _ in range(2):
        assert {pair: report.published for pair, report in walk.sync().items() if report.published} == {}
        assert walk.owed() == []
    assert len(walk.gate.writes) == written
