"""Registers of who must not be called: loaded in bulk, obeyed by the gate, told to systems, lifted by a newer load."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from onevoice.consent import Gate
from onevoice.consent.rules import Register
from onevoice.errors import RecordError, RefusedError
from onevoice.messages import Lane
from onevoice.store import tables as t
from onevoice.workers.contacts import Contacts, Wish
from onevoice.workers.registers import Registers
from tests.workers.walk import Walk, crm

MINE, FREE = "+447400123456", "+447400999888"
MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def registers(walk: Walk, form: str = "plain") -> Registers:
    """The registers of a hub, tps in a form."""
    rules = walk.gate.rules
    tps = Register(title="TPS", form=form, own_grant=True)  # type: ignore[arg-type]
    britain = rules.countries["GB"].model_copy(update={"registers": {"tps": tps}})
    declared = rules.model_copy(update={"countries": {**rules.countries, "GB": britain}})
    return Registers(store=walk.store, gate=Gate(declared), ingest=walk.ingest)


def load(walk: Walk, *numbers: str, as_of: datetime = MAY, form: str = "plain", **more: Any) -> Any:
    return registers(walk, form).load("tps", numbers, as_of=as_of, **({"complete": True} | more))


def codes(walk: Walk, number: str = MINE, channel: str = "phone", purpose: str = "marketing") -> list[str]:
    wish = Wish(reference=f"phone:{number}", channel=channel, purpose=purpose)
    return [one.code for one in Contacts(store=walk.store, gate=walk.gate).ask(wish).because]


def hashed(number: str, form: str) -> str:
    return hashlib.new(form, number.encode()).hexdigest()


@pytest.mark.parametrize("form", ["plain", "md5", "sha1", "sha256"])
def test_a_listed_number_gets_no_marketing_call_in_whatever_form_it_is_listed(walk: Walk, form: str) -> None:
    assert "prohibited" not in codes(walk)
    given = MINE if form == "plain" else hashed(MINE, form).upper()
    assert load(walk, given, form=form).entries == 1
    assert codes(walk)[0] == "prohibited"
    assert "prohibited" not in codes(walk, FREE)
    assert "prohibited" not in codes(walk, channel="sms")
    assert codes(walk, purpose="service") == ["no_consent_needed"]


def test_plain_numbers_are_read_as_the_country_writes_them(walk: Walk) -> None:
    load(walk, "07400 123456,listed 2019", "", '"+44 7400 999888"')
    assert codes(walk)[0] == codes(walk, FREE)[0] == "prohibited"


def test_only_a_newer_complete_load_frees_a_number(walk: Walk) -> None:
    load(walk, MINE, FREE)
    with pytest.raises(RefusedError, match="no newer"):
        load(walk, FREE, may_shrink=True)
    load(walk, FREE, as_of=JUNE, complete=False)
    assert codes(walk)[0] == "prohibited"
    with pytest.raises(RefusedError, match="may-shrink"):
        load(walk, FREE, as_of=datetime(2026, 7, 1, tzinfo=UTC))
    assert codes(walk)[0] == "prohibited"
    load(walk, FREE, as_of=datetime(2026, 7, 1, tzinfo=UTC), may_shrink=True)
    assert "prohibited" not in codes(walk)
    assert codes(walk, FREE)[0] == "prohibited"
    assert {row.number for row in walk.rows(t.register_entry)} == {walk.rows(t.register_load)[0].number}


def test_a_broken_file_frees_nobody_and_names_lines_not_numbers(walk: Walk) -> None:
    load(walk, MINE)
    with pytest.raises(RecordError, match="line 2") as told:
        load(walk, FREE, "not a number", as_of=JUNE)
    assert "not a number" not in str(told.value)
    assert codes(walk)[0] == "prohibited"
    assert "prohibited" not in codes(walk, FREE)
    with pytest.raises(RecordError):
        load(walk, MINE, as_of=JUNE, form="sha256")
    with pytest.raises(RefusedError, match="not in rules"):
        registers(walk).load("nobody", [], as_of=MAY, complete=True)
    with pytest.raises(RefusedError, match="whole"):
        registers(walk_without_loads(walk)).load("tps", [MINE], as_of=MAY, complete=False)


def walk_without_loads(walk: Walk) -> Walk:
    with walk.store.transaction() as connection:
        connection.execute(t.register_load.delete())
    return walk


def test_a_grant_to_us_outweighs_the_register_and_a_newer_load_does_not_end_that(walk: Walk) -> None:
    walk.take(crm(1, MobilePhone=MINE))
    load(walk, MINE)
    with walk.store.transaction() as connection:
        grant = {
            "id": uuid4(), "kind": "grant", "channel": "phone", "purpose": "marketing",
            "controller": "default", "reason": "grant", "time": datetime(2026, 5, 10, tzinfo=UTC),
            "recorded_at": MAY, "evidence": {"text": "signed"}, "anchor_system": "crm", "anchor_stream": "Contact",
            "anchor_key": "003A", "source_system": "crm", "source_stream": "Contact", "source_key": "003A",
        }  # fmt: skip
        connection.execute(t.act.insert().values(grant))
    assert "prohibited" not in codes(walk)
    load(walk, MINE, as_of=JUNE)
    assert "prohibited" not in codes(walk)


def test_systems_hear_of_the_customers_that_a_load_lists_and_frees(walk: Walk) -> None:
    walk.take(crm(1, MobilePhone=MINE))
    load(walk, MINE, FREE)
    assert {(work.system, work.lane) for work in walk.owed()} >= {("crm", Lane.SUPPRESSION)}
    walk.settle()
    assert ("phone", MINE) in walk.listed()
    assert ("phone", FREE) not in walk.listed()
    load(walk, FREE, as_of=JUNE, may_shrink=True)
    walk.settle()
    assert ("phone", MINE) not in walk.listed()
