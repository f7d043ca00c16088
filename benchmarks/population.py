"""The customers of the benchmark, as three systems know them: CRM contacts, ERP customers, shop accounts.

`Population(seed).customers(n)` yields `Known` customers with one to three records each, two on average. Names occur as
often as in the US census; e-mails and mobiles are one person's own, homes and landlines are a household's. The rules:
the same seed gives the same records, and a customer made `settled` has every field that any of the records has in all
of them, so that nobody is owed anything about her.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from onevoice.mapping.times import moment
from onevoice.messages import Json, SourceRecord
from onevoice.sdk import version_text
from samples.crm.identifier import record_id
from samples.people.handwriting import mailbox, postcode, street, telephone
from samples.people.households import Person, households
from samples.people.nicknames import SHORT_FORMS

HISTORY = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=7)
SHARES = {"crm": 0.8, "erp": 0.65, "shop": 0.55}
STREAMS = {"crm": "Contact", "erp": "customers", "shop": "customers"}
MOST = 400_000  # the country of the samples has no more landlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One version of one record that one system tells of; `kind` is its row of the mix."""

    system: str
    record: SourceRecord
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One customer and the records that the systems have of her, one a system."""

    person: Person
    records: tuple[Told, ...]


class Population:
    """Hands out customers, one after the other, each only once."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._people = households(random.Random(seed + 1), MOST)
        self._clock = HISTORY

    def customers(self, count: int, *, settled: bool, kind: str) -> Iterator[Known]:
        """Yield the next `count` customers; those not settled lack fields here and there, as new ones do."""
        for _ in range(count):
            person = next(self._people)
            systems = [name for name, share in SHARES.items() if self._chance.random() < share] or ["crm"]
            refuses = {channel: self._chance.random() < share for channel, share in (("email", 0.05), ("phone", 0.03))}
            known = [told(name, self._record(name, person, refuses, settled), self.tick(), kind) for name in systems]
            yield Known(person=person, records=tuple(known))

    def tick(self) -> datetime:
        """Return the next moment of the systems' common past; no two versions have the same one."""
        self._clock += STEP
        return self._clock

    def _record(self, system: str, person: Person, refuses: dict[str, bool], settled: bool) -> Json:
        given = person.given
        if given in SHORT_FORMS and self._chance.random() < 0.2:
            given = self._chance.choice(SHORT_FORMS[given])
        fields = _SHAPES[system](person, given, refuses, self._chance)
        if not settled:
            for name in _GAPS[system]:
                if self._chance.random() < 0.25:
                    fields[name] = None
        return fields


def told(system: str, data: Json, at: datetime, kind: str) -> Told:
    """Return a version of a party's record, stamped with the time at which the system changed it."""
    stamped = {**data, **{name: moment_text(at) for name in _STAMPS[system]}}
    record = SourceRecord(
        stream=STREAMS[system], key=str(data[_KEYS[system]]), version=version_text(moment_text(at)), data=stamped
    )
    return Told(system=system, record=record, kind=kind)


def moment_text(at: datetime) -> str:
    """Return a time as all three systems write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(one: Told) -> datetime:
    """Return when the system changed the record."""
    assert one.record.data is not None
    return moment(one.record.data[_STAMPS[one.system][-1]])


def _contact(person: Person, given: str, refuses: dict[str, bool], chance: random.Random) -> Json:
    return {
        "Id": record_id("003", person.number),
        "Salutation": "Ms" if person.female else "Mr",
        "FirstName": given,
        "MiddleName": person.middle,
        "LastName": person.family,
        "Birthdate": person.born.isoformat(),
        "Email": mailbox(person.email, chance),
        "Phone": telephone(person.landline, chance) if person.landline else None,
        "MobilePhone": telephone(person.mobile, chance),
        "MailingStreet": street(person.address.street, chance),
        "MailingCity": person.address.city,
        "MailingPostalCode": postcode(person.address.postal_code, chance),
        "MailingCountryCode": "GB",
        "Language__c": person.language,
        "HasOptedOutOfEmail": refuses["email"],
        "DoNotCall": refuses["phone"],
        "LeadSource": chance.choice(("Web", "Phone Inquiry", "Trade Show", None)),
        "CreatedDate": moment_text(HISTORY),
        "LastActivityDate": None,
    }


def _customer(person: Person, given: str, refuses: dict[str, bool], chance: random.Random) -> Json:
    return {
        "customer_no": f"K{10000 + person.number}",
        "first_name": given.upper() if person.number % 3 == 0 else given,
        "last_name": person.family.upper() if person.number % 3 == 0 else person.family,
        "birth_date": person.born.isoformat(),
        "email": mailbox(person.email, chance),
        "phone": telephone(person.landline, chance) if person.landline else None,
        "mobile": telephone(person.mobile, chance),
        "language": person.language.upper(),
        "email_opt_out": refuses["email"],
        "phone_opt_out": refuses["phone"],
        "created_at": moment_text(HISTORY),
        "row_version": 1,
        "main_address": {
            "address_id": person.number,
            "street": street(person.address.street, chance),
            "city": person.address.city,
            "postal_code": postcode(person.address.postal_code, chance),
            "country": "GB",
            "updated_at": moment_text(HISTORY),
        },
    }


def _account(person: Person, given: str, refuses: dict[str, bool], chance: random.Random) -> Json:
    return {
        "id": 5000 + person.number,
        "first_name": given,
        "last_name": person.family,
        "email": mailbox(person.email, chance),
        "phone": telephone(person.mobile, chance),
        "birth_date": person.born.isoformat(),
        "default_address": {
            "street": street(person.address.street, chance),
            "city": person.address.city,
            "zip": postcode(person.address.postal_code, chance),
            "country": "GB",
        },
        "accepts_email_marketing": False if refuses["email"] else chance.choice((True, None)),
        "accepts_phone_marketing": False if refuses["phone"] else None,
        "locale": f"{person.language}-GB",
        "created_at": moment_text(HISTORY),
    }


_Shape: TypeAlias = Callable[[Person, str, dict[str, bool], random.Random], Json]
_SHAPES: dict[str, _Shape] = {
    "crm": _contact,
    "erp": _customer,
    "shop": _account,
}
_KEYS = {"crm": "Id", "erp": "customer_no", "shop": "id"}
_STAMPS = {"crm": ("SystemModstamp",), "erp": ("updated_at", "changed_at"), "shop": ("updated_at",)}
_GAPS = {
    "crm": ("MiddleName", "Birthdate", "Phone", "MobilePhone", "MailingStreet", "Language__c"),
    "erp": ("birth_date", "phone", "mobile", "language"),
    "shop": ("birth_date", "phone", "locale"),
}
