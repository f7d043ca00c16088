"""Consent fields of a record as a series of observations, and the acts that follow from it.

A flag is no act by itself: it becomes one where it changes between successive versions (by version, not by arrival)
or at first sight. The series is kept as runs of equal values, which is enough to place a late version exactly.
Unticking a box lifts nothing: without declared evidence a flag can withdraw, not grant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of successive versions with one observed value.

    Attributes:
        first: (sequence, reading) of the first version in it.
        last: (sequence, reading) of the last.
        observed: `withdrawn`, `granted` or None.
        time: when the first version says it happened.
    """

    first: tuple[str, int]
    last: tuple[str, int]
    observed: str | None
    time: datetime


def observe(series: Sequence[Run], version: tuple[str, int], observed: str | None, time: datetime) -> tuple[Run, ...]:
    """Return the series with one more observation in its place; the order of arrival does not matter."""
    runs = list(series)
    at = next((i for i, run in enumerate(runs) if version <= run.last), len(runs))
    if at < len(runs) and runs[at].first <= version:
        _observe_within(runs, at, version, observed, time)
    else:
        runs.insert(at, Run(version, version, observed, time))
    return tuple(_join(runs))


def _observe_within(runs: list[Run], at: int, version: tuple[str, int], observed: str | None, time: datetime) -> None:
    run = runs[at]
    if run.observed == observed or version in (run.first, run.last):
        return
    left = Run(run.first, run.first, run.observed, run.time)
    right = Run(run.last, run.last, run.observed, time)
    runs[at : at + 1] = [left, Run(version, version, observed, time), right]


def _join(runs: list[Run]) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].observed == run.observed:
            joined[-1] = Run(joined[-1].first, run.last, run.observed, joined[-1].time)
        else:
            joined.append(run)
    return joined


def acts_of_flag(series: Sequence[Run]) -> list[Run]:
    """Return the runs that are withdrawals: where the flag turned to `withdrawn`, or was so at first sight."""
    return [run for run in series if run.observed == "withdrawn"]
