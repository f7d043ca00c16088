"""What comes back from quarantine: on its own lane, as its own sender, and past what cannot."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from onevoice.errors import RefusedError
from onevoice.sdk.throttle import Throttle
from onevoice.store import tables as t
from onevoice.workers import quarantine as module
from onevoice.workers.quarantine import Reprocessed, keep_dead_letters, preview, reprocess
from onevoice.workers.replay import FAILS, KNOWN, NEWS, STALE
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm, erp


def again(walk: Walk) -> Reprocessed:
    return reprocess(walk, fingerprint=None, one=None, actor="ann")  # type: ignore[arg-type]


def test_an_opt_out_comes_back_on_the_urgent_lane(walk: Walk) -> None:
    keep_dead_letters(walk.store, [delivery_of(crm(1, DoNotCall=True)), delivery_of(crm(1, Id="003B"))])
    assert again(walk) == Reprocessed(count=2, skipped=0, reasons=())
    assert {e.key: e.urgent for e in walk.bus.taken_records()} == {"003A": True, "003B": False}


def test_a_dry_run_tells_the_outcome_of_each_and_changes_nothing(walk: Walk) -> None:
    walk.take(crm(2, Id="002"), crm(1, Id="003"))
    waiting = [
        crm(1, Id="001"),  # never seen
        crm(1, Id="002"),  # older than what stands
        crm(1, Id="003"),  # came meanwhile
        crm(1, Id="004", Email=7),  # fails as before
    ]
    keep_dead_letters(walk.store, [delivery_of(one) for one in waiting])
    before = walk.rows(t.quarantine)
    found = preview(walk, fingerprint=None, one=None)  # type: ignore[arg-type]
    assert {one.key: one.outcome for one in found} == {"001": NEWS, "002": STALE, "003": KNOWN, "004": FAILS}
    assert {bool(one.reason) for one in found if one.outcome == FAILS} == {True}
    assert walk.rows(t.quarantine) == before
    assert walk.bus.taken_records() == []
    counts = [walk.take(one).counts for one in waiting]  # as told
    assert [next(name for name, n in c.items() if n) for c in counts] == [
        "applied",
        "stale",
        "duplicate",
        "quarantined",
    ]


def test_sent_twice_it_is_taken_in_once_and_who_and_why_are_kept(walk: Walk) -> None:
    keep_dead_letters(walk.store, [delivery_of(crm(1))])
    [row] = walk.rows(t.quarantine)
    reprocess(walk, fingerprint=None, one=row.id, actor="ann", reason="mapping mended")  # type: ignore[arg-type]
    [first] = walk.bus.taken_records()
    with walk.store.transaction() as connection:  # as somebody would find it who looked just before
        connection.execute(update(t.quarantine).values(resolved_at=None, resolution=None))
    again(walk)
    [second] = walk.bus.taken_records()
    assert first.id == second.id == row.message_id
    assert walk.take(first).counts["applied"] == 1
    assert walk.take(second).counts["duplicate"] == 1
    with pytest.raises(RefusedError):
        again(walk)


def test_no_more_are_sent_than_the_rate_allows(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []

    class Counting(Throttle):
        def __init__(self, per_second: float | None) -> None:
            super().__init__(per_second, sleep=waited.append)

    monkeypatch.setattr(module, "Throttle", Counting)
    keep_dead_letters(walk.store, [delivery_of(crm(1, Id=f"00{n}")) for n in range(4)])
    reprocess(walk, fingerprint=None, one=None, actor="ann", per_second=0.5)  # type: ignore[arg-type]
    assert len(waited) == 3
    [said] = {row.resolution for row in walk.rows(t.quarantine)}
    assert said == "reprocessed by ann"


def test_what_another_user_sent_does_not_pass_the_second_time_either(walk: Walk) -> None:
    walk.take(delivery_of(crm(1), user_id="shop"), delivery_of(crm(1, Id="003B"), user_id="crm"))
    keep_dead_letters(walk.store, [delivery_of(erp(1), user_id="erp")])
    [forged] = walk.rows(t.quarantine, key="003A")
    assert forged.user_id == "shop"
    sent = again(walk)
    assert (sent.count, sent.skipped) == (1, 1)
    assert "broker user" in sent.reasons[0]
    assert [e.system for e in walk.bus.taken_records()] == ["erp"]
    assert walk.rows(t.quarantine, key="003A")[0].resolved_at is None


def test_what_cannot_be_sent_again_holds_up_nothing(walk: Walk) -> None:
    keep_dead_letters(walk.store, [delivery_of(crm(day, Id=f"00{day}")) for day in (1, 2, 3)])
    with walk.store.transaction() as connection:
        connection.execute(update(t.quarantine).where(t.quarantine.c.key == "001").values(body=b"{"))
    sent = again(walk)
    assert (sent.count, sent.skipped) == (2, 1)
    assert {e.key for e in walk.bus.taken_records()} == {"002", "003"}
    assert [row.key for row in walk.rows(t.quarantine) if row.resolved_at is None] == ["001"]
