"""What one system once heard about a person: less than all of it, and not always right.

`Witness(chance).sight(person, system)` gives a `Sighting`. The rule that makes the population easy: every person has
two *anchors*, and each sighting of her carries both of them soundly, so any two sightings share them. Everything else
may be missing, outdated or misspelt. Anchors are out of: e-mail, mobile, birth date with full name, address with full
name. Who changed her name, or is misspelt somewhere, is anchored by e-mail and mobile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date

from samples.people.households import Person
from samples.people.misspelling import misspell
from samples.people.nicknames import SHORT_FORMS
from samples.people.places import Address

BY_CONTACT = frozenset({"email", "mobile"})
ANCHORS: tuple[frozenset[str], ...] = (
    BY_CONTACT,
    frozenset({"email", "born"}),
    frozenset({"mobile", "born"}),
    frozenset({"email", "address"}),
    frozenset({"mobile", "address"}),
    frozenset({"born", "address"}),
)
ANCHOR_WEIGHTS = (34, 20, 12, 16, 10, 8)
MISSPELT_SOMEWHERE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One system's knowledge of one person, before it takes that system's shape. Numbers are in E.164."""

    person: int
    anchors: frozenset[str]
    female: bool
    given: str
    middle: str | None
    family: str
    born: date | None
    email: str | None
    mobile: str | None
    landline: str | None
    address: Address | None
    language: str


class Witness:
    """Decides what each system knows; remembers each person's anchors."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._anchors: dict[int, frozenset[str]] = {}

    def sight(self, person: Person) -> Sighting:
        """One more sighting of a person, carrying her two anchors."""
        anchors = self._anchors_of(person)
        given, family = self._name(person, exact=anchors != BY_CONTACT)
        return Sighting(
            person=person.number,
            anchors=anchors,
            female=person.female,
            given=given,
            middle=person.middle if self._happens(0.2) else None,
            family=family,
            born=person.born if "born" in anchors else self._born(person.born),
            email=person.email if "email" in anchors else self._email(person),
            mobile=person.mobile if "mobile" in anchors or self._happens(0.6) else None,
            landline=person.landline if self._happens(0.5) else None,
            address=person.address if "address" in anchors else self._address(person),
            language=person.language,
        )

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _anchors_of(self, person: Person) -> frozenset[str]:
        if person.number not in self._anchors:
            by_contact = person.maiden is not None or self._happens(MISSPELT_SOMEWHERE)
            drawn = self._chance.choices(ANCHORS, ANCHOR_WEIGHTS)[0]
            self._anchors[person.number] = BY_CONTACT if by_contact else drawn
        return self._anchors[person.number]

    def _name(self, person: Person, *, exact: bool) -> tuple[str, str]:
        given, family = person.given, person.family
        if given in SHORT_FORMS and self._happens(0.3):
            given = self._chance.choice(SHORT_FORMS[given])
        if exact:
            return given, family
        if person.maiden is not None and self._happens(0.5):
            family = person.maiden
        if self._happens(0.05):
            given = f"{given[0]}."
        elif self._happens(0.08):
            given = misspell(given, self._chance)
        if self._happens(0.08):
            family = misspell(family, self._chance)
        return given, family

    def _born(self, born: date) -> date | None:
        if self._happens(0.45):
            return None
        if born.day <= 12 and self._happens(0.04):
            return date(born.year, born.day, born.month)
        return born

    def _email(self, person: Person) -> str | None:
        if self._happens(0.4):
            return None
        return person.old_email if self._happens(0.25) else person.email

    def _address(self, person: Person) -> Address | None:
        if self._happens(0.35):
            return None
        address = person.old_address if self._happens(0.2) else person.address
        if self._happens(0.05):
            return Address(
                street=misspell(address.street, self._chance), city=address.city, postal_code=address.postal_code
            )
        return address
