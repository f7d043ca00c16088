"""How a manifest names the version of a record, and how a read asks for what came after one.

A version is a time on the system's clock in a declared form. A stream without one gets the constant `NO_VERSION`: its
records are told apart by the hub's reading number alone, and every read is a complete one.
"""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from onevoice.messages import Json
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.paging import inside
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


def written_version(before: Any, form: str, now: datetime) -> Any:
    """Return the version of a record that is written now, in the declared form and after the one before."""
    if form == "number":
        number = int(before) + 1
        return str(number) if isinstance(before, str) else number
    if form == "http":
        return format_datetime(now.astimezone(UTC), usegmt=True)
    if form in ("seconds", "milliseconds"):
        number = int(now.timestamp() * (1000 if form == "milliseconds" else 1))
        return str(number) if isinstance(before, str) else number
    return version_text(now)


def is_marked(data: Json, mark: Json | None) -> bool:
    """Return whether the declared field says that the record is deleted."""
    if mark is None:
        return False
    value = inside(data, mark["field"])
    return bool(value == mark["equals"] if "equals" in mark else value)


def asked(position: Keyset, form: str) -> str:
    """Return a position's time as a parameter, rounded down."""
    if form == "iso":
        return position.time
    seconds = position.moment().timestamp()
    return str(int(seconds * 1000) if form == "milliseconds" else int(seconds))


def _whole(value: Any) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, str) and value.isdecimal())
