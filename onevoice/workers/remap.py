"""What a changed mapping would make of the records in the store: a comparison, nothing is changed.

Takes two mappings of one stream; gives counts by canonical path and the records concerned. Values are in neither.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import select

from onevoice.contracts import Contract
from onevoice.errors import RecordError
from onevoice.mapping import Mapping, flatten
from onevoice.messages import Json
from onevoice.store import Store
from onevoice.store.tables import source_record

PAGE = 1000
EXAMPLES = 5
_MISSING = object()

Parts: TypeAlias = Sequence[tuple[Mapping, Contract]]
"""A compiled mapping and whatever it gives under `also`, each with the contract of its records; the record first."""

_Leaves: TypeAlias = dict[tuple[str, str], Any]


@dataclass(slots=True)
class PathChange:
    """How one canonical path, consent field or the whole record would change.

    Attributes:
        appears, differs, goes: in how many records.
        keys: the first of these records.
    """

    appears: int = 0
    differs: int = 0
    goes: int = 0
    keys: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Comparison:
    """The outcome over all records of a stream.

    Attributes:
        records: how many were looked at.
        changed: how many of them would change.
        paths: what would change.
        refused: reason -> records that the new mapping could not take; they would go to quarantine.
    """

    records: int = 0
    changed: int = 0
    paths: dict[str, PathChange] = field(default_factory=lambda: defaultdict(PathChange))
    refused: dict[str, PathChange] = field(default_factory=lambda: defaultdict(PathChange))


def compare_mappings(store: Store, system: str, old: Parts, new: Parts, progress: Callable[[int], None]) -> Comparison:
    """Map every stored record of a system's stream by both and compare; deleted records count with their last values.

    Args:
        store: the store.
        system: whose records.
        old: the mapping as it is; what it cannot read counts as empty.
        new: the mapping as it would be, with the contracts that its records must fit.
        progress: called with 1 for each record.
    """
    found = Comparison()
    slots = len(old) > 1 or len(new) > 1
    for key, payload in _records(store, system, new[0][0].stream):
        if slots and "#" in key:
            continue  # given by the record before the `#`
        found.records += 1
        progress(1)
        before = _before(old, payload)
        try:
            after = _leaves(new, payload)
        except RecordError as error:
            _note(found.refused[str(error)], key, before, _MISSING)
            found.changed += 1
            continue
        paths = [p for p in {**before, **after} if before.get(p, _MISSING) != after.get(p, _MISSING)]
        for ending, path in paths:
            told = f"{ending.partition('/')[0]} {path}".strip()
            where = (ending, path)
            _note(found.paths[told], key, before.get(where, _MISSING), after.get(where, _MISSING))
        found.changed += bool(paths)
    return found


def _before(old: Parts, payload: Json) -> _Leaves:
    try:
        return _leaves(old, payload)
    except RecordError:
        return {}


def _leaves(parts: Parts, payload: Json) -> _Leaves:
    found: _Leaves = {}
    for mapping, contract in parts:
        for ending, _, mapped in mapping.records(payload):
            contract.check(mapped.canonical)
            flags = {f"acts[{flag.channel}/{flag.purpose}]": flag.observed for flag in mapped.flags if flag.observed}
            found |= {(ending, path): value for path, value in {**flatten(mapped.canonical), **flags}.items()}
    return found


def _note(change: PathChange, key: str, before: Any, after: Any) -> None:
    change.appears += before is _MISSING
    change.goes += after is _MISSING
    change.differs += before is not _MISSING and after is not _MISSING
    if len(change.keys) < EXAMPLES:
        change.keys.append(key)


def _records(store: Store, system: str, stream: str) -> Iterator[tuple[str, Json]]:
    columns = (source_record.c.key, source_record.c.payload)
    after = ""
    while True:
        page = (
            select(*columns)
            .where(source_record.c.system == system, source_record.c.stream == stream, source_record.c.key > after)
            .order_by(source_record.c.key)
            .limit(PAGE)
        )
        with store.transaction() as connection:
            rows = connection.execute(page).all()
        for row in rows:
            if row.payload is not None:
                yield row.key, row.payload
        if len(rows) < PAGE:
            return
        after = rows[-1].key
