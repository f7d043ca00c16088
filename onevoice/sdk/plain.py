"""Source values as JSON-safe data: dates and times as ISO text, decimals as text, so that nothing is rounded.

Takes what drivers and XML parsers give; gives what JSON can carry without loss. A time without a zone is taken as UTC.
Bytes become base64 (RFC 4648), times of day ISO text, spans of time seconds in text.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from onevoice.versions import version_text


def plain(value: object) -> object:
    """Return `value` with only JSON types in it: text, whole numbers, floats, booleans, None, lists, objects.

    Raises:
        TypeError: the value has no JSON form (an open file, ...).
    """
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, datetime | date):
        return version_text(value)
    if isinstance(value, Decimal | UUID | time):
        return str(value)
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")


def instant(text: str) -> datetime:
    """Return ISO 8601 text as an aware time in UTC.

    Raises:
        ValueError: the text is not a time (the message does not quote it).
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not an ISO 8601 time") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
