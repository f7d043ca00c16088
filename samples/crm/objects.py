"""The CRM's objects: their fields, the types of these, and what a value must look like.

`OBJECTS` holds one `ObjectType` for Contact and one for Case. `check(...)` says what is wrong with one value. One rule:
field order here is element order in the WSDL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LONGEST = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """One kind of record: id prefix, fields with their type, rules for writing, and a field by which others know it."""

    name: str
    prefix: str
    fields: Mapping[str, str]
    read_only: frozenset[str]
    required: frozenset[str]
    choices: Mapping[str, frozenset[str]]
    external_id: str | None = None


CONTACT = ObjectType(
    name="Contact",
    prefix="003",
    fields={
        "Id": "id", "Salutation": "string", "FirstName": "string", "MiddleName": "string", "LastName": "string",
        "Birthdate": "date", "Email": "email", "Phone": "string", "MobilePhone": "string", "MailingStreet": "string",
        "MailingCity": "string", "MailingPostalCode": "string", "MailingCountryCode": "country",
        "Language__c": "language", "HasOptedOutOfEmail": "boolean", "DoNotCall": "boolean", "LeadSource": "string",
        "CreatedDate": "dateTime", "SystemModstamp": "dateTime", "LastActivityDate": "date",
        "ExternalReference__c": "string",
    },
    read_only=frozenset({"CreatedDate", "SystemModstamp", "LastActivityDate"}),
    required=frozenset({"LastName", "HasOptedOutOfEmail", "DoNotCall"}),
    choices={},
    external_id="ExternalReference__c",
)  # fmt: skip
CASE = ObjectType(
    name="Case",
    prefix="500",
    fields={
        "Id": "id", "ContactId": "id", "Subject": "string", "Origin": "string", "Status": "string",
        "CreatedDate": "dateTime", "SystemModstamp": "dateTime",
    },
    read_only=frozenset({"CreatedDate", "SystemModstamp"}),
    required=frozenset({"ContactId", "Subject", "Origin", "Status"}),
    choices={"Origin": frozenset({"Phone", "Email", "Web"}), "Status": frozenset({"New", "Working", "Closed"})},
)  # fmt: skip
OBJECTS: Mapping[str, ObjectType] = {"Contact": CONTACT, "Case": CASE}
DEFAULTS: Mapping[str, str] = {"HasOptedOutOfEmail": "false", "DoNotCall": "false"}


def check(kind: ObjectType, field: str, value: str | None) -> str | None:
    """What is wrong with a value somebody wants to write, as text without the value; None when it is fine."""
    if field not in kind.fields:
        return "unknown field"
    if field in kind.read_only:
        return "field is read-only"
    if value is None or not value.strip():
        return "a value is required" if field in kind.required else None
    if len(value) > LONGEST:
        return f"longer than {LONGEST} characters"
    if field in kind.choices:
        return None if value in kind.choices[field] else "not one of the allowed values"
    return _check_type(kind.fields[field], value)


def _check_type(kind: str, value: str) -> str | None:
    patterns = {"boolean": r"true|false|0|1", "country": r"[A-Z]{2}", "language": r"[a-z]{2}", "id": r"\w{15}"}
    if kind in patterns:
        return None if re.fullmatch(patterns[kind], value, re.ASCII) else f"not a valid {kind}"
    if kind == "email":
        return None if EMAIL.fullmatch(value) else "not a valid e-mail address"
    if kind == "date":
        try:
            return None if date.fromisoformat(value) <= datetime.now(UTC).date() else "lies in the future"
        except ValueError:
            return "not a valid date"
    return None
