"""The sample company's person records in canonical form, and a plain batch run of the walk from records to groups."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import phonenumbers

from onevoice.identity import Model, PairScore, group_all, profile
from samples.population import KEY_FIELDS, PERSON_STREAMS, Population

Key = tuple[str, str, str]


def canonical_persons(population: Population) -> dict[Key, dict[str, Any]]:
    """(system, stream, key) -> canonical person, for every person record."""
    addresses: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in population.erp_addresses:
        addresses[row["customer_no"]].append(row)
    persons = {}
    for system, stream in PERSON_STREAMS:
        for record in population.records[system, stream]:
            key = str(record[KEY_FIELDS[system, stream]])
            persons[system, stream, key] = _MAPPINGS[system](record, addresses[key])
    return persons


def resolve(
    persons: Mapping[Key, dict[str, Any]], model: Model
) -> tuple[dict[Key, int], dict[tuple[Key, Key], PairScore]]:
    """Record -> number of its group, and the score of every pair that links or needs a person."""
    found = group_all({key: profile(canonical, "person", model) for key, canonical in persons.items()}, model)
    return {key: serial for serial, members in enumerate(found.groups) for key in members}, found.pairs


def _contact(record: dict[str, Any], _: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": {
            "prefix": record["Salutation"],
            "given": record["FirstName"],
            "middle": record["MiddleName"],
            "family": record["LastName"],
        },
        "birth_date": record["Birthdate"],
        "emails": _emails(record["Email"]),
        "phones": _phones(main=record["Phone"], mobile=record["MobilePhone"]),
        "addresses": _addresses(
            record["MailingStreet"], record["MailingCity"], record["MailingPostalCode"], record["MailingCountryCode"]
        ),
    }


def _customer(record: dict[str, Any], addresses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": {"given": record["first_name"], "family": record["last_name"]},
        "birth_date": record["birth_date"],
        "emails": _emails(record["email"]),
        "phones": _phones(main=record["phone"], mobile=record["mobile"]),
        "addresses": [
            {"kind": row["kind"], **{name: row[name] for name in ("street", "city", "postal_code", "country")}}
            for row in addresses
        ],
    }


def _account(record: dict[str, Any], _: Sequence[dict[str, Any]]) -> dict[str, Any]:
    place = record["default_address"] or {}
    return {
        "name": {"given": record["first_name"], "family": record["last_name"]},
        "birth_date": record["birth_date"],
        "emails": _emails(record["email"]),
        "phones": _phones(main=record["phone"], mobile=None),
        "addresses": _addresses(place.get("street"), place.get("city"), place.get("zip"), place.get("country")),
    }


_MAPPINGS = {"crm": _contact, "erp": _customer, "shop": _account}


def _emails(address: str | None) -> list[dict[str, str]]:
    return [{"kind": "main", "address": address.lower()}] if address else []


def _phones(**numbers: str | None) -> list[dict[str, str]]:
    return [{"kind": kind, "number": _e164(number)} for kind, number in numbers.items() if number]


def _addresses(street: str | None, city: str | None, postal_code: str | None, country: str | None) -> list[Any]:
    if not street:
        return []
    return [{"kind": "main", "street": street, "city": city, "postal_code": postal_code, "country": country}]


def _e164(number: str) -> str:
    parsed = phonenumbers.parse(number, "GB")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
