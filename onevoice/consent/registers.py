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
from onevoice.store import rows_by_keys
from onevoice.store.tables import record_key, register_entry, register_load

REGISTER = "register"
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
    """Return one prohibition for each register that lists one of the points now."""
    numbers = [point.removeprefix(PHONE) for point in points if point.startswith(PHONE)]
    loads = connection.execute(select(register_load)).all() if numbers else ()
    found = []
    for load in loads:
        by_value = {FORMS[load.form](number): number for number in numbers}
        rows = rows_by_keys(
            connection,
            register_entry,
            [register_entry.c.value, register_entry.c.since],
            key=["register", "number", "value"],
            keys=[(load.register, load.number, value) for value in by_value],
        )
        found += [_act(load.register, by_value[row.value], row.since) for row in rows]
    return sorted(found, key=lambda act: str(act.id))


def points_held(connection: Connection) -> list[str]:
    """Return every telephone number that a record carries; none where no register was ever loaded."""
    if connection.execute(select(register_load.c.register).limit(1)).first() is None:
        return []
    carried = select(record_key.c.key).where(record_key.c.key.like(f"{PHONE}%")).distinct()
    return list(connection.execute(carried).scalars())


def _act(register: str, number: str, since: datetime) -> Act:
    return Act(
        id=uuid.uuid5(_LISTINGS, f"{register}|{number}|{since.isoformat()}"),
        kind="prohibition",
        channel=ANY,
        purpose=ANY,
        reason=REGISTER,
        time=since,
        anchor_point=f"{PHONE}{number}",
        source=RecordRef(system=REGISTER, stream=REGISTER, key=register),
        evidence={"source": register},
    )
