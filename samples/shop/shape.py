"""The web shop's view of a person: an account and its orders.

Each function gives a record as the shop's API shows it; times are ISO text in UTC, totals are text. An account has
always an e-mail address and has room for one telephone number only.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from samples.people.calendar import Calendar, stamp
from samples.people.handwriting import mailbox, postcode, street, telephone
from samples.people.sightings import Sighting

LOCALES = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR", "pl": "pl-PL"}


def customer(serial: int, sighting: Sighting, calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One account. `serial` counts from 1 and makes the id."""
    created, updated = calendar.lifetime()
    address = sighting.address
    number = sighting.mobile or sighting.landline
    return {
        "id": 5000 + serial,
        "first_name": sighting.given,
        "last_name": sighting.family,
        "email": mailbox(sighting.email or f"shopper{5000 + serial}@example.net", chance),
        "phone": telephone(number, chance) if number else None,
        "birth_date": sighting.born.isoformat() if sighting.born else None,
        "default_address": {
            "street": street(address.street, chance),
            "city": address.city,
            "zip": postcode(address.postal_code, chance),
            "country": "GB",
        }
        if address
        else None,
        "accepts_email_marketing": chance.choices((True, False, None), (45, 8, 47))[0],
        "accepts_phone_marketing": chance.choices((True, False, None), (10, 4, 86))[0],
        "locale": LOCALES[sighting.language] if chance.random() < 0.8 else None,
        "created_at": created,
        "updated_at": updated,
    }


def order(serial: int, customer: dict[str, Any], calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One order of an account."""
    placed = calendar.moment(since=datetime.fromisoformat(customer["created_at"])).replace(microsecond=0)
    return {
        "id": 90000 + serial,
        "customer_id": customer["id"],
        "placed_at": stamp(placed),
        "total": f"{chance.lognormvariate(3.8, 0.7):.2f}",
        "currency": "GBP",
        "status": chance.choices(("paid", "fulfilled", "refunded"), (20, 73, 7))[0],
        "updated_at": stamp(calendar.moment(since=placed)),
    }
