"""Claims: what one source record says about one attribute, with when it said so and when it holds.

Takes flattened canonical values of a record, gives claims. The one rule: a field that only echoes what the hub wrote is
no claim of now; its value is the system's last own one, and so is its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from onevoice.messages import RecordRef

_DATES = ("].valid_from", "].valid_until")
_BLANK: tuple[Any, ...] = (None, "", [])  # False and 0 are values


class Claim(NamedTuple):
    """One attribute value with its source record, time and the mapping that read it.

    Attributes:
        path: canonical path, list slots by kind: `emails[main].address`.
        value: a text, number, truth value or list of them; never blank.
        time: when the source said so, in UTC.
        valid_from: the first day on which it holds, as YYYY-MM-DD; None: it has always held.
        valid_until: the last day on which it holds; None: no end is known.
    """

    path: str
    value: Any
    ref: RecordRef
    time: datetime
    mapping_version: str
    valid_from: str | None = None
    valid_until: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A value that a person fixed by hand; it hangs on a record, so that it stays with it through merges and splits.

    Attributes:
        ref: the record; the customer that holds it has the value.
        time: when the person said so.
    """

    id: UUID
    ref: RecordRef
    path: str
    value: Any
    actor: str
    reason: str
    time: datetime


def claims_of(
    ref: RecordRef,
    flattened: Mapping[str, Any],
    occurred_at: datetime,
    echo_times: Mapping[str, datetime],
    mapping_version: str,
) -> list[Claim]:
    """Return a record's claims; blank values (None, empty text, empty list) claim nothing.

    The dates from which and until which an entry of a list holds are no claims of their own: they qualify all others on
    that entry.

    Args:
        ref: the record.
        flattened: canonical path -> the record's own value.
        occurred_at: the time that the record's version names.
        echo_times: canonical path -> time of the last own value, for fields that echo.
        mapping_version: of the mapping that made the values.
    """
    claims = [
        Claim(path, value, ref, echo_times.get(path, occurred_at), mapping_version)
        for path, value in flattened.items()
        if value not in _BLANK
    ]
    if any(claim.path.endswith(_DATES) for claim in claims):
        begins, ends = _DATES
        return [
            claim._replace(valid_from=_date(claim, begins, flattened), valid_until=_date(claim, ends, flattened))
            for claim in claims
            if not claim.path.endswith(_DATES)
        ]
    return claims


def _date(claim: Claim, which: str, flattened: Mapping[str, Any]) -> str | None:
    """The date that stands beside a claim in its entry of a list, if one does."""
    entry, bracket, _ = claim.path.partition("]")
    found = flattened.get(f"{entry}{which}") if bracket else None
    return found or None
