"""Records of the shop as the hub takes them: what its API shows of users and orders, flat.

Takes the API's JSON, gives records. The API has neither keys nor versions of its own: a key is the end of a record's
address, and the version is the constant of streams without one. Its times have the shop's zone.
"""

from typing import Any

from onevoice.sdk import Json, SourceRecord, version_text
from onevoice.sdk.declarative.version import NO_VERSION, NO_VERSION_FIELD
from onevoice.sdk.plain import instant

USERS, GUESTS, ORDERS = "users", "guests", "orders"
_LINES = ("line1", "line2", "line3")


def shop_record(stream: str, row: Json) -> SourceRecord | None:
    """Return a row of the API as a record of a stream; None where it is none of that stream."""
    if stream == USERS:
        return None if row.get("is_staff") else _record(stream, row, _user(row))
    if stream == GUESTS:
        return None if row.get("owner") else _record(stream, row, _guest(row))
    return _record(stream, row, _order(row))


def _record(stream: str, row: Json, data: Json) -> SourceRecord:
    key = _last(row.get("url"))
    whole = {"id": key, **data, NO_VERSION_FIELD: 0}
    return SourceRecord(stream=stream, key=key, version=NO_VERSION if key else "", data=whole)


def _user(row: Json) -> Json:
    names = ("username", "email", "first_name", "last_name", "is_active")
    return {name: _plain(row.get(name)) for name in names} | {"joined_at": _time(row.get("date_joined"))}


def _guest(row: Json) -> Json:
    address = row.get("shipping_address") or row.get("billing_address") or {}
    street = ", ".join(line for name in _LINES if (line := str(address.get(name) or "").strip()))
    return {
        "email": _plain(row.get("email")),
        "title": _plain(address.get("title")),
        "first_name": _plain(address.get("first_name")),
        "last_name": _plain(address.get("last_name")),
        "phone": _plain(address.get("phone_number")),
        "street": street or None,
        "city": _plain(address.get("line4")),
        "postcode": _plain(address.get("postcode")),
        "country": _last(address.get("country")) or None,
        "ordered_at": _time(row.get("date_placed")),
    }


def _order(row: Json) -> Json:
    owner = _last(row.get("owner"))
    return {
        "number": _plain(row.get("number")),
        "customer": {"stream": USERS, "key": owner} if owner else {"stream": GUESTS, "key": _last(row.get("url"))},
        "status": _plain(row.get("status")),
        "total": _plain(row.get("total_incl_tax")),
        "currency": _plain(row.get("currency")),
        "placed_at": _time(row.get("date_placed")),
    }


def _plain(value: Any) -> Any:
    return None if value == "" else value


def _time(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return version_text(instant(str(value)))
    except ValueError:
        return str(value) or None  # the source schema refuses it, with its place


def _last(address: Any) -> str:
    """Return the end of an address: `3` of `https://shop.example.com/api/admin/users/3/`."""
    return str(address).rstrip("/").rpartition("/")[2] if isinstance(address, str) else ""
