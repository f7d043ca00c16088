"""Merge wrongly, write back, let somebody edit another field, read again, unmerge: all as before, plus the edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from onevoice.messages import Json
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest import accept
from tests.workers.walk import CRM, ERP, SHOP, Walk, at_rest

NUMBER = "+447400123456"


def begin(walk: Walk) -> Walk:
    """Ann in the CRM; Zoe in the ERP and in the shop, with a number, a language and an opt-out."""
    walk.arrive("crm", "Contact", walk.crm.put(CRM | {"Email": "ann@example.com"}))
    zoe = {"first_name": "Zoe", "last_name": "Hill", "birth_date": "1999-09-09", "email": "zoe@example.com"}
    walk.arrive("erp", "customers", walk.erp.put(ERP | zoe | {"last_name": "HILL"}))
    told = {"phone": NUMBER, "locale": "fr", "accepts_email_marketing": False}
    walk.arrive("shop", "customers", walk.shop.put(SHOP | zoe | told))
    walk.settle()
    assert customer(walk, "crm") != customer(walk, "shop") == customer(walk, "erp")
    return walk


def customer(walk: Walk, system: str) -> Any:
    key = {"crm": "003A", "erp": "K1", "shop": "1"}[system]
    return walk.record(system, key).customer_id


def edit(walk: Walk) -> None:
    """Somebody in the CRM gives her another town."""
    walk.arrive("crm", "Contact", walk.crm.change("003A", MailingCity="Leeds", MailingPostalCode="LS1 4AP"))


def outside(walk: Walk) -> dict[str, Json]:
    """What stands in the systems, without their own stamps of time; an empty field is as good as none."""
    stamps = {"crm": "SystemModstamp", "erp": "changed_at", "shop": "updated_at"}
    return {
        f"{system}/{key}": {name: value for name, value in data.items() if name != stamp and value is not None}
        for system, stamp in stamps.items()
        for key, data in getattr(walk, system).records.items()
    }


def inside(walk: Walk) -> Json:
    """What the hub says, without the versions that the systems gave their records while it wrote to them."""
    rest = dict(at_rest(walk))
    records = rest.pop("records")
    return rest | {"own": {name: (record[0], record[4]) for name, record in records.items()}}


@pytest.mark.parametrize("rereads", [0, 1, 3])
def test_a_wrong_merge_taken_back_leaves_only_the_edit_of_somebody_else(
    walk: Walk, new_walk: Callable[[], Walk], rereads: int
) -> None:
    play(walk, new_walk(), rereads)


def test_mutant_that_takes_an_echo_for_a_claim_is_caught(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept, "is_echo", lambda *_: False)
    with pytest.raises(AssertionError):
        play(new_walk(), new_walk(), 1)


def play(walk: Walk, never: Walk, rereads: int) -> None:
    begin(walk)
    before = outside(walk)
    judging = Judging(walk.store, walk.ingest)
    merged = judging.merge(customer(walk, "crm"), customer(walk, "shop"), actor="ann", reason="a slip")
    walk.settle()
    assert outside(walk) != before  # the systems were told
    assert walk.crm.records["003A"]["MobilePhone"] == NUMBER
    assert walk.crm.records["003A"]["HasOptedOutOfEmail"] is True
    edit(walk)
    for _ in range(rereads):
        for system, stream in (("crm", "Contact"), ("erp", "customers"), ("shop", "customers")):
            fake = getattr(walk, system)
            walk.arrive(system, stream, *[fake.record(stream, key) for key in fake.records])
        walk.settle()

    judging.retract(merged.judgements[0].id, actor="ann")
    walk.settle()

    begin(never)
    edit(never)
    never.settle()
    assert outside(walk) == outside(never)
    assert inside(walk) == inside(never)
    assert walk.owed() == set()
    edited = {"MailingCity": "Leeds", "MailingPostalCode": "LS1 4AP"}
    assert outside(walk) == before | {"crm/003A": before["crm/003A"] | edited}
