"""The ERP's view of a person: a customer row, her addresses, her orders.

Each function gives rows with the column names of `samples.erp.schema`; times are ISO text in UTC, totals are text. A
third of the rows come from an older program that knew capitals only.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from samples.people.calendar import Calendar, stamp
from samples.people.handwriting import mailbox, postcode, street, telephone
from samples.people.sightings import Sighting


def customer(serial: int, sighting: Sighting, calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One customer. `serial` counts from 1 and makes the customer number."""
    created, updated = calendar.lifetime()
    capitals = _capitals(serial)
    return {
        "customer_no": f"K{10000 + serial}",
        "first_name": sighting.given.upper() if capitals else sighting.given,
        "last_name": sighting.family.upper() if capitals else sighting.family,
        "birth_date": sighting.born.isoformat() if sighting.born else None,
        "email": mailbox(sighting.email, chance) if sighting.email else None,
        "phone": telephone(sighting.landline, chance) if sighting.landline else None,
        "mobile": telephone(sighting.mobile, chance) if sighting.mobile else None,
        "language": sighting.language.upper(),
        "email_opt_out": chance.random() < 0.03,
        "phone_opt_out": chance.random() < 0.02,
        "created_at": created,
        "updated_at": updated,
        "row_version": 1,
        "external_ref": None,
    }


def addresses(
    serial: int, first_id: int, sighting: Sighting, customer: dict[str, Any], chance: random.Random
) -> list[dict[str, Any]]:
    """The customer's addresses: none, the main one, or also an equal billing address. `first_id` is the first's id."""
    address = sighting.address
    if address is None:
        return []
    capitals = _capitals(serial)
    row = {
        "customer_no": customer["customer_no"],
        "street": street(address.street, chance).upper() if capitals else street(address.street, chance),
        "city": address.city.upper() if capitals else address.city,
        "postal_code": postcode(address.postal_code, chance),
        "country": "GB",
        "updated_at": customer["updated_at"],
    }
    kinds = ("main", "billing") if chance.random() < 0.1 else ("main",)
    return [{"address_id": first_id + at, "kind": kind, **row} for at, kind in enumerate(kinds)]


def order(serial: int, customer: dict[str, Any], calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One order of a customer."""
    ordered = calendar.moment(since=datetime.fromisoformat(customer["created_at"])).replace(microsecond=0)
    return {
        "order_no": f"A{200000 + serial}",
        "customer_no": customer["customer_no"],
        "ordered_at": stamp(ordered),
        "status": chance.choices(("open", "shipped", "cancelled"), (15, 75, 10))[0],
        "total": f"{chance.lognormvariate(4.2, 0.8):.2f}",
        "currency": "GBP",
        "updated_at": stamp(calendar.moment(since=ordered)),
    }


def _capitals(serial: int) -> bool:
    return serial % 3 == 0
