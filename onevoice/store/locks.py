"""Locks by name, held until the transaction ends: who redeems a contact and who says no to it take the same ones.

Names are folded into a fixed number of PostgreSQL's advisory locks, so that no transaction, however many names it has,
can use up the server's lock table; two names that meet in one lock wait for each other without need, and that is all.
SQLite lets one transaction write at a time, and needs none.
"""

import hashlib
from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import Integer

STRIPES = 2048
_SPACE = 0x6F6E65  # apart from advisory locks of other programs on the same database

_LOCK = text(f"select count(pg_advisory_xact_lock({_SPACE}, key)) from unnest(:keys) as key").bindparams(  # noqa: S608 - a number
    bindparam("keys", type_=postgresql.ARRAY(Integer))
)


def lock_names(connection: Connection, names: Iterable[str]) -> None:
    """Wait for all the names and hold them to the end of the transaction; what is read afterwards is up to date."""
    if connection.dialect.name != "postgresql":
        return
    keys = sorted({_stripe(name) for name in names})  # in one order for everybody: nobody waits in a circle
    if keys:
        connection.execute(_LOCK, {"keys": keys})


def lock_all(connection: Connection) -> None:
    """Wait for every name that there can be, and hold them all to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"keys": list(range(STRIPES))})


def lock_names_of(
    *,
    points: Collection[str | None] = (),
    threads: Collection[str | None] = (),
    customers: Collection[UUID | None] = (),
) -> list[str]:
    """Return the names to lock before something is sent, or is said that may forbid it."""
    names = [f"point {one}" for one in points if one is not None]
    names += [f"thread {one}" for one in threads if one is not None]
    return names + [f"customer {one}" for one in customers if one is not None]


def _stripe(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") % STRIPES
