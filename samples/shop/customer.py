"""What may be written into a shop account.

`problems(fields)` gives, per field, what is wrong with it. One rule: the texts never repeat the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PHONE = re.compile(r"[+(]?[0-9][0-9 ()/.-]{5,30}")
LOCALE = re.compile(r"[a-z]{2}-[A-Z]{2}")
COUNTRY = re.compile(r"[A-Z]{2}")
ADDRESS_FIELDS = ("street", "city", "zip", "country")


def problems(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """Field to problems; empty when everything may be written."""
    found = {
        field: WRITABLE[field](value) if field in WRITABLE else "is unknown or read-only"
        for field, value in fields.items()
    }
    return {field: [problem] for field, problem in found.items() if problem}


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() and len(value) <= 100 else "must be 1 to 100 characters"


def _email(value: Any) -> str | None:
    return None if isinstance(value, str) and EMAIL.fullmatch(value) else "is not an e-mail address"


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        return None if value is None or (isinstance(value, str) and pattern.fullmatch(value)) else "is malformed"

    return check


def _birth_date(value: Any) -> str | None:
    if value is None:
        return None
    try:
        born = date.fromisoformat(value)
    except (TypeError, ValueError):
        return "is not a date"
    return None if born <= datetime.now(UTC).date() else "lies in the future"


def _address(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != set(ADDRESS_FIELDS):
        return f"must have exactly {', '.join(ADDRESS_FIELDS)}"
    if not all(isinstance(value[field], str) and value[field].strip() for field in ADDRESS_FIELDS):
        return "all parts are required"
    return None if COUNTRY.fullmatch(value["country"]) else "country must be two capital letters"


def _answer(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false: who was asked once cannot become not asked"


WRITABLE: Mapping[str, Callable[[Any], str | None]] = {
    "first_name": _name,
    "last_name": _name,
    "email": _email,
    "phone": _matching(PHONE),
    "birth_date": _birth_date,
    "default_address": _address,
    "accepts_email_marketing": _answer,
    "accepts_phone_marketing": _answer,
    "locale": _matching(LOCALE),
}
