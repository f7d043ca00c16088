"""People, household by household.

`households(chance, people)` yields `Person` rows, number 1 to `people`. Members of a household share address, landline
and usually the family name. Rules that keep the population easy: e-mail addresses and mobiles are one person's own; no
two people have one family name (maiden names included) and one birth date; no two in a household can share a given name
or birth date.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from samples.people.census import CensusNames
from samples.people.nicknames import same_given_name
from samples.people.places import Address, Gazetteer

SIZES, SIZE_WEIGHTS = (1, 2, 3, 4, 5), (42, 31, 13, 10, 4)
MAIL_DOMAINS = ("example.com", "example.org", "example.net")
LANGUAGES, LANGUAGE_WEIGHTS = ("en", "de", "fr", "pl"), (94, 2, 2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person as she really is. Numbers are in E.164; `email` and `old_email` are hers alone."""

    number: int
    household: int
    female: bool
    given: str
    middle: str
    family: str
    maiden: str | None
    born: date
    email: str
    old_email: str
    mobile: str
    landline: str | None
    address: Address
    old_address: Address
    language: str


class _Registry:
    """Makes people who cannot be mistaken for each other by the identifiers that are called sound."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.names = CensusNames(chance)
        self.places = Gazetteer(chance)
        self._mailboxes: set[str] = set()
        self._born: set[tuple[str, date]] = set()

    def mailbox(self, given: str, family: str, born: date) -> str:
        """An e-mail address nobody else has."""
        first, last = given.lower(), family.lower()
        styles = (f"{first}.{last}", f"{first[0]}{last}{born.year % 100:02d}", f"{last}.{first}", f"{first}{last[0]}")
        local, domain = self.chance.choice(styles), self.chance.choice(MAIL_DOMAINS)
        address, serial = f"{local}@{domain}", 1
        while address in self._mailboxes:
            serial += 1
            address = f"{local}{serial}@{domain}"
        self._mailboxes.add(address)
        return address

    def birthday(self, families: tuple[str, ...], youngest: int, oldest: int, taken: set[date]) -> date:
        """A birth date that nobody of these family names or of this household has."""
        while True:
            born = date(2026, 1, 1) - timedelta(days=self.chance.randrange(youngest * 365, oldest * 365))
            keys = {(family, born) for family in families}
            if born not in taken and not keys & self._born:
                self._born |= keys
                taken.add(born)
                return born

    def given(self, *, female: bool, taken: set[str]) -> str:
        """A given name that cannot be confused with another one in the household."""
        while True:
            name = self.names.given(female=female)
            if not any(same_given_name(name, other) for other in taken):
                taken.add(name)
                return name


def households(chance: random.Random, people: int) -> Iterator[Person]:
    """Yield exactly `people` persons, members of a household one after the other."""
    registry = _Registry(chance)
    number = household = 0
    while number < people:
        household += 1
        size = min(chance.choices(SIZES, SIZE_WEIGHTS)[0], people - number)
        yield from _household(registry, household=household, first=number + 1, size=size)
        number += size


def _household(registry: _Registry, *, household: int, first: int, size: int) -> Iterator[Person]:
    chance = registry.chance
    address = registry.places.address()
    landline = registry.places.landline(address) if chance.random() < 0.8 else None
    family = registry.names.family()
    givens: set[str] = set()
    birthdays: set[date] = set()
    first_female = chance.random() < 0.5
    for place in range(size):
        partner = place == 1
        female = (first_female if place == 0 else not first_female) if place < 2 else chance.random() < 0.5
        own_family = registry.names.family() if partner and chance.random() < 0.2 else family
        married = partner and female and own_family == family and chance.random() < 0.4
        maiden = registry.names.family() if married else None
        ages = (28, 80) if place < 2 else (17, 27)
        born = registry.birthday((own_family, maiden or own_family), *ages, birthdays)
        given = registry.given(female=female, taken=givens)
        yield Person(
            number=first + place,
            household=household,
            female=female,
            given=given,
            middle=registry.names.given(female=female),
            family=own_family,
            maiden=maiden if maiden != own_family else None,
            born=born,
            email=registry.mailbox(given, own_family, born),
            old_email=registry.mailbox(given, maiden or own_family, born),
            mobile=registry.places.mobile(),
            landline=landline,
            address=address,
            old_address=registry.places.address(),
            language=chance.choices(LANGUAGES, LANGUAGE_WEIGHTS)[0],
        )
