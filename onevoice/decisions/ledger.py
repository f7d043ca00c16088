"""The rows of decisions: reserving and consuming caps and budgets, outcomes, counts.

Takes a connection whose transaction the caller ends. The rules: a budget changes by one conditional update, so that no
two decisions spend the same; what expired gives back what it held exactly once; and of two decisions that were made on
the same past of a customer, one is kept, since they would have the same turn.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from onevoice.decisions.offer import Budget
from onevoice.decisions.outcome import standing
from onevoice.decisions.propensity import NOTHING_SHOWN, Cell, Snapshot
from onevoice.store import insert_new, rows_by_keys, upsert
from onevoice.store.members import POINTS, REFERENCES, looked_up
from onevoice.store.tables import budget as budget_table
from onevoice.store.tables import decision, offer_use, outcome, propensity_snapshot

_SCALE = 10_000
_USE = [offer_use.c[name] for name in ("offer", "at", "state", "expires_at")]
USES: Select[Any] = select(*_USE).where(
    or_(looked_up(offer_use.c.anchor, REFERENCES), looked_up(offer_use.c.anchor, POINTS))
)
"""What was given to one customer, to be gathered with other parts; see `given_from`."""
TURNS: Select[Any] = select(func.max(decision.c.turn).label("latest")).where(looked_up(decision.c.anchor, REFERENCES))
"""The turn of the latest decision for one customer, to be gathered with other parts."""


def take_turns(connection: Connection, name: str) -> None:
    """Let one transaction at a time go on under a name; SQLite lets only one write at all."""
    if connection.dialect.name == "postgresql":
        digest = hashlib.blake2b(f"decision\0{name}".encode(), digest_size=8).digest()
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": int.from_bytes(digest, signed=True)})


def contacts_at(connection: Connection, anchors: Collection[str], now: datetime) -> tuple[tuple[str, datetime], ...]:
    """Return (offer, when) of all that was given at any of the anchors and stands, the oldest first."""
    return given_from(rows_by_keys(connection, offer_use, _USE, key=["anchor"], keys=[(a,) for a in anchors]), now)


def given_from(rows: Iterable[Any], now: datetime) -> tuple[tuple[str, datetime], ...]:
    """Return (offer, when) of the rows that `USES` gathered, as far as they stand, the oldest first."""
    given = [
        row for row in rows if row.state in ("consumed", "late") or (row.state == "reserved" and row.expires_at > now)
    ]
    return tuple(sorted(((row.offer, row.at) for row in given), key=lambda one: (one[1], one[0])))


def reserve_budget(connection: Connection, offer: str, budget: Budget, now: datetime) -> int | None:
    """Take the cost of one off a budget; returns what was taken, None where the rest does not pay for it."""
    cost, limit = _scaled(budget.each), _scaled(budget.limit)
    if _take(connection, offer, cost, limit):
        return cost
    _release_expired(connection, offer, now)
    return cost if _take(connection, offer, cost, limit) else None


def latest_turn(connection: Connection, anchor: str) -> int:
    """Return the turn of the latest decision at an anchor; 0 before the first."""
    return connection.execute(select(func.max(decision.c.turn)).where(decision.c.anchor == anchor)).scalar_one() or 0


def save_decision(connection: Connection, row: dict[str, Any], uses: list[dict[str, Any]]) -> bool:
    """Write a decision with what it reserves, and return whether it is kept.

    It is not where its turn was taken meanwhile, or its caller used the key before.
    """
    if connection.dialect.name == "postgresql":
        saving = _saving_sql()
        packed = orjson.dumps(uses, default=str).decode()
        return connection.execute(saving, row | {"uses": packed}).one_or_none() is not None
    kept = sqlite_insert(decision).on_conflict_do_nothing().returning(decision.c.id)
    if connection.execute(kept, row).one_or_none() is None:
        return False
    if uses:
        connection.execute(offer_use.insert(), uses)
    return True


@cache
def _saving_sql() -> Any:
    """Both tables in one statement, for one round trip."""
    row = {c.name: bindparam(c.name, type_=c.type) for c in decision.c}
    kept = postgresql_insert(decision).values(row).on_conflict_do_nothing().returning(decision.c.id).cte("kept")
    given = func.json_to_recordset(cast(bindparam("uses", type_=Text()), JSON))
    rows = given.table_valued(*(column(c.name, c.type) for c in offer_use.c), name="given")
    rows = rows.render_derived(with_types=True)
    reserving = select(*rows.c).select_from(rows.join(kept, rows.c.decision_id == kept.c.id))
    reserved = offer_use.insert().from_select([c.name for c in offer_use.c], reserving).cte("reserved")
    return select(kept.c.id).add_cte(reserved)


def record_outcome(connection: Connection, row: dict[str, Any]) -> tuple[bool, str | None]:
    """Write an outcome; returns whether it is news, and the state of the reservation: consumed, late, or None of none.

    The first outcome consumes what the decision reserved, also after its time, unless that was given to others since.
    """
    is_news = insert_new(connection, outcome, row, key=["decision_id", "offer", "kind", "caller", "event"])
    one = (offer_use.c.decision_id == row["decision_id"]) & (offer_use.c.offer == row["offer"])
    for before, after in (("reserved", "consumed"), ("expired", "late")):
        connection.execute(update(offer_use).where(one, offer_use.c.state == before).values(state=after))
    return is_news, connection.execute(select(offer_use.c.state).where(one)).scalar_one_or_none()


def stands_reserved(connection: Connection, number: UUID, offer: str, now: datetime) -> bool:
    """Return whether a decision still holds what it reserved under an offer."""
    reserved = select(offer_use.c.state).where(_reserved(number, offer, now))
    return connection.execute(reserved).first() is not None


def consume(connection: Connection, number: UUID, offer: str, now: datetime) -> bool:
    """Use up what a decision reserved under an offer; returns whether it was still there, which it is once."""
    used = update(offer_use).where(_reserved(number, offer, now)).values(state="consumed")
    return connection.execute(used).rowcount == 1


def _reserved(number: UUID, offer: str, now: datetime) -> ColumnElement[bool]:
    use = offer_use.c
    return and_(use.decision_id == number, use.offer == offer, use.state == "reserved", use.expires_at > now)


def latest_snapshot(connection: Connection) -> int:
    """Return the number of the newest snapshot; 0 before the first."""
    return connection.execute(select(func.max(propensity_snapshot.c.number))).scalar_one() or 0


def load_snapshot(connection: Connection, number: int) -> Snapshot:
    """Return a snapshot that was made."""
    if number == 0:
        return NOTHING_SHOWN
    cells = select(propensity_snapshot.c.cells).where(propensity_snapshot.c.number == number)
    return Snapshot.from_stored(number, connection.execute(cells).scalar_one())


def make_snapshot(connection: Connection, now: datetime) -> Snapshot:
    """Count all outcomes of known decisions into the next snapshot; where nothing changed, return the newest."""
    take_turns(connection, "snapshot")
    newest = load_snapshot(connection, latest_snapshot(connection))
    cells = _counted(connection)
    if cells == newest.cells:
        return newest
    made = Snapshot(newest.number + 1, cells)
    row = {"number": made.number, "cells": made.stored(), "made_at": now}
    connection.execute(propensity_snapshot.insert().values(row))
    return made


def _counted(connection: Connection) -> dict[Cell, tuple[int, int]]:
    used = offer_use.c
    joined = outcome.join(offer_use, (used.decision_id == outcome.c.decision_id) & (used.offer == outcome.c.offer))
    columns = (used.decision_id, used.offer, used.channel, used.tier, outcome.c.kind, outcome.c.at)
    said: dict[tuple[UUID, Cell], list[tuple[str, datetime]]] = defaultdict(list)
    for row in connection.execute(select(*columns).select_from(joined)):
        said[row.decision_id, (row.offer, row.channel, row.tier)].append((row.kind, row.at))
    cells: dict[Cell, tuple[int, int]] = {}
    for (_, cell), reported in said.items():
        shown, accepted = cells.get(cell, (0, 0))
        cells[cell] = (shown + 1, accepted + (standing(reported) == "accepted"))
    return cells


def _take(connection: Connection, offer: str, cost: int, limit: int) -> bool:
    upsert(connection, budget_table, [{"offer": offer, "used": 0}], key=["offer"])
    taken = connection.execute(
        update(budget_table)
        .where(budget_table.c.offer == offer, budget_table.c.used + cost <= limit)
        .values(used=budget_table.c.used + cost)
    )
    return taken.rowcount == 1


def _release_expired(connection: Connection, offer: str, now: datetime) -> None:
    ended = connection.execute(
        update(offer_use)
        .where(offer_use.c.offer == offer, offer_use.c.state == "reserved", offer_use.c.expires_at <= now)
        .values(state="expired")
        .returning(offer_use.c.cost)
    )
    freed = sum(row.cost for row in ended)
    if freed:
        connection.execute(
            update(budget_table).where(budget_table.c.offer == offer).values(used=budget_table.c.used - freed)
        )


def _scaled(amount: Decimal) -> int:
    return int((amount * _SCALE).to_integral_value())
