"""The population keeps its laws: it is the same every time, easy, and made of valid British data."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import phonenumbers
import pytest

from samples.people.nicknames import same_given_name
from samples.population import KEY_FIELDS, PERSON_STREAMS, Population, Record, generate

EXAMPLES = Path(__file__).parents[2] / "samples" / "examples"
SHORT_STREETS = {"st": "street", "rd": "road", "ave": "avenue", "ln": "lane", "dr": "drive"}


@pytest.fixture(scope="module")
def population() -> Population:
    return generate(2000, 1)


@dataclass(frozen=True)
class Card:
    """A person record of any system, its spelling undone."""

    given: str
    family: str
    born: str | None
    email: str | None
    mobile: str | None
    address: tuple[str, str] | None

    def shares(self, other: Card) -> int:
        """How many sound identifiers two cards share."""
        one_name = self.family == other.family and same_given_name(self.given, other.given)
        return (
            _both(self.email, other.email)
            + _both(self.mobile, other.mobile)
            + (one_name and _both(self.born, other.born))
            + (one_name and _both(self.address, other.address))
        )


def _both(one: object, other: object) -> bool:
    return one is not None and one == other


def _card(record: Record, main_address: Record | None) -> Card:
    crm, shop = "LastName" in record, "default_address" in record
    place = record["default_address"] if shop else record if crm else main_address
    street, code = ("MailingStreet", "MailingPostalCode") if crm else ("street", "zip" if shop else "postal_code")
    number = _e164(record["MobilePhone"] if crm else record["phone"] if shop else record["mobile"])
    email = record["Email" if crm else "email"]
    return Card(
        given=record["FirstName" if crm else "first_name"].lower(),
        family=record["LastName" if crm else "last_name"].lower(),
        born=record["Birthdate" if crm else "birth_date"],
        email=email.lower() if email else None,
        mobile=number if number and number.startswith("+447") else None,
        address=_place(place[street], place[code]) if place and place[street] else None,
    )


def _place(street: str, code: str) -> tuple[str, str]:
    head, _, last = street.lower().rpartition(" ")
    return f"{head} {SHORT_STREETS.get(last, last)}", code.lower().replace(" ", "")


def _e164(text: str | None) -> str | None:
    if text is None:
        return None
    number = phonenumbers.parse(text, "GB")
    assert phonenumbers.is_valid_number_for_region(number, "GB"), text
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _cards(population: Population) -> Iterator[tuple[int, Card]]:
    main = {row["customer_no"]: row for row in population.erp_addresses if row["kind"] == "main"}
    for system, stream in PERSON_STREAMS:
        for record in population.records[system, stream]:
            key = str(record[KEY_FIELDS[system, stream]])
            yield population.truth[system, stream, key], _card(record, main.get(key) if system == "erp" else None)


def test_the_same_seed_gives_the_same_population_and_another_seed_another() -> None:
    assert generate(150, 7) == generate(150, 7)
    assert generate(150, 7).records != generate(150, 8).records


def test_the_population_has_the_size_that_was_promised(population: Population) -> None:
    person_records = sum(len(population.records[pair]) for pair in PERSON_STREAMS)
    everything = sum(len(records) for records in population.records.values())

    assert len(population.people) == 2000
    assert 3800 <= person_records <= 4000
    assert 4400 <= everything <= 4600
    assert 280 <= len(population.records["callcentre", "call"]) <= 320
    assert set(population.truth.values()) == {person.number for person in population.people}


def test_keys_are_unique_and_point_to_existing_owners(population: Population) -> None:
    for pair, records in population.records.items():
        assert len({record[KEY_FIELDS[pair]] for record in records}) == len(records), pair
    contacts = {record["Id"] for record in population.records["crm", "Contact"]}
    assert all(case["ContactId"] in contacts for case in population.records["crm", "Case"])
    for case in population.records["crm", "Case"]:
        assert population.truth["crm", "Case", case["Id"]] == population.truth["crm", "Contact", case["ContactId"]]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_true_pair_shares_two_sound_identifiers(seed: int) -> None:
    cards: defaultdict[int, list[Card]] = defaultdict(list)
    for person, card in _cards(generate(2000, seed)):
        cards[person].append(card)

    pairs = [pair for group in cards.values() for pair in combinations(group, 2)]
    weak = [pair for pair in pairs if pair[0].shares(pair[1]) < 2]

    assert len(pairs) > 2000
    assert not weak


def test_no_email_mobile_or_name_with_birth_date_belongs_to_two_people(population: Population) -> None:
    owners: defaultdict[object, set[int]] = defaultdict(set)
    for person, card in _cards(population):
        for identifier in (card.email, card.mobile, card.born and (card.family, card.given, card.born)):
            if identifier:
                owners[identifier].add(person)

    assert [identifier for identifier, people in owners.items() if len(people) > 1] == []


def test_people_are_as_confusing_as_in_life(population: Population) -> None:
    names: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    landlines: defaultdict[str | None, set[int]] = defaultdict(set)
    for person in population.people:
        names[person.given, person.family].add(person.number)
        landlines[person.landline].add(person.number)
    cards = list(_cards(population))
    same_system: defaultdict[tuple[str, int], int] = defaultdict(int)
    for (system, stream, _), number in population.truth.items():
        if (system, stream) in PERSON_STREAMS:
            same_system[system, number] += 1
    contacts = population.records["crm", "Contact"]

    assert sum(len(people) > 1 for people in names.values()) >= 5
    assert sum(len(people) > 1 for landline, people in landlines.items() if landline) >= 300
    assert sum(times > 1 for times in same_system.values()) >= 100
    assert 50 <= sum(person.maiden is not None for person in population.people) <= 300
    assert sum(card.born is None for _, card in cards) / len(cards) > 0.2
    assert sum(contact["Email"] is None for contact in contacts) / len(contacts) > 0.05
    assert any(row["last_name"].isupper() for row in population.records["erp", "customers"])
    assert any(contact["FirstName"] in {"Bill", "Bob", "Liz"} for contact in contacts)


def test_household_members_share_only_what_a_household_shares(population: Population) -> None:
    homes = defaultdict(list)
    for person in population.people:
        homes[person.household].append(person)
    for home in homes.values():
        assert len({person.address for person in home}) == 1
        assert len({person.landline for person in home}) == 1
        for field in ("email", "mobile", "born"):
            assert len({getattr(person, field) for person in home}) == len(home), field


def test_every_number_is_valid_in_great_britain(population: Population) -> None:
    numbers = {
        text
        for (system, _), records in population.records.items()
        for record in records
        for field in ("Phone", "MobilePhone", "phone", "mobile", "number")
        if (text := record.get(field))
    }

    assert len(numbers) > 2000
    assert all(_e164(text) for text in numbers)
    assert any(re.match(r"\(0", text) for text in numbers)


def test_the_examples_have_exactly_the_fields_of_the_records(population: Population) -> None:
    for (system, stream), records in population.records.items():
        example = json.loads((EXAMPLES / f"{system}.{stream}.json").read_text())
        assert list(example) == list(records[0]), (system, stream)
    address = json.loads((EXAMPLES / "erp.addresses.json").read_text())
    assert set(address) == set(population.erp_addresses[0])
