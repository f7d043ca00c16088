"""What comes back from quarantine: on its own lane, as its own sender, and past what cannot."""

from __future__ import annotations

from sqlalchemy import update

from onevoice.store import tables as t
from onevoice.workers.quarantine import Reprocessed, keep_dead_letters, reprocess
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm, erp


def again(walk: Walk) -> Reprocessed:
    return reprocess(walk, fingerprint=None, one=None, actor="ann")  # type: ignore[arg-type]


def test_an_opt_out_comes_back_on_the_urgent_lane(walk: Walk) -> None:
    keep_dead_letters(walk.store, [delivery_of(crm(1, DoNotCall=True)), delivery_of(crm(1, Id="003B"))])
    assert again(walk) == Reprocessed(count=2, skipped=0, reasons=())
    assert {e.key: e.urgent for e in walk.bus.taken_records()} == {"003A": True, "003B": False}


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
