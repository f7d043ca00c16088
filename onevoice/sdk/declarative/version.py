"""How a manifest names the version of a record, and how a read asks for what came after one.

A version is a time on the system's clock in a declared form. A stream without one gets the constant `NO_VERSION`: its
records are told apart by the hub's reading number alone, and every read is a complete one.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from onevoice.sdk.keyset import Keyset
from onevoice.sdk.plain import instant
from onevoice.versions import version_text

NO_VERSION = version_text(0)
NO_VERSION_FIELD = "_version"
"""Field that stands in the records of a stream without a version, for the mapping to name."""


def version_of(value: Any, form: str) -> str:
    """Return a version as sortable text; empty where the value is not of the declared form.

    A form that is not the declared one would sort anywhere, so that it is none.

    Args:
        form: `iso` (ISO 8601), `http` (RFC 9110 date), `seconds`, `milliseconds` (since 1970) or `number`.
    """
    try:
        if form == "number":
            return version_text(int(value)) if _whole(value) else ""
        if form in ("seconds", "milliseconds"):
            number = float(value) / (1000 if form == "milliseconds" else 1)
            return "" if isinstance(value, bool) else version_text(datetime.fromtimestamp(number, UTC))
        if not isinstance(value, str):
            return ""
        return version_text(parsedate_to_datetime(value) if form == "http" else instant(value))
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def asked(position: Keyset, form: str) -> str:
    """Return a position's time as a parameter, rounded down."""
    if form == "iso":
        return position.time
    seconds = position.moment().timestamp()
    return str(int(seconds * 1000) if form == "milliseconds" else int(seconds))


def _whole(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdecimal())
