"""What a changed mapping would make of the records in the store: a comparison, nothing is changed.

Takes two mappings of one stream; gives counts by canonical path and the records concerned. Values are in neither.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from onevoice.contracts import Contract
from onevoice.errors import RecordError
from onevoice.mapping import Mapping, flatten
from onevoice.messages import Json, Mapped
from onevoice.store import Store
from onevoice.store.tables import source_record

PAGE = 1000
EXAMPLES = 5
_MISSING = object()


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


def compare_mappings(
    store: Store, system: str, old: Mapping, new: Mapping, canonical: Contract, progress: Callable[[int], None]
) -> Comparison:
    """Map every stored record of a system's stream both ways and compare; deleted records count with their last values.

    Args:
        store: the store.
        system: whose records.
        old: the mapping as it is; what it cannot read counts as empty.
        new: the mapping as it would be.
        canonical: the contract that the new records must fit.
        progress: called with 1 for each record.
    """
    found = Comparison()
    for key, payload in _records(store, system, new.stream):
        found.records += 1
        progress(1)
        before = _before(old, payload)
        try:
            mapped = new.to_canonical(payload)
            canonical.check(mapped.canonical)
        except RecordError as error:
            _note(found.refused[str(error)], key, before, _MISSING)
            found.changed += 1
            continue
        after = _leaves(mapped)
        paths = [p for p in {**before, **after} if before.get(p, _MISSING) != after.get(p, _MISSING)]
        for path in paths:
            _note(found.paths[path], key, before.get(path, _MISSING), after.get(path, _MISSING))
        found.changed += bool(paths)
    return found


def _before(mapping: Mapping, payload: Json) -> Json:
    try:
        return _leaves(mapping.to_canonical(payload))
    except RecordError:
        return {}


def _leaves(mapped: Mapped) -> Json:
    flags = {f"acts[{flag.channel}/{flag.purpose}]": flag.observed for flag in mapped.flags if flag.observed}
    return {**flatten(mapped.canonical), **flags}


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
