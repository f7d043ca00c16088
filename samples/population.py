"""The population: some people, everything the sample systems know about them, and the truth of who is who.

`generate(people, seed)` gives a `Population`: the same one for the same arguments, on any machine. It is the easy one:
any two person records of one person share two sound identifiers (`samples.people.sightings`). About 1.95 person records
and 0.3 orders, cases, calls and do-not-call entries a person. ERP addresses belong to their customer, uncounted.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from samples.callcentre.shape import call, do_not_call
from samples.crm.shape import case, contact
from samples.erp import shape as erp
from samples.people.calendar import Calendar
from samples.people.households import Person, households
from samples.people.sightings import Sighting, Witness
from samples.shop import shape as shop

Record = dict[str, Any]
SourceKey = tuple[str, str, str]

KEY_FIELDS: dict[tuple[str, str], str] = {
    ("crm", "Contact"): "Id",
    ("crm", "Case"): "Id",
    ("erp", "customers"): "customer_no",
    ("erp", "orders"): "order_no",
    ("shop", "customers"): "id",
    ("shop", "orders"): "id",
    ("callcentre", "call"): "call_id",
    ("callcentre", "do_not_call"): "entry_id",
}
PERSON_STREAMS = (("crm", "Contact"), ("erp", "customers"), ("shop", "customers"))
MEMBERSHIP = {"crm": 0.6, "erp": 0.58, "shop": 0.55}
TWICE_IN_ONE_SYSTEM = 0.045
STRANGERS_NUMBER = "+447401000000"
CASES, ERP_ORDERS, SHOP_ORDERS, CALLS, DO_NOT_CALLS = 0.05, 0.055, 0.045, 0.15, 0.003


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """People, the records of each (system, stream) in key order, and whose record each one is.

    `truth` maps (system, stream, key as text) to a person's number. Calls from withheld numbers and do-not-call entries
    of people whom no system knows are nobody's and have no entry.
    """

    people: tuple[Person, ...]
    records: dict[tuple[str, str], list[Record]]
    erp_addresses: list[Record]
    truth: dict[SourceKey, int]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """A population in the making."""

    chance: random.Random
    calendar: Calendar
    records: dict[tuple[str, str], list[Record]]
    truth: dict[SourceKey, int]

    def add(self, system: str, stream: str, record: Record, person: int | None) -> None:
        self.records[system, stream].append(record)
        if person is not None:
            self.truth[system, stream, str(record[KEY_FIELDS[system, stream]])] = person


def generate(people: int = 2000, seed: int = 1) -> Population:
    """Make a population of `people` (at least 1) persons. Equal arguments give equal populations."""
    chance = random.Random(seed)  # not a secret: it must give the same people every time
    persons = tuple(households(chance, people))
    draft = _Draft(chance=chance, calendar=Calendar(chance), records={pair: [] for pair in KEY_FIELDS}, truth={})
    seen = _sightings(persons, chance)
    for serial, sighting in enumerate(seen["crm"], 1):
        draft.add("crm", "Contact", contact(serial, sighting, draft.calendar, chance), sighting.person)
    addresses: list[Record] = []
    for serial, sighting in enumerate(seen["erp"], 1):
        row = erp.customer(serial, sighting, draft.calendar, chance)
        draft.add("erp", "customers", row, sighting.person)
        addresses += erp.addresses(serial, len(addresses) + 1, sighting, row, chance)
    for serial, sighting in enumerate(seen["shop"], 1):
        draft.add("shop", "customers", shop.customer(serial, sighting, draft.calendar, chance), sighting.person)
    _dealings(draft, people)
    _telephony(draft, people, [sighting for sightings in seen.values() for sighting in sightings])
    return Population(people=persons, records=draft.records, erp_addresses=addresses, truth=draft.truth)


def _sightings(persons: Sequence[Person], chance: random.Random) -> dict[str, list[Sighting]]:
    """Who is known where, in no order: keys must not tell who belongs together."""
    witness = Witness(chance)
    seen: dict[str, list[Sighting]] = {system: [] for system in MEMBERSHIP}
    for person in persons:
        known: list[str] = []
        while not known:
            known = [system for system, probability in MEMBERSHIP.items() if chance.random() < probability]
        for system in known:
            times = 2 if chance.random() < TWICE_IN_ONE_SYSTEM else 1
            seen[system] += [witness.sight(person) for _ in range(times)]
    for sightings in seen.values():
        chance.shuffle(sightings)
    return seen


def _dealings(draft: _Draft, people: int) -> None:
    """Cases and orders of those who are customers there."""
    _each(draft, people * CASES, ("crm", "Contact"), ("crm", "Case"), case)
    _each(draft, people * ERP_ORDERS, ("erp", "customers"), ("erp", "orders"), erp.order)
    _each(draft, people * SHOP_ORDERS, ("shop", "customers"), ("shop", "orders"), shop.order)


def _each(
    draft: _Draft,
    number: float,
    owner_stream: tuple[str, str],
    stream: tuple[str, str],
    make: Callable[[int, Record, Calendar, random.Random], Record],
) -> None:
    owners = draft.records[owner_stream]
    for serial in range(1, round(number) + 1 if owners else 0):
        owner = draft.chance.choice(owners)
        person = draft.truth[(*owner_stream, str(owner[KEY_FIELDS[owner_stream]]))]
        draft.add(*stream, make(serial, owner, draft.calendar, draft.chance), person)


def _telephony(draft: _Draft, people: int, sightings: Sequence[Sighting]) -> None:
    """Calls from numbers that some system knows, a few from withheld ones; do-not-call requests, one by a stranger."""
    callers = [(sighting.mobile or sighting.landline, sighting.person) for sighting in sightings]
    known = [(number, person) for number, person in callers if number]
    for serial in range(1, round(people * CALLS) + 1 if known else 0):
        number, person = draft.chance.choice(known)
        withheld = draft.chance.random() < 0.05
        record = call(serial, "" if withheld else number, draft.calendar, draft.chance)
        draft.add("callcentre", "call", record, None if withheld else person)
    wishes: list[tuple[str, str, int | None]] = [("phone", STRANGERS_NUMBER, None)]
    wishes += [("phone", *draft.chance.choice(known)) for _ in range(round(people * DO_NOT_CALLS)) if known]
    mailboxes = [(sighting.email, sighting.person) for sighting in sightings if sighting.email]
    wishes += [("email", *draft.chance.choice(mailboxes))] if mailboxes else []
    for serial, (channel, point, whose) in enumerate(wishes, 1):
        draft.add("callcentre", "do_not_call", do_not_call(serial, channel, point, draft.calendar, draft.chance), whose)
