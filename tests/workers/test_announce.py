"""What happened is told: in the transaction that did it, once, in order, with the customers before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from onevoice.errors import TransientError
from onevoice.messages import Event, RecordRef
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest.trial import REASONS, begin_trial
from onevoice.workers.quarantine import reprocess
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm, do_not_call, envelope, erp, shop

MAIL = "ann@example.com"


def moves(event: Event) -> dict[str, tuple[str | None, str]]:
    return {m["record"]["system"]: (m["before"], m["after"]) for m in event.data["records"]}


def kinds(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def customer(walk: Walk, system: str) -> str:
    [row] = walk.rows(t.source_record, system=system, type="person")
    return str(row.customer_id)


def judging(walk: Walk) -> Judging:
    return Judging(walk.store, walk.ingest)


def test_new_customer_is_created_and_its_second_record_changes_it(walk: Walk) -> None:
    walk.take(crm(1, Email=MAIL))
    [created] = walk.told()
    ann = customer(walk, "crm")
    assert (created.type, created.subject, moves(created)) == ("customer.created", ann, {"crm": (None, ann)})
    walk.take(shop(2))
    [changed] = walk.told()
    assert (changed.type, changed.subject) == ("customer.changed", ann)
    assert moves(changed) == {"shop": (None, ann)}
    assert changed.data["changed"] == ["language"]
    assert changed.data["revision"] == created.data["revision"] + 1


def test_change_names_the_paths_and_no_value(walk: Walk) -> None:
    walk.take(crm(1, Email=MAIL))
    walk.told()
    walk.take(crm(2, Email="other@example.com"))
    [changed] = walk.told()
    assert changed.data["changed"] == ["emails[main].address"]
    assert "example.com" not in str(changed.data)


def test_what_changes_nothing_is_not_told(walk: Walk) -> None:
    walk.take(crm(1, Email=MAIL))
    walk.told()
    walk.take(crm(1, Email=MAIL))
    assert walk.told() == []


def test_record_that_ties_two_customers_together_merges_them(walk: Walk) -> None:
    walk.take(crm(1, Email=MAIL, Birthdate=None))
    walk.take(erp(1, birth_date=None, mobile="07400123456"))
    one, other = customer(walk, "crm"), customer(walk, "erp")
    assert one != other
    walk.told()
    walk.take(shop(2, birth_date=None, phone="+447400123456"))
    told = walk.told()
    assert kinds(told) == ["customer.merged", "customer.changed"]
    assert told[0].subject == one
    assert moves(told[0]) == {"crm": (one, one), "erp": (other, one), "shop": (None, one)}


def test_judgements_tell_of_merge_and_split_with_the_ids_before_and_after(walk: Walk) -> None:
    walk.take(crm(1), erp(1, customer_no="K2", first_name="ZOE", last_name="HILL", birth_date="1999-09-09"))
    walk.told()
    one, other = sorted((customer(walk, "crm"), customer(walk, "erp")))
    [crm_row] = walk.rows(t.source_record, system="crm")
    [erp_row] = walk.rows(t.source_record, system="erp")
    result = judging(walk).merge(crm_row.id, erp_row.id, actor="ann", reason="same passport")
    merged = walk.told("customer.merged")
    assert [event.subject for event in merged] == [one]
    assert {after for _, after in moves(merged[0]).values()} == {one}
    judging(walk).retract(result.judgements[0].id, actor="ann")
    told = walk.told()
    assert "customer.split" in kinds(told)
    assert set(moves(told[0]).values()) == {(one, one), (one, other)}


def test_interaction_is_told_once_with_the_customer_that_it_is_about(walk: Walk) -> None:
    walk.take(crm(1))
    walk.told()
    walk.take(envelope("crm", "Case", 2, Id="500A", ContactId="003A"))
    walk.take(envelope("crm", "Case", 3, Id="500A", ContactId="003A", Subject="Again"))
    [told] = walk.told("interaction.recorded")
    assert told.data["customer"] == customer(walk, "crm")
    assert told.data["record"]["key"] == "500A"


def test_opt_out_is_told_as_an_act_and_as_a_suppression(walk: Walk) -> None:
    walk.take(do_not_call(1, phone="+447400123456"))
    told = walk.told()
    assert sorted(kinds(told)) == ["consent.changed", "suppression.added"]
    suppression = next(event for event in told if event.type == "suppression.added")
    assert suppression.data["point"] == "phone:+447400123456"
    assert suppression.subject == told[0].subject


def test_flag_seen_in_another_light_by_an_older_version_is_superseded(walk: Walk) -> None:
    walk.take(crm(3, HasOptedOutOfEmail=True))
    walk.told()
    walk.take(crm(2, HasOptedOutOfEmail=True))  # so it was ticked earlier: another act, at another time
    told = walk.told()
    assert [event.data["change"] for event in told if event.type == "consent.changed"] == ["added", "superseded"]
    assert not [event for event in told if event.type.startswith("suppression")]


def test_suppression_that_comes_to_reach_another_point_is_lifted_and_then_added(walk: Walk) -> None:
    walk.take(crm(3, Email=MAIL, HasOptedOutOfEmail=True))
    [first] = walk.told("suppression")
    assert (first.type, first.data["point"], first.data["points"]) == ("suppression.added", None, [f"email:{MAIL}"])
    walk.take(crm(2, Email="old@example.com", HasOptedOutOfEmail=True))
    lifted, added = walk.told("suppression")
    assert (lifted.type, lifted.subject, added.type) == ("suppression.lifted", first.subject, "suppression.added")
    assert added.data["points"] == [f"email:{MAIL}", "email:old@example.com"]


def test_bad_message_is_told_without_its_words(walk: Walk) -> None:
    walk.take(replace(crm(1), data={"Id": "003A", "LastName": ["Secret"]}))
    [told] = walk.told()
    assert told.type == "quarantine.added"
    assert told.data["system"] == "crm"
    assert "Secret" not in str(told.data)


def test_what_waits_in_quarantine_is_told_again_only_after_it_was_resolved(walk: Walk) -> None:
    bad = replace(crm(1), data={"Id": "003A", "LastName": ["Secret"]})
    walk.take(bad)
    [first] = walk.told()
    walk.take(bad, replace(crm(1), id="another", data=bad.data))
    [other] = walk.told("quarantine.added")
    assert other.subject != first.subject
    reprocess(walk, fingerprint=None, one=UUID(first.subject), actor="ann")  # type: ignore[arg-type]
    walk.drain()
    [again] = walk.told("quarantine.added")
    assert again.subject == first.subject


def test_a_message_under_trial_is_told_when_it_is_set_aside_and_not_again(walk: Walk) -> None:
    def tried(*days: int) -> list[bool]:
        with walk.store.transaction() as connection:
            return [begin_trial(connection, delivery_of(crm(day))) for day in days]

    assert tried(1, 1, 2) == [True, True, True]
    assert walk.told() == []
    assert tried(1, 1) == [False, False]
    for _ in range(2):
        walk.ingest.set_aside(delivery_of(crm(2)), lease=walk.lease, reason="a defect")
    assert [(event.type, event.data["reason"]) for event in walk.told()] == [
        ("quarantine.added", REASONS[-1]),
        ("quarantine.added", "a defect"),
    ]


def test_what_is_not_committed_is_not_told(walk: Walk) -> None:
    prepared = walk.ingest.prepare([delivery_of(crm(1))])
    with walk.store.engine.connect() as connection:
        walk.ingest.commit(connection, prepared)
        connection.rollback()
    assert walk.told() == []


def test_events_stay_until_the_bus_has_them_and_keep_their_ids(walk: Walk) -> None:
    walk.take(crm(1), erp(1, customer_no="K2", last_name="HILL"))
    walk.bus.broken = True
    with pytest.raises(TransientError):
        walk.relay.relay_events()
    waiting: list[Mapping[str, Any]] = [event for row in walk.rows(t.event_outbox) for event in row.events]
    walk.bus.broken = False
    assert [str(event.id) for event in walk.told()] == [event[0] for event in waiting]
    assert walk.rows(t.event_outbox) == []


def test_splitting_by_hand_tells_the_records_that_left(walk: Walk) -> None:
    walk.take(crm(1, Email=MAIL), shop(2))
    ann = customer(walk, "crm")
    walk.told()
    [row] = walk.rows(t.source_record, system="shop")
    leaving = RecordRef(system="shop", stream="customers", key=row.key)
    judging(walk).split(row.customer_id, [leaving], actor="ann", reason="mother and daughter")
    [split] = walk.told("customer.split")
    assert split.subject == ann
    assert {before for before, _ in moves(split).values()} == {ann}
    assert len({after for _, after in moves(split).values()}) == 2
