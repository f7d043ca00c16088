"""The independent checker: compares what each system's own store holds with what the hub's store holds and has told.

It shares no code with the hub: sqlite3, psycopg and SQL alone. It takes the state at rest and counts

- lost: a record in a system that the hub has not, or has in an older version; a "do not call" whose number the loaded
  list of the call centre lacks; an interaction that nobody was told of;
- twice: a customer who was made in a system more than once; a wish not to be called that the hub holds more than once,
  an entry that stands twice on the loaded list, an interaction that was told twice as another event (the hub's own
  table keeps it from holding a record twice);
- stuck: what is still owed or waits in quarantine when the time to settle is over.

The ERP's version is an address, the call centre's records never change. It cannot see an identical write that went out
twice: the systems' journals do not tell what a call changed.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

Event = tuple[str, Any]
"""Type and data of an event."""
Version = tuple[str, str, str, str]
"""System, stream, key and the system's own version."""


@dataclass(slots=True)
class Verdict:
    """What was found; each entry names the record, never what it says of a person."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.twice or self.stuck)

    def line(self, kills: int) -> str:
        return f"kills={kills} lost={len(self.lost)} twice={len(self.twice)} stuck={len(self.stuck)}"


def check(company: Path, erp: str, hub: str, told: Sequence[Event]) -> Verdict:
    """Return the verdict.

    Args:
        company: the folder of the systems' own stores.
        erp, hub: libpq URLs.
        told: every event that the hub published, each id once.
    """
    with psycopg.connect(hub) as connection:
        known = {row[:3]: row for row in _rows(connection, KNOWN)}
        verdict = Verdict()
        for system, stream, key, version in (*_in_files(company), *_in_erp(erp)):
            row = known.get((system, stream, key))
            if row is None or version != row[3]:
                verdict.lost.append(f"{system} {stream} {key}")
        verdict.lost += [f"list entry of {entry}" for entry in _unlisted(company)]
        verdict.twice += [" ".join(map(str, row)) for row in _rows(connection, DOUBLED)]
        verdict.twice += _listed_twice(company)
        verdict.twice += _made_twice(company, erp)
        records = [data["record"] for kind, data in told if kind == RECORDED]
        heard = Counter(f"{one['system']} {one['stream']} {one['key']}" for one in records)
        spoken = [" ".join(row) for row in _rows(connection, SPOKEN)]
        verdict.lost += [f"event of {record}" for record in spoken if record not in heard]
        verdict.twice += [f"event of {record}" for record, times in heard.items() if times > 1]
        for statement in OPEN:
            verdict.stuck += [" ".join(map(str, row)) for row in _rows(connection, statement)]
        return verdict


KNOWN = """
    select system, stream, key,
           case system when 'erp' then coalesce(payload->>'email', '') when 'callcentre' then '' else sequence end
    from source_record
"""
RECORDED = "onevoice.interaction.recorded.v1"
SPOKEN = "select system, stream, key from source_record where type = 'interaction' and not deleted"
CONTACTS = """
    select json_extract(body, '$.Email') from record
    where object = 'Contact' and json_extract(body, '$.Email') like '%@newcomers.example'
"""
DEBTORS = "select email from customers where email like '%@newcomers.example'"
DOUBLED = """
    select source_system, source_stream, source_key, count(*) from act
    where superseded_at is null and source_stream = 'do_not_call'
    group by source_system, source_stream, source_key, channel, purpose having count(*) > 1
"""
OPEN = (
    "select 'owed', system, lane, stream, target, state from obligation where state <> 'verified'",
    "select 'quarantined', system, stream, key, step from quarantine where resolved_at is null",
)


def _rows(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()  # type: ignore[call-overload,no-any-return]


def _in_files(company: Path) -> list[Version]:
    found: list[Version] = []
    for stream, key, version in _read(company / "shop" / "shop.sqlite", "select kind, id, updated_at from record"):
        found.append(("shop", stream, str(key), version))
    for stream, key, version in _read(company / "crm" / "crm.sqlite", "select object, id, modstamp from record"):
        found.append(("crm", stream, key, version))
    for stream, key in _read(company / "callcentre" / "callcentre.sqlite", "select stream, key from record"):
        found.append(("callcentre", stream, key, ""))
    return found


def _in_erp(erp: str) -> list[Version]:
    with psycopg.connect(erp) as connection:
        rows = _rows(connection, "select customer_no, coalesce(email, '') from customers")
        return [("erp", "customers", number, email) for number, email in rows]


def _unlisted(company: Path) -> list[str]:
    file = company / "callcentre" / "callcentre.sqlite"
    wanted = "select key from record where stream = 'do_not_call' and channel = 'phone' and point not in "
    return [row[0] for row in _read(file, wanted + "(select point from suppression where channel = 'phone')")]


def _listed_twice(company: Path) -> list[str]:
    rows = _read(company / "callcentre" / "callcentre.sqlite", "select channel, point, purpose from suppression")
    return [f"list entry {channel} {purpose}" for (channel, _, purpose), n in Counter(rows).items() if n > 1]


def _made_twice(company: Path, erp: str) -> list[str]:
    """Newcomers have an address that nobody else has, and are in no system but the shop until they are made there."""
    made = [("crm", row[0]) for row in _read(company / "crm" / "crm.sqlite", CONTACTS)]
    with psycopg.connect(erp) as connection:
        made += [("erp", row[0]) for row in _rows(connection, DEBTORS)]
    return [f"{system} customer made {times} times" for (system, _), times in Counter(made).items() if times > 1]


def _read(file: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(statement).fetchall()
