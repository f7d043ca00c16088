"""Ingest: which version stands, what is its own and what an echo, what is set aside, and who may commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from onevoice.errors import FencedError
from onevoice.messages import Lane, Permission
from onevoice.store import Lease
from onevoice.store import tables as t
from onevoice.workers.quarantine import failures, reprocess
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm, do_not_call, envelope, erp, shop, stamp

PHONE = "+447400123456"


def email(walk: Walk) -> str | None:
    emails = walk.golden("crm", "003A").get("emails") or [{}]
    return emails[0].get("address")


def permission(walk: Walk, channel: str, system: str = "crm", key: str = "003A") -> Permission:
    from onevoice.consent.holdings import holdings_of

    customer = walk.record(system, key).customer_id
    with walk.store.transaction() as connection:
        holding = holdings_of(connection, [customer])[customer]
    return walk.gate.fold(holding, channel, "marketing").permission


def test_new_newer_unchanged_stale_and_duplicate(walk: Walk) -> None:
    first, second = crm(1, Email="one@example.com"), crm(2, Email="two@example.com")
    assert walk.take(second).counts["applied"] == 1
    assert walk.take(first).counts["stale"] == 1
    assert email(walk) == "two@example.com"
    assert walk.take(second).counts["duplicate"] == 1
    assert walk.take(replace(second, id="another message, same content")).counts["unchanged"] == 1
    assert walk.take(crm(3, Email="three@example.com"), crm(3, Email="three@example.com")).counts == {
        "applied": 1,
        "duplicate": 1,
        "quarantined": 0,
    }
    assert email(walk) == "three@example.com"
    assert sorted(row.state for row in walk.rows(t.message)) == ["applied", "applied", "stale", "unchanged"]


def test_what_comes_again_is_counted_and_another_message_under_its_id_is_set_aside(walk: Walk) -> None:
    first = crm(1, Email="one@example.com")
    walk.take(first, first)
    assert walk.take(first, first).counts["duplicate"] == 2
    [noted] = walk.rows(t.message)
    assert (noted.state, noted.duplicates, noted.sequence, noted.reading) == ("applied", 3, stamp(1), 0)
    others = [replace(crm(2, Email="two@example.com"), id=first.id), replace(crm(1, Id="003B"), id=first.id)]
    result = walk.take(*others)
    assert (result.counts["quarantined"], result.counts["applied"], result.counts["duplicate"]) == (2, 0, 0)
    assert {row.body for row in walk.rows(t.quarantine)} == {delivery_of(other).body for other in others}
    assert {row.step for row in walk.rows(t.quarantine)} == {"inbox"}
    assert email(walk) == "one@example.com"
    in_one = walk.take(shop(1), replace(shop(2), id=shop(1).id))
    assert (in_one.counts["applied"], in_one.counts["quarantined"]) == (1, 1)


def test_an_obligation_names_the_message_that_brought_it_about_and_none_where_several_may_have(walk: Walk) -> None:
    opt_out = crm(2, DoNotCall=True)
    walk.take(crm(1), erp(1), shop(1))
    assert {row.cause for row in walk.rows(t.obligation)} <= {None}
    walk.take(crm(1), opt_out)
    owed = walk.rows(t.obligation, lane=Lane.SUPPRESSION.value)
    assert owed
    assert {row.cause for row in owed} == {opt_out.id}


def test_one_source_version_read_with_other_content_is_news_back_and_forth(walk: Walk) -> None:
    a, b = crm(1, Email="a@example.com"), crm(1, reading=1, Email="b@example.com")
    back = crm(1, reading=2, Email="a@example.com")
    walk.take(a)
    assert walk.take(b).counts["applied"] == 1
    assert email(walk) == "b@example.com"
    assert walk.take(back).counts["applied"] == 1
    assert email(walk) == "a@example.com"


def test_a_deleted_record_claims_nothing_keeps_its_acts_and_can_come_back(walk: Walk) -> None:
    walk.take(crm(1, Email="ann@example.com", DoNotCall=True), shop(1))
    walk.take(envelope("crm", "Contact", 2, deleted="003A"))
    assert walk.record("crm", "003A").deleted
    assert walk.record("crm", "003A").customer_id == walk.record("shop", "1").customer_id
    assert "birth_date" in walk.golden("shop", "1")
    assert permission(walk, "phone") is Permission.DENIED
    walk.take(envelope("shop", "customers", 2, deleted="1"))
    assert walk.golden("crm", "003A") == {}
    walk.take(crm(3, Email="back@example.com"))
    assert not walk.record("crm", "003A").deleted
    assert email(walk) == "back@example.com"
    assert permission(walk, "phone") is Permission.DENIED


def test_a_bad_neighbour_is_set_aside_with_the_place_and_the_others_go_on(walk: Walk) -> None:
    wrong_type = crm(1, Id="003B", HasOptedOutOfEmail="perhaps")
    other_key = replace(crm(1, Id="003C"), key="003X")
    no_json = delivery_of(crm(1, Id="003D"), body=b"{")
    other_system = delivery_of(crm(1, Id="003E"), routing_key="erp.customers")
    no_stream = delivery_of(crm(1, Id="003F"), routing_key="crm.Leads")
    wrong_user = delivery_of(crm(1, Id="003G"), user_id="shop")
    result = walk.take(
        crm(1), delivery_of(wrong_type), other_key, no_json, other_system, no_stream, wrong_user, shop(1)
    )
    assert (result.counts["applied"], result.counts["quarantined"]) == (2, 6)
    kept = {(row.step, tuple(row.pointers)) for row in walk.rows(t.quarantine)}
    assert ("source schema", ("/HasOptedOutOfEmail",)) in kept
    assert ("mapping", ("/subject",)) in kept
    assert ("envelope", ("/source",)) in kept
    assert len(walk.rows(t.source_record)) == 2
    [row] = walk.rows(t.quarantine, key="003B")
    assert row.body == delivery_of(wrong_type).body
    assert all(word not in row.reason for row in walk.rows(t.quarantine) for word in ("perhaps", "Ann", "Lee"))


def test_what_was_set_aside_comes_back_after_a_fix_and_again_when_it_was_none(walk: Walk) -> None:
    bad = crm(1, HasOptedOutOfEmail="perhaps")
    walk.take(bad, bad)
    with walk.store.transaction() as connection:
        [failed] = failures(connection)
    assert (failed.count, failed.step) == (1, "source schema")

    def again() -> int:
        return reprocess(walk, fingerprint=failed.fingerprint, one=None, actor="ann").count  # type: ignore[arg-type]

    assert again() == 1
    assert walk.rows(t.quarantine)[0].resolution == "reprocessed by ann"
    walk.drain()
    [row] = walk.rows(t.quarantine)
    assert (row.attempts, row.resolved_at) == (2, None)
    good = delivery_of(crm(1, HasOptedOutOfEmail=True)).body
    with walk.store.transaction() as connection:  # the record as a corrected mapping would read it
        connection.execute(update(t.quarantine).values(body=good))
    assert again() == 1
    assert walk.drain().counts["applied"] == 1
    assert permission(walk, "email") is Permission.DENIED


def test_what_fails_again_at_once_is_not_taken_for_solved(walk: Walk) -> None:
    walk.take(crm(1, HasOptedOutOfEmail="perhaps"))
    publish = walk.bus.publish_records

    def publish_and_take(envelopes: object) -> None:
        publish(envelopes)  # type: ignore[arg-type]
        walk.drain()

    walk.bus.publish_records = publish_and_take  # type: ignore[method-assign]
    reprocess(walk, fingerprint=None, one=None, actor="ann")  # type: ignore[arg-type]
    assert walk.rows(t.quarantine)[0].resolved_at is None


def test_an_opt_out_of_a_bare_number_binds_who_turns_up_with_it_later(walk: Walk) -> None:
    walk.take(do_not_call(1, point=PHONE))
    assert {(w.system, w.target) for w in walk.owed()} == {("callcentre", f"phone|phone:{PHONE}|marketing")}
    walk.settle()
    assert walk.owed() == set()
    assert walk.listed() == {("phone", PHONE)}
    walk.take(crm(2, MobilePhone=PHONE))
    assert permission(walk, "phone") is Permission.DENIED
    assert walk.obligation("crm", Lane.SUPPRESSION).state == "due"
    walk.take(shop(3, id=7, first_name="Zoe", last_name="Other", birth_date="1999-09-09", phone=PHONE))
    assert walk.record("shop", "7").customer_id != walk.record("crm", "003A").customer_id
    assert permission(walk, "phone", "shop", "7") is Permission.DENIED


def test_unticking_an_opt_out_lifts_nothing_and_it_is_owed_back(walk: Walk) -> None:
    walk.take(crm(1, DoNotCall=True), shop(1))
    walk.take(crm(2, DoNotCall=False))
    assert permission(walk, "phone") is Permission.DENIED
    assert {(w.system, w.lane) for w in walk.owed()} >= {("crm", Lane.SUPPRESSION), ("shop", Lane.SUPPRESSION)}


def test_an_act_taken_for_superseded_comes_back_when_a_late_version_parts_it(walk: Walk) -> None:
    def times() -> list[datetime]:
        return sorted(row.time for row in walk.rows(t.act) if row.superseded_at is None)

    def day(number: int) -> datetime:
        return datetime.fromisoformat(stamp(number))

    walk.take(crm(3, DoNotCall=True))
    walk.take(crm(1, DoNotCall=True))
    assert times() == [day(1)]
    walk.take(crm(2, DoNotCall=False))
    assert times() == [day(1), day(3)]


def test_who_lost_the_lease_commits_nothing(walk: Walk) -> None:
    with walk.store.transaction() as connection:
        connection.execute(update(t.lease).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    other = Lease.take(walk.store, "ingest", "another worker")
    assert other is not None
    with pytest.raises(FencedError):
        walk.take(crm(1), crm(1, HasOptedOutOfEmail="perhaps"))
    with pytest.raises(FencedError):
        walk.ingest.set_aside(delivery_of(crm(1)), lease=walk.lease, reason="whatever")
    for table in (t.source_record, t.customer, t.message, t.obligation, t.quarantine):
        assert walk.rows(table) == []
    walk.lease = other
    assert walk.take(crm(1)).counts["applied"] == 1


def test_a_case_before_its_contact_is_kept_with_what_it_is_about(walk: Walk) -> None:
    walk.take(envelope("crm", "Case", 1, ContactId="003A"))
    [case] = walk.rows(t.source_record)
    assert (case.party_stream, case.party_key, case.customer_id) == ("Contact", "003A", None)
    walk.take(crm(1), erp(1))
    assert len(walk.rows(t.customer)) == 1


def test_versions_that_name_another_campaign_close_both_in_whatever_order_they_come(walk: Walk) -> None:
    first = envelope("callcentre", "call", 1, campaign="spring")
    second = envelope("callcentre", "call", 2, campaign="autumn")
    walk.take(second, first)
    assert {row.thread for row in walk.rows(t.act) if row.reason == "answered"} == {"spring", "autumn"}
