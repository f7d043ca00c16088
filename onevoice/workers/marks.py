"""Marks: what the hub wrote into each field of a system's record, so that its own words are known when they come back.

A mark is `{sent, replaced}` and, while the write is under way, `base`: the version (sequence, reading) that it was
computed on, and for a consent field `denies`: the values that say no. Once proven it has `written`, as the system gave
it back, and `version`, the one that brought it. `otherwise` counts how often the system gave back one and the same
other value in a version that may be anybody's, and `made` says that the hub made the record itself. Two rules: a
version older than the write is never its echo, nor is a prohibition that the hub has not proven to have set. Ingest and
both lanes change one row, so each holds it from reading to writing; who also takes obligations takes the marks first.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection

from onevoice.messages import Json, RecordRef
from onevoice.store import rows_by_keys, update_rows, upsert
from onevoice.store.tables import delivered

Marks: TypeAlias = dict[str, Json]
"""Source path -> mark, of one record."""

MOST_OTHERWISE = 3
"""So often the same value comes back instead of what was sent; then that is the form the system keeps it in."""

_KEY = ("system", "stream", "key")
_PROVEN = ("sent", "replaced", "written", "version", "made")


def load_marks(connection: Connection, refs: Collection[RecordRef]) -> dict[RecordRef, Marks]:
    """Return the marks of those records that have any."""
    keys = [(r.system, r.stream, r.key) for r in refs]
    return _marks(rows_by_keys(connection, delivered, [*_columns(), delivered.c.fields], key=_KEY, keys=keys))


def hold_marks(connection: Connection, refs: Collection[RecordRef]) -> dict[RecordRef, Marks]:
    """Return the marks of those records that have any, and keep others from changing them until the end."""
    keys = [(r.system, r.stream, r.key) for r in refs]
    columns = [*_columns(), delivered.c.fields]
    return _marks(rows_by_keys(connection, delivered, columns, key=_KEY, keys=keys, lock=True))


def open_marks(connection: Connection, refs: Collection[RecordRef]) -> dict[RecordRef, Marks]:
    """Return and hold the marks of all the records, making an empty row where there is none."""
    now = datetime.now(UTC)
    rows = [
        {"system": r.system, "stream": r.stream, "key": r.key, "fields": {}, "updated_at": now} for r in sorted(refs)
    ]
    upsert(connection, delivered, rows, key=_KEY)
    return hold_marks(connection, refs)


def save_marks(connection: Connection, marks: Mapping[RecordRef, Marks], now: datetime) -> None:
    """Write the marks of records that are held."""
    rows = [
        {"system": r.system, "stream": r.stream, "key": r.key, "fields": fields, "updated_at": now}
        for r, fields in marks.items()
    ]
    update_rows(connection, delivered, rows, key=_KEY)


def sending(mark: Json, value: Any, *, replaced: Any, base: tuple[str, int], denies: Collection[Any] = ()) -> Json:
    """Return the mark of a field to which a value is about to be sent; `denies` are those that say no, if any do."""
    consent = {"denies": list(denies)} if denies else {}
    return {**mark, "sent": value, "replaced": replaced, "base": list(base), **consent}


def proven(mark: Json, value: Any, *, written: Any, version: str) -> Json:
    """Return the mark of a field that the system has given back after the write."""
    kept: Json = {name: mark[name] for name in ("replaced", "denies", "made") if name in mark}
    return {**kept, "sent": value, "written": written, "version": version}


def made(value: Any, *, written: Any, version: str, consent: bool) -> Json:
    """Return the mark of a field of a record that the hub itself made: before, nothing stood there.

    A consent field is given nothing back: what the system puts there when nobody says anything is not known.
    """
    before: Json = {} if consent else {"replaced": None}
    return {"made": True, **before, "sent": value, "written": written, "version": version}


def otherwise(mark: Json, before: Json, value: Any, *, given: Any, version: str) -> Json | None:
    """Return the mark after the system gave back something else in a version that may be anybody's; None for no mark.

    It is the system's own word, unless it is what the hub wrote the time before; but a word that comes back again and
    again is how the system keeps the value, and then it is taken as written. A prohibition never is.

    Args:
        mark: the mark as it stands.
        before: the mark as it was before this write.
        value: what was sent.
    """
    if given in mark.get("denies", ()):
        return None
    last = mark.get("otherwise") or {}
    times = last["times"] + 1 if (last.get("sent"), last.get("given")) == (value, given) else 1
    if times >= MOST_OTHERWISE:
        return proven(mark, value, written=given, version=version)
    ours = "written" in mark and mark["written"] == given
    standing = {name: before[name] for name in _PROVEN if name in before} if ours else {}
    return {**standing, "otherwise": {"sent": value, "given": given, "times": times}}


def is_echo(mark: Json, value: Any, version: tuple[str, int]) -> bool:
    """Return whether a version that says `value` says what the hub wrote."""
    if "base" in mark and version > tuple(mark["base"]):
        if value in mark.get("denies", ()):
            return False  # somebody may have said no while the hub was writing: told twice it does no harm
        if value == mark["sent"]:
            return True
    return "written" in mark and value == mark["written"] and version[0] >= mark["version"]


def judged(mark: Json, value: Any, version: tuple[str, int]) -> Json | None:
    """Return the mark after a newer version of the record said `value`; None where the system has overruled it.

    A write that is under way may still land after the system's own word, so its mark stays and only learns that word.
    """
    if is_echo(mark, value, version):
        if "base" in mark and value == mark["sent"]:
            return proven(mark, value, written=value, version=version[0])
        return mark
    if "base" in mark:
        own = version > tuple(mark["base"])
        kept: Json = {name: mark[name] for name in ("sent", "base", "denies", "otherwise", "made") if name in mark}
        return {**kept, "replaced": value} if own else mark
    if "version" not in mark:
        return mark if value == mark["otherwise"]["given"] else None
    return None if version[0] >= mark["version"] else mark


def _columns() -> list[Any]:
    return [delivered.c[name] for name in _KEY]


def _marks(rows: Collection[Any]) -> dict[RecordRef, Marks]:
    return {RecordRef(system=r.system, stream=r.stream, key=r.key): r.fields for r in rows}
