"""Housekeeping takes away what is over, and nothing that still counts, however old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table, insert, select, update

from onevoice.config import Retention
from onevoice.store import Lease, Store
from onevoice.store import tables as t
from onevoice.workers import housekeeping
from onevoice.workers.housekeeping import tidy
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm

DAY = timedelta(days=1)
KEPT = Retention(message_seconds=30 * 86400.0, quarantine_seconds=90 * 86400.0, decision_seconds=400 * 86400.0)
Ages = tuple[float, ...]


def message(at: datetime, number: int) -> dict[str, Any]:
    same = {"system": "crm", "stream": "Contact", "key": "1", "sequence": "1", "reading": 0, "content_hash": "x"}
    return same | {"id": str(number), "state": "applied", "duplicates": 0, "finished_at": at}


def contact(at: datetime, _: int) -> dict[str, Any]:
    said = {"channel": "email", "purpose": "marketing", "controller": "default", "inbound": False, "content_hash": "x"}
    return said | {"id": uuid4(), "token_hash": str(uuid4()), "offered_at": at, "expires_at": at}


def made_contact(at: datetime, number: int) -> dict[str, Any]:
    return contact(at, number) | {"committed_at": at}


def settled(at: datetime, number: int) -> dict[str, Any]:
    return waiting(at, number) | {"resolved_at": at, "resolution": "reprocessed by ann"}


def waiting(at: datetime, _: int) -> dict[str, Any]:
    where = {"system": "crm", "stream": "Contact", "key": "1", "message_id": "m", "body": b"{}", "step": "mapping"}
    why = {"reason": "x", "pointers": [], "fingerprint": "f", "attempts": 1, "created_at": at}
    return where | why | {"id": uuid4(), "resolved_at": None, "resolution": None}


def decision(at: datetime, _: int) -> dict[str, Any]:
    asked = {"caller": "ann", "idempotency_key": str(uuid4()), "asked_hash": "x", "anchor": "a", "ruleset": "r"}
    return asked | {"id": uuid4(), "snapshot": 1, "question": {}, "trace": {}, "answer": {}, "made_at": at}


def shadow(at: datetime, _: int) -> dict[str, Any]:
    return {"decision_id": uuid4(), "ruleset": "r", "trace": {}, "differs": False, "made_at": at}


def unconfirmed(at: datetime, _: int) -> dict[str, Any]:
    what = {"kind": "point", "record_id": UUID(int=1), "point": "email:a@example.com", "channel": "email"}
    return what | {"id": uuid4(), "evidence": {}, "made_at": at, "expires_at": at}


def drift(at: datetime, number: int) -> dict[str, Any]:
    where = {"system": "crm", "stream": "Contact", "schema_version": "1", "path": str(number), "what": "new"}
    return where | {"place": "", "records": 1, "first_key": "1", "first_seen_at": at, "last_seen_at": at}


@pytest.mark.parametrize(
    ("table", "made", "ages", "left"),
    [
        (t.message, message, (29, 31, 500), 1),
        (t.contact, contact, (29, 31), 1),
        (t.contact, made_contact, (29, 5000), 2),
        (t.confirmation, unconfirmed, (29, 31), 1),
        (t.quarantine, settled, (89, 91), 1),
        (t.quarantine, waiting, (5000,), 1),
        (t.drift, drift, (89, 91), 1),
        (t.decision, decision, (399, 401), 1),
        (t.shadow_decision, shadow, (399, 401), 1),
    ],
)
def test_what_is_over_goes_and_what_counts_stays(
    store: Store, table: Table, made: Callable[[datetime, int], dict[str, Any]], ages: Ages, left: int
) -> None:
    now = datetime.now(UTC)
    with store.transaction() as connection:
        connection.execute(insert(table), [made(now - age * DAY, number) for number, age in enumerate(ages)])
    done = tidy(store, KEPT, holder="test")
    assert done is not None
    assert sum(one.removed for one in done) == len(ages) - left
    with store.transaction() as connection:
        assert len(connection.execute(select(table)).all()) == left


def test_many_go_in_small_transactions_and_only_one_is_at_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    old = datetime.now(UTC) - 31 * DAY
    with store.transaction() as connection:
        connection.execute(insert(t.message), [message(old, number) for number in range(5)])
    other = Lease.take(store, "housekeeping", "other")
    assert other is not None
    assert tidy(store, KEPT, holder="test") is None
    other.release(store)
    steps: list[int] = []
    tidy(store, KEPT, holder="test", progress=steps.append)
    assert [step for step in steps if step] == [2, 2, 1]


def test_a_message_that_comes_again_after_its_ledger_is_gone_changes_nothing(walk: Walk) -> None:
    first, second = delivery_of(crm(1, Email="old@example.com")), delivery_of(crm(2, Email="new@example.com"))
    walk.take(first, second)
    with walk.store.transaction() as connection:
        connection.execute(update(t.message).values(finished_at=datetime.now(UTC) - 31 * DAY))
    tidy(walk.store, KEPT, holder="test")
    assert walk.rows(t.message) == []
    before, events = walk.rows(t.source_record), len(walk.told())
    counts = walk.take(first, second).counts
    assert (counts["stale"], counts["unchanged"]) == (1, 1)
    assert walk.rows(t.source_record) == before
    assert len(walk.told()) == 0, events
