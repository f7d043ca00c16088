"""A party as the hub takes it: flat, with the first active address and the first active mechanism of each kind.

Takes a party as `search_read` gives it with all that hangs on it, read in one transaction; gives a source record. The
one rule: the version is the latest change of any of its parts, active or not, since Tryton moves only the part's own.
"""

from collections.abc import Mapping
from typing import Any

from onevoice.sdk import Json, SourceRecord

STREAM = "party"
KINDS = ("email", "phone", "mobile")
ADDRESS_FIELDS = ("street", "city", "postal_code")

_WHEN = ("write_date", "create_date", "_timestamp")
READ_FIELDS = [
    *("name", "active", "lang.code", "categories", *_WHEN),
    *(f"addresses.{name}" for name in (*ADDRESS_FIELDS, "active", "country.code", *_WHEN)),
    *(f"contact_mechanisms.{name}" for name in ("type", "value", "active", *_WHEN)),
]


def party_record(row: Json, categories: Mapping[str, int]) -> SourceRecord:
    """Return the record of one party; `categories` is flag -> category id."""
    version = party_version(row)
    data: Json = {
        "id": row["id"],
        "name": row["name"] or None,
        "lang": (row["lang."] or {}).get("code"),
        "active": bool(row["active"]),  # SQLite has no booleans
        "address": _address(first_address(row)),
        **{kind: (first_mechanism(row, kind) or {}).get("value") or None for kind in KINDS},
        **{flag: category in row["categories"] for flag, category in categories.items()},
        "changed_at": version,
    }
    return SourceRecord(stream=STREAM, key=str(row["id"]), version=version, data=data)


def party_version(row: Json) -> str:
    """Return the latest change of the party or any of its parts."""
    return str(max(part["write_date"] or part["create_date"] for part in _parts(row)))


def timestamps(row: Json) -> dict[str, str]:
    """Return what Tryton shall hold the party and its parts to in a conditional write, as `_timestamp` wants it."""
    models = {"addresses.": "party.address", "contact_mechanisms.": "party.contact_mechanism"}
    stamps = {f"{model},{part['id']}": part["_timestamp"] for name, model in models.items() for part in row[name]}
    return {f"party.party,{row['id']}": row["_timestamp"]} | stamps


def first_address(row: Json) -> Json | None:
    """Return the address that stands first."""
    return next((dict(part) for part in row["addresses."] if part["active"]), None)


def first_mechanism(row: Json, kind: str) -> Json | None:
    """Return the contact mechanism of a kind that stands first, which is the one Tryton itself shows and uses."""
    return next((dict(part) for part in row["contact_mechanisms."] if part["active"] and part["type"] == kind), None)


def _parts(row: Json) -> list[Any]:
    return [row, *row["addresses."], *row["contact_mechanisms."]]


def _address(part: Json | None) -> Json | None:
    if part is None:
        return None
    country = (part["country."] or {}).get("code")
    return {"id": part["id"], **{name: part[name] or None for name in ADDRESS_FIELDS}, "country": country}
