"""Objects of the API as the hub takes them: the fields that a stream asks for, with their types; and the way back.

The API gives every field as text. Its times are whole seconds; a value that is empty is left out there and None here.
"""

from collections.abc import Mapping
from typing import Any

from onevoice.sdk import Json, RefusedError, SourceRecord
from onevoice.sdk.declarative.version import version_of
from onevoice.sdk.open_fields import elements_of, fields_of

OBJECTS = "urn:sobject.partner.soap.sforce.com"
VERSION = "SystemModstamp"
FIELDS: Mapping[str, tuple[str, ...]] = {
    "Contact": (
        *("Id", "Salutation", "FirstName", "MiddleName", "LastName", "Birthdate", "Email", "Phone", "MobilePhone"),
        *("MailingStreet", "MailingCity", "MailingPostalCode", "MailingCountryCode"),
        *("HasOptedOutOfEmail", "DoNotCall", VERSION),
    ),
    "Case": ("Id", "CaseNumber", "ContactId", "Subject", "Status", "Origin", "CreatedDate", "ClosedDate", VERSION),
}
_FLAGS = frozenset({"HasOptedOutOfEmail", "DoNotCall"})
_TIMES = frozenset({"CreatedDate", "ClosedDate", VERSION})


def sobject_record(stream: str, row: Mapping[str, Any]) -> SourceRecord:
    """Return the record of an object; without key or version it is left empty, for quarantine."""
    given = {"Id": row.get("Id"), **fields_of(row.get("_value_1"))}
    data: Json = {name: _read(name, given.get(name)) for name in FIELDS[stream]}
    # A time of another form would sort anywhere, so that it is no version.
    version = version_of(given.get(VERSION), "iso")
    return SourceRecord(stream=stream, key=str(data["Id"] or ""), version=version, data=data)


def changed_sobject(stream: str, key: str, fields: Mapping[str, Any], where: str) -> Json:
    """Return an object that carries changes.

    Raises:
        RefusedError: a field is none of the stream's, or its value is none that can be sent.
    """
    for name in fields:
        if name not in FIELDS[stream] or name in ("Id", *_TIMES):
            raise RefusedError(f"{where}: {name} is not a writable field")
    given = {name: _written(value) for name, value in fields.items() if value is not None}
    try:
        elements = elements_of(OBJECTS, given)
    except ValueError:
        raise RefusedError(f"{where}: a value holds what XML cannot carry") from None
    cleared = [name for name, value in fields.items() if value is None]
    return {"type": stream, "fieldsToNull": cleared, "Id": key, "_value_1": elements}


def _read(name: str, value: str | None) -> Any:
    if value is None:
        return False if name in _FLAGS else None
    if name in _FLAGS:
        return value == "true"
    return version_of(value, "iso") or value if name in _TIMES else value


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
