"""Tells for every golden value where it came from and what it won against.

Takes a golden record, gives rows for a table. The one rule: every claim appears, the losing ones included.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    valid_from: str | None
    valid_until: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """One golden value with its provenance.

    `value` is None, and so is the provenance, where the record that won the attribute as a whole says nothing there, or
    where no claim is in force.
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


def explain(golden: Golden, not_in_force: Sequence[Claim] = ()) -> tuple[ValueRow, ...]:
    """Return one row a path, in order of path.

    Args:
        golden: of the claims that are in force.
        not_in_force: the others; they come last among those that lost.
    """
    rows = [_row(path, decision) for path, decision in golden.decisions.items()]
    rows += [
        _empty(path, losers, "the record that won the rest says nothing here")
        for path, losers in golden.left_out.items()
    ]
    found = {row.path: row for row in rows}
    for claim in sorted(not_in_force, key=lambda claim: (claim.path, claim.ref)):
        row = found.get(claim.path) or _empty(claim.path, (), "what was said holds not yet, or not any more")
        found[claim.path] = replace(row, losers=(*row.losers, *_told((claim,))))
    return tuple(found[path] for path in sorted(found))


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


def _empty(path: str, losers: tuple[Claim, ...], rule: str) -> ValueRow:
    return ValueRow(
        path=path,
        value=None,
        system=None,
        stream=None,
        key=None,
        time=None,
        mapping_version=None,
        rule=rule,
        losers=_told(losers),
    )


def _told(losers: tuple[Claim, ...]) -> tuple[Lost, ...]:
    return tuple(Lost(*claim) for claim in losers)
