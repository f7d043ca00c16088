"""Order does not matter: the same messages in any order and any batches bring the hub to the same rest."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from onevoice.messages import Envelope
from onevoice.store.tables import customer, obligation, source_record
from tests.workers.walk import Walk, at_rest, crm, do_not_call, envelope, erp, shop

HOME = "0161 496 0123"
MOBILE = "+447400123456"
ORDERS = 20


def story() -> list[Envelope]:
    """Four households in three systems, with corrections, deletes, re-readings, opt-outs and what is about them."""
    told: list[Envelope] = []
    for number, (given, family, born) in enumerate(
        [
            ("Ann", "Lee", "1980-02-03"),
            ("Bob", "Lee", "1978-05-06"),
            ("Carol", "Marsh", "1990-10-11"),
            ("Dave", "Odell", "1985-12-24"),
        ]
    ):
        mail, key = f"{given.lower()}@example.com", f"00{number}A"
        person = {"FirstName": given, "LastName": family, "Birthdate": born, "Id": key}
        told += [
            crm(1, **person, Email=mail, Phone=HOME if family == "Lee" else None),
            crm(3 + number, **person, Email=mail, MobilePhone=f"+44740012345{number}", DoNotCall=number == 1),
            crm(9, **person, Email=f"new.{mail}", DoNotCall=number == 2, Phone=HOME),
            erp(2, customer_no=f"K{number}", first_name=given.upper(), last_name=family.upper(), birth_date=born,
                email=mail if number % 2 else None, phone=HOME if family == "Lee" else None),
            erp(6, customer_no=f"K{number}", first_name=given.upper(), last_name=family.upper(), birth_date=born,
                email=mail, mobile=f"0740012345{number}", email_opt_out=number == 3),
            shop(4, id=number, first_name=given, last_name=family, birth_date=None, email=mail, phone=None),
            shop(5, id=number, first_name=given[:3], last_name=family, birth_date=None, email=mail,
                 phone=f"+44740012345{number}", accepts_email_marketing=bool(number % 2)),
            shop(5, reading=1, id=number, first_name=given, last_name=family, birth_date=born, email=mail,
                 phone=f"+44740012345{number}", accepts_email_marketing=None),
            envelope("shop", "orders", 7, id=900 + number, customer_id=number),
            envelope("crm", "Case", 8, Id=f"500{number}", ContactId=key),
        ]  # fmt: skip
    told += [
        crm(4, Id="00EA", FirstName="Eve", LastName="Lee", Birthdate="2001-01-01", Email=None, Phone=HOME),
        crm(10, Id="00EA", FirstName="Eve", LastName="Lee", Birthdate="2001-01-01", Email="eve@example.com"),
        envelope("crm", "Contact", 11, deleted="00EA"),
        erp(3, customer_no="K7", first_name="EVE", last_name="LEE", birth_date="2001-01-01", phone=HOME),
        envelope("erp", "customers", 5, deleted="K7"),
        erp(8, customer_no="K7", first_name="EVE", last_name="LEE", birth_date="2001-01-01", email="eve@example.com"),
        envelope("shop", "customers", 12, deleted="3"),
        shop(2, id=8, first_name="Bob", last_name="Lee", birth_date="1978-05-06", email="bob@example.com", phone=None),
        shop(9, id=8, first_name="Rob", last_name="Leigh", birth_date=None, email="leigh@example.org", phone=MOBILE),
        shop(3, id=9, first_name="Ann", last_name="Lee", birth_date=None, email="family@example.com", phone=MOBILE),
        shop(4, id=10, first_name="Ann", last_name="Lee", birth_date=None, email="family@example.com", phone=None),
        # Two records of one woman are hers alone until a relative turns up on the number, and again when he leaves it.
        crm(2, Id="00GA", FirstName="Gail", LastName="Hunt", Birthdate=None, Phone="0161 496 0777"),
        erp(2, customer_no="K20", first_name="GAIL", last_name="HUNT", birth_date=None, phone="0161 496 0777"),
        shop(
            2,
            id=20,
            first_name="Hugh",
            last_name="Hunt",
            birth_date=None,
            email="hugh@example.com",
            phone="+441614960777",
        ),
        crm(2, Id="00JA", FirstName="Jill", LastName="Kerr", Birthdate=None, Phone="0161 496 0888"),
        erp(2, customer_no="K21", first_name="JILL", last_name="KERR", birth_date=None, phone="0161 496 0888"),
        shop(
            2,
            id=21,
            first_name="Karl",
            last_name="Kerr",
            birth_date=None,
            email="karl@example.com",
            phone="+441614960888",
        ),
        shop(3, id=21, first_name="Karl", last_name="Kerr", birth_date=None, email="karl@example.com", phone=None),
        do_not_call(2, entry_id="D1", point="+447400123452"),
        do_not_call(6, entry_id="D2", point=MOBILE),
        do_not_call(7, entry_id="D3", point="eve@example.com", channel="email"),
        envelope("callcentre", "call", 3, number="+447400123451"),
    ]
    return told


@pytest.mark.parametrize("batch", [1, 7, None])
def test_any_order_comes_to_the_same_rest(new_walk: Callable[[], Walk], batch: int | None) -> None:
    reference = new_walk()
    reference.take(*story(), batch=1)
    expected = at_rest(reference)
    assert len(expected["records"]) >= 25
    assert any(len(found) > 2 for found in expected["groups"])
    # Not all orders in each size of batch: one is slow enough.
    for seed in range(ORDERS // 2 if batch == 1 else ORDERS):
        shuffled = story()
        random.Random(seed).shuffle(shuffled)
        walk = new_walk()
        walk.take(*shuffled, batch=batch)
        found = at_rest(walk)
        for part, value in expected.items():
            assert found[part] == value, f"{part} differs in order {seed}"


def test_what_is_owed_at_rest_was_asked_for_whatever_the_order(new_walk: Callable[[], Walk]) -> None:
    for seed in range(5):
        shuffled = story()
        random.Random(seed).shuffle(shuffled)
        walk = new_walk()
        walk.take(*shuffled, batch=7)
        due = {(r.system, r.lane, r.stream, r.target) for r in walk.rows(obligation, state="due")}
        assert {(w.system, w.lane.value, w.stream, w.target) for w in walk.owed()} <= due


@pytest.mark.parametrize("again", [{"DoNotCall": True}, {}])
def test_a_record_of_the_batch_moves_along_although_its_own_identity_did_not_change(
    new_walk: Callable[[], Walk], again: dict[str, bool]
) -> None:
    walk = new_walk()
    walk.take(shop(1, email="ann@example.com", phone=None))
    walk.take(crm(1, Email=None, MobilePhone=MOBILE, Birthdate=None))
    assert walk.record("shop", "1").customer_id != walk.record("crm", "003A").customer_id
    told = crm(2, Email=None, MobilePhone=MOBILE, Birthdate=None, **again)
    walk.take(told, erp(1, email="ann@example.com", mobile=MOBILE))
    assert {row.customer_id for row in walk.rows(source_record)} == {walk.record("shop", "1").id}
    assert len(walk.rows(customer)) == 1
