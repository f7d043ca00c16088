"""A changed mapping and the records in the store: what it would make of them, and making it so.

Takes mappings of one stream; gives counts by canonical path and the records concerned. Values are in neither.
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
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import source_record
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.prepare import Incoming, Rejected, prepare_stored
from onevoice.workers.ingest.record import Record, load_records, record_of

PAGE = 500
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


@dataclass(slots=True, kw_only=True)
class Outdated:
    """The records of a stream that stand as another mapping or schema made them.

    Attributes:
        records: how many there are.
        refused: reason -> those that the present mapping cannot take; they stay as they stand.
    """

    records: int = 0
    refused: dict[str, PathChange] = field(default_factory=lambda: defaultdict(PathChange))


def find_outdated(store: Store, catalog: Catalog, stream: Stream, progress: Callable[[int], None]) -> Outdated:
    """Count what `apply_mapping` would map anew; nothing is changed."""
    found = Outdated()
    for page in _outdated(store, stream):
        for record in page:
            found.records += 1
            prepared = prepare_stored(record, catalog)
            if isinstance(prepared, Rejected):
                _note(found.refused[prepared.reason], record.ref.key, {}, _MISSING)
        progress(len(page))
    return found


def apply_mapping(
    store: Store, ingest: Ingest, stream: Stream, *, limit: int | None, progress: Callable[[int], None]
) -> int:
    """Map the outdated records of a stream anew, a page in one transaction; returns how many changed.

    It may be stopped at any moment and run again: what is done is done, and the rest is found again.

    Args:
        limit: stop after so many records; None: all of them.
        progress: called with the number of records of each page.

    Raises:
        TransientError: the store is away; what was committed stays.
    """
    changed = done = 0
    for page in _outdated(store, stream):
        wanted = page if limit is None else page[: limit - done]
        if not wanted:
            return changed
        with store.transaction() as connection:
            keep_out(connection, INGEST)
            standing = load_records(connection, [record.ref for record in wanted])
            prepared = [prepare_stored(record, ingest.catalog) for record in standing.values() if record.payload]
            changed += ingest.remap(connection, [one for one in prepared if isinstance(one, Incoming)])
        done += len(wanted)
        progress(len(wanted))
    return changed


def _outdated(store: Store, stream: Stream) -> Iterator[list[Record]]:
    """Yield pages of records that another mapping made; what they give besides themselves comes with them."""
    columns, after = source_record.c, ""
    statement = (
        select(source_record)
        .where(columns.system == stream.system, columns.stream == stream.name, columns.payload.is_not(None))
        .where(columns.mapping_version != stream.mapping.version_id)
        .order_by(columns.key)
        .limit(PAGE)
    )
    while True:
        with store.transaction() as connection:
            rows = connection.execute(statement.where(columns.key > after)).all()
        page = [record_of(row) for row in rows if not (stream.also and "#" in row.key)]
        if page:
            yield page
        if len(rows) < PAGE:
            return
        after = rows[-1].key


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
