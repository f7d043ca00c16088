"""Source versions as text whose byte order is the order of the versions.

Takes what systems have (numbers, times, ETag counters); gives one comparable form, so that the rooms compare
versions without knowing whose they are.
"""

from datetime import UTC, date, datetime

_DIGITS = 20


def version_text(value: object) -> str:
    """Return a source version as sortable text.

    Whole numbers become 20 digits, times become UTC ISO 8601 with microseconds (a time without a zone is taken as
    UTC), other text stays as it is.

    Raises:
        TypeError: the value is of a kind that has no order (a float, a list, None).
    """
    if isinstance(value, bool) or value is None:
        raise TypeError("a version is a whole number, a time or text")
    if isinstance(value, int):
        return f"{value:0{_DIGITS}d}"
    if isinstance(value, datetime):
        return _utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _from_text(value)
    raise TypeError("a version is a whole number, a time or text")


def _from_text(value: str) -> str:
    if value.isdecimal() and len(value) <= _DIGITS:
        return value.zfill(_DIGITS)
    try:
        return _utc_text(datetime.fromisoformat(value)) if "T" in value or " " in value else value
    except ValueError:
        return value


def _utc_text(value: datetime) -> str:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
