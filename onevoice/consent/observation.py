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
        time: when it said so, as the version says.
        points: contact points on the flag's channel that the version carried, sorted.
    """

    version: tuple[str, int]
    observed: str | None
    time: datetime
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagAct:
    """A withdrawal that follows from a flag.

    Attributes:
        earliest: when the version before it still said otherwise; None at first sight.
        time: when its own version said so.
    """

    version: tuple[str, int]
    earliest: datetime | None
    time: datetime


def observe(
    series: Sequence[Observation],
    version: tuple[str, int],
    observed: str | None,
    time: datetime,
    points: Iterable[str] = (),
) -> tuple[Observation, ...]:
    """Return the series with one more observation in its place; neither order of arrival nor repetition matters."""
    seen = Observation(version, observed, time, tuple(sorted(set(points))))
    at = bisect_left(series, version, key=lambda one: one.version)
    standing = series[at : at + 1]
    if standing and standing[0].version == version:
        both = tuple(sorted({*standing[0].points, *seen.points}))
        return (*series[:at], replace(min(standing[0], seen, key=_precedence), points=both), *series[at + 1 :])
    return (*series[:at], seen, *series[at:])


def acts_of_flag(series: Sequence[Observation]) -> list[FlagAct]:
    """Return each withdrawal: where the flag turned to `withdrawn`, or was so at first sight."""
    return [
        FlagAct(one.version, series[at - 1].time if at else None, one.time)
        for at, one in enumerate(series)
        if one.observed == WITHDRAWN and (at == 0 or series[at - 1].observed != WITHDRAWN)
    ]


def points_since(series: Sequence[Observation], version: tuple[str, int]) -> list[str]:
    """Return the points that the record carried in this version or any later one, sorted.

    A withdrawal stands whatever the record says later, so it holds for each point that came under it: a new number must
    not set the old one free.
    """
    return sorted({point for one in series if one.version >= version for point in one.points})


def _precedence(one: Observation) -> tuple[bool, str, str]:
    """Of two words on one version the withdrawal stands, and the earlier one of two equal words."""
    return one.observed != WITHDRAWN, one.time.isoformat(), one.observed or ""
