"""Tryton's JSON: plain JSON in which dates, times and decimals are objects that name their class.

Takes the body of an answer, gives JSON-safe values: times as UTC ISO text, dates as ISO text, decimals as text, bytes
as base64 text. A time from Tryton has no zone and is UTC.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from onevoice.sdk import Json, version_text

_DAY = ("year", "month", "day")
_CLOCK = ("hour", "minute", "second", "microsecond")

_READERS: dict[str, Callable[[Json], object]] = {
    "datetime": lambda given: version_text(datetime(**_parts(given, _DAY + _CLOCK), tzinfo=UTC)),
    "date": lambda given: date(**_parts(given, _DAY)).isoformat(),
    "time": lambda given: time(**_parts(given, _CLOCK)).isoformat(),
    "timedelta": lambda given: given["seconds"],
    "Decimal": lambda given: given["decimal"],
    "bytes": lambda given: given["base64"],
}


def decode(body: bytes) -> Any:
    """Return an answer's content.

    Raises:
        ValueError: it is not the JSON that Tryton writes.
    """
    try:
        return json.loads(body, object_hook=_plain)
    except (KeyError, TypeError, RecursionError):
        raise ValueError("not Tryton's JSON") from None


def moment(when: datetime) -> Json:
    """Return a time as Tryton takes it in a search."""
    utc = when.astimezone(UTC)
    return {"__class__": "datetime"} | {part: getattr(utc, part) for part in (*_DAY, *_CLOCK)}


def _parts(given: Json, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in names}


def _plain(given: Json) -> object:
    read = _READERS.get(given.get("__class__", ""))
    return read(given) if read else given
