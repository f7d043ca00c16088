"""Tells for every golden value where it came from and what it won against.

Takes a golden record, gives rows for a table. The one rule: every claim appears, the losing ones included.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from onevoice.master.claims import Claim
from onevoice.master.golden import Decision, Golden
from onevoice.messages import RecordRef


@dataclass(frozen=True, slots=True)
class Lost:
    """A claim that lost, as it is told: an object with named fields."""

    path: str
    value: Any
    ref: RecordRef
    time: datetime
    mapping_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """One golden value with its provenance.

    `value` is None, and so is the provenance, where the record that won the attribute as a whole says nothing there.
    `pin` is the id of the pin that fixes the value; then there is no record that it comes from.
    """

    path: str
    value: Any
    system: str | None
    stream: str | None
    key: str | None
    time: datetime | None
    mapping_version: str | None
    rule: str
    losers: tuple[Lost, ...]
    pin: UUID | None = None


def explain(golden: Golden) -> tuple[ValueRow, ...]:
    """Return one row a path, in order of path."""
    rows = [_row(path, decision) for path, decision in golden.decisions.items()]
    rows += [_empty(path, losers) for path, losers in golden.left_out.items()]
    return tuple(sorted(rows, key=lambda row: row.path))


def _row(path: str, decision: Decision) -> ValueRow:
    won = decision.winner
    return ValueRow(
        path=path,
        value=decision.value,
        system=won.ref.system if won else None,
        stream=won.ref.stream if won else None,
        key=won.ref.key if won else None,
        time=won.time if won else None if decision.pin is None else decision.pin.time,
        mapping_version=won.mapping_version if won else None,
        rule=decision.rule,
        losers=_told(decision.losers),
        pin=decision.pin.id if decision.pin else None,
    )


def _empty(path: str, losers: tuple[Claim, ...]) -> ValueRow:
    return ValueRow(
        path=path,
        value=None,
        system=None,
        stream=None,
        key=None,
        time=None,
        mapping_version=None,
        rule="the record that won the rest says nothing here",
        losers=_told(losers),
    )


def _told(losers: tuple[Claim, ...]) -> tuple[Lost, ...]:
    return tuple(Lost(*claim) for claim in losers)
