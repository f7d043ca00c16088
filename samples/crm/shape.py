"""The CRM's view of a person and of her cases.

`contact(...)` and `case(...)` give records as the CRM's own API names them; absent values are None.
"""

from __future__ import annotations

import random
from datetime import date, datetime
from typing import Any

from samples.crm.identifier import record_id
from samples.people.calendar import AS_OF, Calendar, stamp
from samples.people.handwriting import mailbox, postcode, street, telephone
from samples.people.sightings import Sighting

SUBJECTS = (
    "Delivery arrived damaged", "Wrong invoice address", "Question about a refund", "Cannot sign in to the web shop",
    "Order not received", "Asks for a catalogue", "Complaint about a call", "Wants to change an order",
)  # fmt: skip


def contact(serial: int, sighting: Sighting, calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One contact. `serial` makes the id."""
    created, modified = calendar.lifetime()
    address = sighting.address
    ladies = ("Ms", "Mrs", "Dr") if sighting.female else ("Mr", "Mr", "Dr")
    return {
        "Id": record_id("003", serial),
        "Salutation": chance.choices(ladies, (60, 30, 10))[0] if chance.random() < 0.8 else None,
        "FirstName": sighting.given,
        "MiddleName": sighting.middle,
        "LastName": sighting.family,
        "Birthdate": sighting.born.isoformat() if sighting.born else None,
        "Email": mailbox(sighting.email, chance) if sighting.email else None,
        "Phone": telephone(sighting.landline, chance) if sighting.landline else None,
        "MobilePhone": telephone(sighting.mobile, chance) if sighting.mobile else None,
        "MailingStreet": street(address.street, chance) if address else None,
        "MailingCity": address.city if address else None,
        "MailingPostalCode": postcode(address.postal_code, chance) if address else None,
        "MailingCountryCode": "GB" if address else None,
        "Language__c": sighting.language if chance.random() < 0.7 else None,
        "HasOptedOutOfEmail": chance.random() < 0.05,
        "DoNotCall": chance.random() < 0.03,
        "LeadSource": chance.choice(("Web", "Phone Inquiry", "Trade Show", None)),
        "CreatedDate": created,
        "SystemModstamp": modified,
        "LastActivityDate": _activity(modified, chance),
        "ExternalReference__c": None,
    }


def case(serial: int, contact: dict[str, Any], calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One case of a contact."""
    opened = calendar.moment(since=datetime.fromisoformat(contact["CreatedDate"])).replace(microsecond=0)
    return {
        "Id": record_id("500", serial),
        "ContactId": contact["Id"],
        "Subject": chance.choice(SUBJECTS),
        "Origin": chance.choice(("Phone", "Email", "Web")),
        "Status": chance.choices(("New", "Working", "Closed"), (15, 20, 65))[0],
        "CreatedDate": stamp(opened),
        "SystemModstamp": stamp(calendar.moment(since=opened)),
    }


def _activity(modified: str, chance: random.Random) -> str | None:
    if chance.random() < 0.4:
        return None
    latest = AS_OF.date().toordinal()
    earliest = datetime.fromisoformat(modified).date().toordinal()
    return date.fromordinal(chance.randint(earliest, latest)).isoformat()
