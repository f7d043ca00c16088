"""A company's customers as four systems know them, with all that makes them hard to tell apart; the truth is known.

`population(people, seed)` gives rows in the columns of `onevoice match` and the person behind each. Names occur as
often as in the US census. The rules: the same seed gives the same rows; nothing here looks at how matching works.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from samples.people.census import CensusNames
from samples.people.handwriting import ABBREVIATIONS, telephone
from samples.people.misspelling import misspell
from samples.people.nicknames import SHORT_FORMS
from samples.people.places import STREETS, TOWNS

Row = dict[str, str]

MAIL_HOSTS = ("gmail.com", "yahoo.co.uk", "hotmail.com", "outlook.com", "btinternet.com", "icloud.com")
PLACEHOLDERS = {
    "email": ("noemail@example.com", "none@none.com", "test@test.com", "unknown@example.com"),
    "phone": ("0000000000", "01234567890", "99999999999"),
    "birth_date": ("1900-01-01", "1970-01-01"),
}
ROLES = ("info", "office", "sales", "accounts", "reception")
REFERENCE = date(2026, 1, 1)

# system -> chance that a person is there, and of each field being filled in
SYSTEMS: dict[str, tuple[float, dict[str, float]]] = {
    "crm": (0.62, {"middle": 0.25, "birth": 0.45, "email": 0.65, "mobile": 0.5, "landline": 0.4, "home": 0.7}),
    "erp": (0.50, {"middle": 0.1, "birth": 0.25, "email": 0.35, "mobile": 0.25, "landline": 0.5, "home": 0.95,
                   "national_id": 0.1}),
    "shop": (0.55, {"middle": 0.0, "birth": 0.1, "email": 0.97, "mobile": 0.45, "landline": 0.1, "home": 0.75}),
    "callcentre": (0.40, {"middle": 0.02, "birth": 0.2, "email": 0.12, "mobile": 0.65, "landline": 0.35, "home": 0.3}),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """An address and its landline."""

    street: str
    city: str
    postal_code: str
    landline: str


@dataclass(slots=True, kw_only=True)
class Person:
    """One person over the years: homes, mobiles, mailboxes and family names, the oldest first."""

    number: int
    female: bool
    given: str
    middle: str
    families: list[str]
    suffix: str
    born: date
    homes: list[Home]
    mobiles: list[str]
    emails: list[str]
    work_email: str = ""
    work_phone: str = ""
    family_email: str = ""
    national_id: str = ""
    uses_short: str = ""


@dataclass(slots=True)
class _Town:
    """Hands out homes, numbers and mailboxes."""

    chance: random.Random
    names: CensusNames
    mailboxes: set[str] = field(default_factory=set)
    freed: list[str] = field(default_factory=list)
    serial: int = 0

    def home(self) -> Home:
        """An address with a landline of its own."""
        town, area, districts, prefix, digits = self.chance.choice(TOWNS)
        letters = "".join(self.chance.choices("ABDEFGHJLN", k=2))
        self.serial += 1
        return Home(
            street=f"{self.chance.randrange(1, 160)} {self.chance.choice(STREETS)}",
            city=town,
            postal_code=f"{area}{self.chance.randrange(1, districts + 1)} {self.chance.randrange(1, 10)}{letters}",
            landline=f"+44{prefix[1:5]}{self.serial * 7919 % 10 ** (digits + 2):0{digits + 2}d}",
        )

    def mobile(self) -> str:
        """A mobile number; one in twenty was another person's before."""
        if self.freed and self.chance.random() < 0.05:
            return self.freed.pop(self.chance.randrange(len(self.freed)))
        self.serial += 1
        return f"+447{400 + self.serial % 500}{self.serial * 7919 % 1_000_000:06d}"

    def email(self, given: str, family: str, born: date) -> str:
        """A mailbox of one's own."""
        first, last = given.lower(), family.lower()
        styles = (f"{first}.{last}", f"{first[0]}{last}", f"{first}{last}{born.year % 100:02d}", f"{last}{first[0]}",
                  f"{first}{born.year}", f"{self.names.family().lower()}{self.chance.randrange(100, 999)}")  # fmt: skip
        local, host = self.chance.choice(styles), self.chance.choice(MAIL_HOSTS)
        address, serial = f"{local}@{host}", 1
        while address in self.mailboxes:
            serial += 1
            address = f"{local}{serial}@{host}"
        self.mailboxes.add(address)
        return address


def population(people: int = 20_000, seed: int = 4) -> tuple[list[Row], list[int]]:
    """Return the rows of all systems in no order, and for each the number of the person behind it."""
    chance = random.Random(seed)
    told = [(row, person.number) for person in _people(chance, people) for row in _records(person, chance)]
    chance.shuffle(told)
    rows = [{"record_id": f"r{number:06d}", **row} for number, (row, _) in enumerate(told)]
    return rows, [number for _, number in told]


def strangers(people: int = 20_000, seed: int = 4) -> float:
    """Return the share of people who have their full name in common with somebody else."""
    holders: dict[tuple[str, str], int] = {}
    everybody = list(_people(random.Random(seed), people))
    for one in everybody:
        holders[one.given, one.families[-1]] = holders.get((one.given, one.families[-1]), 0) + 1
    return sum(holders[one.given, one.families[-1]] > 1 for one in everybody) / len(everybody)


def _people(chance: random.Random, count: int) -> Iterator[Person]:
    town = _Town(chance, CensusNames(chance))
    firms = [_firm(town) for _ in range(count // 60)]
    number = 0
    while number < count:
        for person in _household(town, chance):
            if number == count:
                return
            number += 1
            person.number = number
            if chance.random() < 0.15:
                person.work_email, person.work_phone = chance.choice(firms)
            if chance.random() < 0.5 and len(person.mobiles) > 1:
                town.freed.append(person.mobiles[0])
            yield person


def _firm(town: _Town) -> tuple[str, str]:
    role = town.chance.choice(ROLES)
    return f"{role}@{town.names.family().lower()}{town.chance.randrange(100)}.co.uk", town.home().landline


def _household(town: _Town, chance: random.Random) -> list[Person]:
    size = chance.choices((1, 2, 3, 4, 5), (38, 32, 13, 12, 5))[0]
    home, family = town.home(), town.names.family()
    previous = town.home() if chance.random() < 0.3 else None
    shared = town.email(family, "family", date(1980, 1, 1)) if size > 1 and chance.random() < 0.3 else ""
    members: list[Person] = []
    for place in range(size):
        female = chance.random() < 0.5 if place != 1 else (not members[0].female if chance.random() < 0.95 else True)
        ages = (25, 85) if place < 2 else (12, 30)
        born = REFERENCE - timedelta(days=chance.randrange(ages[0] * 365, ages[1] * 365))
        if place > 2 and chance.random() < 0.08:
            born = members[-1].born  # twins
        member = _person(town, chance, female=female, born=born, family=family, homes=(previous, home))
        member.family_email = shared
        if place == 1 and chance.random() < 0.25:
            member.families = [town.names.family()]
        elif place == 1 and female and chance.random() < 0.35:
            member.families = [town.names.family(), family]
            if chance.random() < 0.15:
                member.families[-1] = f"{family}-{member.families[0]}"
        elder = members[0] if members else None
        if place >= 2 and elder and elder.female == female and chance.random() < 0.04:
            member.given, member.uses_short = elder.given, ""  # named after the parent
            elder.suffix, member.suffix = "Sr", "Jr"
        members.append(member)
    return members


def _person(
    town: _Town, chance: random.Random, *, female: bool, born: date, family: str, homes: tuple[Home | None, Home]
) -> Person:
    given = town.names.given(female=female)
    shorts = SHORT_FORMS.get(given, ())
    own_previous = town.home() if homes[0] is None and chance.random() < 0.12 else homes[0]
    return Person(
        number=0,
        female=female,
        given=given,
        middle=town.names.given(female=female),
        families=[family],
        suffix="",
        born=born,
        homes=[own_previous, homes[1]] if own_previous else [homes[1]],
        mobiles=[town.mobile() for _ in range(2 if chance.random() < 0.25 else 1)],
        emails=[town.email(given, family, born) for _ in range(2 if chance.random() < 0.3 else 1)],
        national_id=f"{chance.randrange(10**8, 10**9)}",
        uses_short=chance.choice(shorts) if shorts and chance.random() < 0.35 else "",
    )


def _records(person: Person, chance: random.Random) -> Iterator[Row]:
    systems = [name for name, (share, _) in SYSTEMS.items() if chance.random() < share]
    for system in systems or [chance.choice(list(SYSTEMS))]:
        yield _record(person, system, chance)
        if chance.random() < 0.04:
            yield _record(person, system, chance)


def _record(person: Person, system: str, chance: random.Random) -> Row:
    filled = {name: chance.random() < share for name, share in SYSTEMS[system][1].items()}
    home = _one_of(person.homes, chance)
    family = _one_of(person.families, chance)
    given = person.uses_short if person.uses_short and chance.random() < 0.5 else person.given
    row = {
        "system": system,
        "kind": "person",
        "given_name": given,
        "middle_name": person.middle if filled["middle"] else "",
        "family_name": family,
        "birth_date": person.born.isoformat() if filled["birth"] else "",
        "email": _email(person, system, chance) if filled["email"] else "",
        "phone": _phone(person, home, filled, chance),
        "street": home.street if filled["home"] else "",
        "city": home.city if filled["home"] else "",
        "region": "",
        "postal_code": home.postal_code if filled["home"] or chance.random() < 0.1 else "",
        "country": "GB" if chance.random() < 0.7 else "",
        "national_id": person.national_id if filled.get("national_id") else "",
    }
    if person.suffix and chance.random() < 0.4:
        row["family_name"] += f" {person.suffix}"
    return _written(row, system, chance)


def _one_of(history: list, chance: random.Random):  # type: ignore[type-arg,no-untyped-def]
    """The last entry mostly; a record made earlier has an older one."""
    return history[-1] if len(history) == 1 or chance.random() < 0.65 else history[0]


def _email(person: Person, system: str, chance: random.Random) -> str:
    roll = chance.random()
    if system != "shop" and roll < 0.03:
        return chance.choice(PLACEHOLDERS["email"])
    if person.work_email and roll < 0.25:
        return person.work_email
    if person.family_email and roll > 0.6:
        return person.family_email
    return str(_one_of(person.emails, chance))


def _phone(person: Person, home: Home, filled: dict[str, bool], chance: random.Random) -> str:
    if chance.random() < 0.02:
        return chance.choice(PLACEHOLDERS["phone"])
    if person.work_phone and chance.random() < 0.2:
        return telephone(person.work_phone, chance)
    if filled["mobile"]:
        return telephone(_one_of(person.mobiles, chance), chance)
    return telephone(home.landline, chance) if filled["landline"] else ""


def _written(row: Row, system: str, chance: random.Random) -> Row:
    """The row as somebody typed it: slips, swaps, capitals, abbreviations, initials."""
    if chance.random() < 0.06:
        row["given_name"] = misspell(row["given_name"], chance)
    if chance.random() < 0.06:
        row["family_name"] = misspell(row["family_name"], chance)
    if system == "callcentre" and chance.random() < 0.12:
        row["given_name"] = f"{row['given_name'][0]}."
    if chance.random() < 0.01:
        row["given_name"], row["family_name"] = row["family_name"], row["given_name"]
    if system == "erp":
        row["given_name"], row["family_name"] = row["given_name"].upper(), row["family_name"].upper()
    if row["birth_date"]:
        row["birth_date"] = _typed_date(row["birth_date"], chance)
    if row["street"]:
        row["street"] = _typed_street(row["street"], chance)
    if chance.random() < 0.15:
        row["postal_code"] = row["postal_code"].replace(" ", "").lower()
    if row["email"] and chance.random() < 0.02:
        row["email"] = misspell(row["email"], chance)
    return row


def _typed_street(text: str, chance: random.Random) -> str:
    head, _, last = text.rpartition(" ")
    if last in ABBREVIATIONS and chance.random() < 0.3:
        return f"{head} {ABBREVIATIONS[last]}"
    return misspell(text, chance) if chance.random() < 0.05 else text


def _typed_date(text: str, chance: random.Random) -> str:
    roll = chance.random()
    if roll < 0.01:
        return chance.choice(PLACEHOLDERS["birth_date"])
    born = date.fromisoformat(text)
    if roll < 0.025 and born.day <= 12:
        return born.replace(month=born.day, day=born.month).isoformat()
    if roll < 0.04:
        return (born + timedelta(days=chance.choice((-10, -1, 1, 10)))).isoformat()
    return text
