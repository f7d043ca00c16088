"""Consent fields of a record as a series of observations, and the acts that follow from it.

A flag is no act by itself: it becomes one where it changes between successive versions (by version, not by arrival)
or at first sight. Every observation is kept, not only the changes: a late version may fall between any two of them.
Unticking a box lifts nothing: without declared evidence a flag can withdraw, not grant.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a consent field said in one version.

    Attributes:
        version: (sequence, reading).
        observed: `withdrawn`, `granted` or None.
        time: when a withdrawal happened, as the version says; None for all else.
        points: contact points on the flag's channel that the version carried, sorted.
    """

    version: tuple[str, int]
    observed: str | None
    time: datetime | None
    points: tuple[str, ...] = ()


def observe(
    series: Sequence[Observation],
    version: tuple[str, int],
    observed: str | None,
    time: datetime,
    points: Iterable[str] = (),
) -> tuple[Observation, ...]:
    """Return the series with one more observation in its place; neither order of arrival nor repetition matters."""
    seen = Observation(version, observed, time if observed == WITHDRAWN else None, tuple(sorted(set(points))))
    at = bisect_left(series, version, key=lambda one: one.version)
    standing = series[at : at + 1]
    if standing and standing[0].version == version:
        both = tuple(sorted({*standing[0].points, *seen.points}))
        return (*series[:at], replace(min(standing[0], seen, key=_precedence), points=both), *series[at + 1 :])
    return (*series[:at], seen, *series[at:])


def acts_of_flag(series: Sequence[Observation]) -> list[tuple[tuple[str, int], datetime]]:
    """Return version and time of each withdrawal: where the flag turned to `withdrawn`, or was so at first sight."""
    return [
        (one.version, one.time)
        for at, one in enumerate(series)
        if one.time is not None and (at == 0 or series[at - 1].time is None)
    ]


def points_since(series: Sequence[Observation], version: tuple[str, int]) -> list[str]:
    """Return the points that the record carried in this version or any later one, sorted.

    A withdrawal stands whatever the record says later, so it holds for each point that came under it: a new number must
    not set the old one free.
    """
    return sorted({point for one in series if one.version >= version for point in one.points})


def _precedence(one: Observation) -> tuple[bool, str, str]:
    """Of two words on one version the withdrawal stands, and the earlier one of two withdrawals."""
    return one.observed != WITHDRAWN, one.time.isoformat() if one.time else "", one.observed or ""
