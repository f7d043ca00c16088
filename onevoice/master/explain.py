"""Tells for every golden value where it came from and what it won against.

Takes a golden record, gives rows for a table. The one rule: every claim appears, the losing ones included.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onevoice.master.claims import Claim
from onevoice.master.golden import Golden


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """One golden value with its provenance.

    `value` is None, and so is the provenance, where the record that won the attribute as a whole says nothing there.
    """

    path: str
    value: Any
    system: str | None
    stream: str | None
    key: str | None
    time: datetime | None
    mapping_version: str | None
    rule: str
    losers: tuple[Claim, ...]


def explain(golden: Golden) -> tuple[ValueRow, ...]:
    """Return one row a path, in order of path."""
    rows = [
        ValueRow(
            path=path,
            value=decision.winner.value,
            system=decision.winner.ref.system,
            stream=decision.winner.ref.stream,
            key=decision.winner.ref.key,
            time=decision.winner.time,
            mapping_version=decision.winner.mapping_version,
            rule=decision.rule,
            losers=decision.losers,
        )
        for path, decision in golden.decisions.items()
    ]
    rows += [_empty(path, losers) for path, losers in golden.left_out.items()]
    return tuple(sorted(rows, key=lambda row: row.path))


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
        losers=losers,
    )
