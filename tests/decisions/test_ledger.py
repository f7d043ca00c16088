"""Budgets and snapshots: never overshot, whoever comes at once; what expired is given back once."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from onevoice.decisions.ledger import contacts_at, make_snapshot, record_outcome, reserve_budget
from onevoice.decisions.offer import Budget
from onevoice.store import Store, open_store
from onevoice.store.migrate import upgrade
from onevoice.store.tables import budget, offer_use
from tests.decisions.rules import NOW

BUDGET = Budget(limit=Decimal(10), each=Decimal("2.5"))


def use(decision: UUID, *, cost: int = 0, minutes: int = 30, **more: Any) -> dict[str, Any]:
    return {
        "decision_id": decision, "offer": "a", "anchor": "rec:crm:Contact:1", "channel": "web", "tier": "high",
        "cost": cost, "state": "reserved", "at": NOW, "expires_at": NOW + timedelta(minutes=minutes), **more,
    }  # fmt: skip


def said(decision: UUID, kind: str = "shown", event: str = "1") -> dict[str, Any]:
    return {
        "decision_id": decision, "offer": "a", "kind": kind, "caller": "system:shop", "event": event,
        "at": NOW, "recorded_at": NOW,
    }  # fmt: skip


def used(store: Store) -> int:
    with store.transaction() as connection:
        return int(connection.execute(select(budget.c.used)).scalar_one())


def test_budget_is_never_overshot_by_fifty_at_once(pg_url: str) -> None:
    upgrade(pg_url)
    store = open_store(pg_url, pool_size=25)
    begin, taken = threading.Barrier(50), []

    def reserve() -> None:
        begin.wait(30)
        with store.transaction() as connection:
            taken.append(reserve_budget(connection, "a", BUDGET, NOW))

    threads = [threading.Thread(target=reserve) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(taken, key=str).count(25_000) == 4
    assert len(taken) == 50
    assert used(store) == 100_000
    store.close()


def test_what_expired_pays_for_others_once_and_its_outcome_is_late(store: Store) -> None:
    old, shown = uuid4(), uuid4()
    later = NOW + timedelta(hours=1)
    with store.transaction() as connection:
        for decision in (old, shown):
            cost = reserve_budget(connection, "a", Budget(limit=Decimal(5), each=Decimal("2.5")), NOW)
            connection.execute(offer_use.insert(), [use(decision, cost=cost or 0)])
        assert record_outcome(connection, said(shown)) == (True, "consumed")

    with store.transaction() as connection:
        tight = Budget(limit=Decimal(5), each=Decimal("2.5"))
        assert reserve_budget(connection, "a", tight, NOW) is None
        assert reserve_budget(connection, "a", tight, later) == 25_000
        assert reserve_budget(connection, "a", tight, later) is None
        assert record_outcome(connection, said(old)) == (True, "late")
        assert record_outcome(connection, said(old)) == (False, "late")

    assert used(store) == 50_000


def test_contacts_are_what_stands_at_any_anchor(store: Store) -> None:
    with store.transaction() as connection:
        consumed = uuid4()
        connection.execute(offer_use.insert(), [use(consumed, minutes=1)])
        record_outcome(connection, said(consumed))
        connection.execute(offer_use.insert(), [use(uuid4(), minutes=1), use(uuid4(), minutes=90, anchor="phone:+44")])
        found = contacts_at(connection, {"rec:crm:Contact:1", "phone:+44", "email:x"}, NOW + timedelta(hours=1))

    assert len(found) == 2


def test_snapshot_counts_decisions_not_reports_and_replay_changes_nothing(store: Store) -> None:
    first, second = uuid4(), uuid4()
    with store.transaction() as connection:
        connection.execute(offer_use.insert(), [use(first), use(second)])
        for row in (said(first), said(first, "accepted"), said(first, event="2"), said(second, "declined")):
            record_outcome(connection, row)
        made = make_snapshot(connection, NOW)
        record_outcome(connection, said(first))
        record_outcome(connection, said(uuid4(), "accepted"))
        again = make_snapshot(connection, NOW)

    assert made.cells == {("a", "web", "high"): (2, 1)}
    assert (made.number, again.number) == (1, 1)
