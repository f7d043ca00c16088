"""Dates and times in the forms that systems have them in.

Takes a rule with `format` and `zone`; gives conversions to ISO 8601 days and to UTC with six fraction digits. The first
format is the one that is written; the rule kept: what would not read back as the same moment is not written.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from onevoice.mapping.rule import Rule
from onevoice.mapping.table import Conversion

EPOCHS = {"epoch": timedelta(seconds=1), "epoch-ms": timedelta(milliseconds=1)}
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def make_date(rule: Rule) -> Conversion:
    """Return the conversion of a day."""
    formats = rule.formats

    def get(raw: object) -> str:
        if not formats:
            return date.fromisoformat(_text(raw)).isoformat()
        return _parsed(_text(raw), formats).date().isoformat()

    def put(day: str) -> str:
        return date.fromisoformat(day).strftime(formats[0]) if formats else day

    return _guarded(get, put)


def make_datetime(rule: Rule) -> Conversion:
    """Return the conversion of a moment; without `zone` a text must carry its own."""
    zone = ZoneInfo(rule.zone) if rule.zone else None
    formats = rule.formats

    def get(raw: object) -> str:
        if formats and formats[0] in EPOCHS:
            return moment_text(_since_epoch(raw, EPOCHS[formats[0]]))
        found = _parsed(_text(raw), formats) if formats else datetime.fromisoformat(_text(raw))
        return moment_text(_zoned(found, zone))

    def put(text: str) -> str | int:
        if not formats and zone is None:
            return text
        found = datetime.fromisoformat(text)
        if formats and formats[0] in EPOCHS:
            return (found - _ZERO) // EPOCHS[formats[0]]
        local = found.astimezone(zone or UTC)
        return local.strftime(formats[0]) if formats else local.replace(tzinfo=None).isoformat(sep="T")

    return _guarded(get, put)


def moment(raw: object) -> datetime:
    """Return a time with zone in UTC.

    Raises:
        ValueError: it is no ISO 8601 time, or has no zone.
    """
    try:
        return _zoned(datetime.fromisoformat(_text(raw)), None)
    except (ValueError, OverflowError):
        raise ValueError("no ISO time with zone") from None


def moment_text(value: datetime) -> str:
    """Return a UTC time as canonical records have it."""
    # strftime would write the year 33 with two digits; isoformat pads it.
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _guarded(get: Callable[[object], str], put: Callable[[str], str | int]) -> Conversion:
    def read(raw: object) -> str:
        try:
            return get(raw)
        except (ValueError, OverflowError):
            raise ValueError("no such date or time") from None

    def write(value: str) -> str | int | None:
        try:
            written = put(value)
            return written if get(written) == value else None
        except (ValueError, OverflowError):
            return None

    return Conversion(read, write)


def _parsed(text: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the zone is the rule's
        except ValueError:
            continue
    raise ValueError("in none of the formats")


def _since_epoch(raw: object, unit: timedelta) -> datetime:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ValueError("no whole number")  # noqa: TRY004 - one kind of error for every unreadable value
    return _ZERO + raw * unit


def _zoned(found: datetime, zone: ZoneInfo | None) -> datetime:
    if found.tzinfo is None:
        if zone is None:
            raise ValueError("a time without zone")
        found = found.replace(tzinfo=zone)
    return found.astimezone(UTC)


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("not text")  # noqa: TRY004 - one kind of error for every unreadable value
    return raw.strip()
