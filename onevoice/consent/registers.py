"""Registers of who must not be called: millions of numbers, plain or hashed, as prohibitions at contact points.

A register is kept as it was given and turned into acts only for the points that are asked about. The one rule: a number
is free again only when a newer complete load came without it.
"""

import hashlib
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from onevoice.messages import ANY, Act, RecordRef
from onevoice.store import hidden, rows_by_keys, upsert
from onevoice.store.members import IS_POINT
from onevoice.store.tables import record_key, register_entry, register_load

REGISTER = "register"
ERASED, KEYED = "erased", "keyed"
"""The hub's own register: points whose owners had everything erased, known by their keyed hashes."""
PHONE = "phone:"
FORMS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda number: number,
    "md5": lambda number: hashlib.md5(number.encode(), usedforsecurity=False).hexdigest(),
    "sha1": lambda number: hashlib.sha1(number.encode(), usedforsecurity=False).hexdigest(),
    "sha256": lambda number: hashlib.sha256(number.encode()).hexdigest(),
}
"""How a register gives a number in E.164, from its declared form; hashes are of the ASCII text, in lower-case hex."""

_LISTINGS = uuid.UUID("0197a000-0000-7000-8000-726567697374")


def listed_acts(connection: Connection, points: Collection[str]) -> list[Act]:
    """Return one prohibition for each register that lists one of the points now, that of erased points included."""
    loads = connection.execute(select(register_load)).all() if points else ()
    found = []
    for load in loads:
        by_value = values_of(connection, load.form, points)
        rows = rows_by_keys(
            connection,
            register_entry,
            [register_entry.c.value, register_entry.c.since],
            key=["register", "number", "value"],
            keys=[(load.register, load.number, value) for value in by_value],
        )
        found += [_act(load.register, by_value[row.value], row.since) for row in rows]
    return sorted(found, key=lambda act: str(act.id))


def erase(connection: Connection, point: str, *, now: datetime) -> str | None:
    """Keep a contact point as erased, by its keyed hash alone; return that, None where the store has no key."""
    value = hidden(connection, point)
    if value is None:
        return None
    entry = {"register": ERASED, "number": 1, "value": value, "since": now}
    upsert(connection, register_entry, [entry], key=["register", "number", "value"], update=["since"])
    load = {
        "register": ERASED,
        "number": 1,
        "form": KEYED,
        "as_of": now,
        "loaded_at": now,
        "told_at": now,
        "entries": 0,
    }
    upsert(connection, register_load, [load], key=["register"])
    return value


def points_held(connection: Connection) -> list[str]:
    """Return every contact point that a record carries; none where nothing is listed anywhere."""
    if connection.execute(select(register_load.c.register).limit(1)).first() is None:
        return []
    carried = select(record_key.c.key).where(IS_POINT).distinct()
    return list(connection.execute(carried).scalars())


def values_of(connection: Connection, form: str, points: Collection[str]) -> dict[str, str]:
    """Return what a register calls each of the points that it may list."""
    if form == KEYED:
        named = ((hidden(connection, point), point) for point in points)
        return {value: point for value, point in named if value is not None}
    return {FORMS[form](point.removeprefix(PHONE)): point for point in points if point.startswith(PHONE)}


def _act(register: str, point: str, since: datetime) -> Act:
    return Act(
        id=uuid.uuid5(_LISTINGS, f"{register}|{point}|{since.isoformat()}"),
        kind="prohibition",
        channel=ANY,
        purpose=ANY,
        reason=ERASED if register == ERASED else REGISTER,
        time=since,
        anchor_point=point,
        source=RecordRef(system="hub" if register == ERASED else REGISTER, stream=REGISTER, key=register),
        evidence={"source": register},
    )
