"""Claims: what one source record says about one attribute, with when it said so.

Takes flattened canonical values of a record, gives claims. The one rule: a field that only echoes what the hub wrote is
no claim of now; its value is the system's last own one, and so is its time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from onevoice.messages import RecordRef

_BLANK: tuple[Any, ...] = (None, "", [])  # False and 0 are values


class Claim(NamedTuple):
    """One attribute value with its source record, time and the mapping that read it.

    Attributes:
        path: canonical path, list slots by kind: `emails[main].address`.
        value: a text, number, truth value or list of them; never blank.
        time: when the source said so, in UTC.
    """

    path: str
    value: Any
    ref: RecordRef
    time: datetime
    mapping_version: str


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

    Args:
        ref: the record.
        flattened: canonical path -> the record's own value.
        occurred_at: the time that the record's version names.
        echo_times: canonical path -> time of the last own value, for fields that echo.
        mapping_version: of the mapping that made the values.
    """
    return [
        Claim(path, value, ref, echo_times.get(path, occurred_at), mapping_version)
        for path, value in flattened.items()
        if value not in _BLANK
    ]
