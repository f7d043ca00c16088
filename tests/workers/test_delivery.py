"""Delivery: what is owed arrives once and proven, whatever the system answers, and one failure stops nobody else."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.messages import Act, Change, Envelope, Lane, ListEntry, RecordRef, Work, WriteOutcome, WriteResult
from onevoice.obligations import request
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest.merge import merge
from onevoice.workers.systems import WRITE
from tests.workers.fakes import failure, outcome
from tests.workers.walk import CRM, ERP, SHOP, Walk, crm, do_not_call, erp

OLD, NEW = "old@example.com", "ann@example.com"
PERSON = {"MobilePhone": "+447400123456", "Email": OLD}


@pytest.fixture
def pair(walk: Walk) -> Walk:
    """Ann in the CRM and the ERP with an old address, and with a newer one in the shop; the CRM is owed it."""
    first = walk.crm.put(CRM | PERSON)
    walk.arrive("crm", "Contact", first)
    walk.shop.tick()
    for _ in range(60):
        walk.shop.tick()
    walk.arrive("shop", "customers", walk.shop.put(SHOP | {"phone": "+447400123456", "email": NEW}))
    assert walk.golden("crm", "003A")["emails"][0]["address"] == NEW
    assert {w.system for w in walk.owed()} == {"crm"}
    return walk


def email_mark(walk: Walk) -> dict[str, Any]:
    [row] = walk.rows(t.delivered, system="crm", key="003A")
    return dict(row.fields.get("Email", {}))


def test_what_is_owed_is_written_read_back_and_no_claim_of_its_reader(pair: Walk) -> None:
    pair.deliver()
    assert pair.crm.records["003A"]["Email"] == NEW
    assert pair.obligation("crm").state == "verified"
    assert email_mark(pair)["written"] == NEW
    assert email_mark(pair)["replaced"] == OLD
    own = pair.record("crm", "003A").canonical
    assert own["emails"][0]["address"] == OLD
    pair.settle()
    assert (len(pair.crm.writes), pair.owed()) == (1, set())


def test_of_ten_writes_of_which_seven_succeed_exactly_three_are_tried_again(walk: Walk) -> None:
    people = [f"003{letter}" for letter in "ABCDEFGHIJ"]
    given = ["Ann", "Bob", "Cid", "Dora", "Esra", "Fritz", "Gwen", "Hugo", "Iris", "Jan"]
    for number, key in enumerate(people):
        person = {"Id": key, "MobilePhone": f"+447400{number}23456", "Email": f"old{number}@example.com"}
        names = {"FirstName": given[number], "LastName": given[-number - 1] * 2, "Birthdate": f"19{50 + number}-02-01"}
        walk.arrive("crm", "Contact", walk.crm.put(CRM | person | names))
    for _ in range(60):
        walk.shop.tick()
    for number in range(len(people)):
        customer = {"id": number + 1, "phone": f"+447400{number}23456", "email": f"new{number}@example.com"}
        names = {
            "first_name": given[number],
            "last_name": given[-number - 1] * 2,
            "birth_date": f"19{50 + number}-02-01",
        }
        walk.arrive("shop", "customers", walk.shop.put(SHOP | customer | names))
    late = set(people[::4])

    def seven(changes: Sequence[Change]) -> list[WriteResult]:
        transient = WriteOutcome.TRANSIENT
        return [
            WriteResult(key=one.key, outcome=transient, reason="HTTP 503") if one.key in late else walk.crm.apply(one)
            for one in changes
        ]

    walk.crm.answers = [seven]
    walk.deliver()
    assert {change.key for change in walk.crm.writes} == set(people)
    assert {work.target for work in walk.owed()} == late
    walk.crm.writes.clear()
    walk.hurry()
    walk.deliver()
    assert sorted(change.key for change in walk.crm.writes) == sorted(late)
    assert walk.owed() == set()
    assert [walk.crm.records[key]["Email"] for key in people] == [f"new{n}@example.com" for n in range(len(people))]


def test_an_own_change_after_a_write_is_a_claim_and_goes_to_the_others(pair: Walk) -> None:
    pair.settle()
    for _ in range(200):
        pair.crm.tick()
    pair.arrive("crm", "Contact", pair.crm.change("003A", Email="own@example.com"))
    assert pair.golden("crm", "003A")["emails"][0]["address"] == "own@example.com"
    assert email_mark(pair) == {}
    pair.settle()
    assert pair.shop.records["1"]["email"] == "own@example.com"
    assert pair.crm.records["003A"]["Email"] == "own@example.com"


def test_going_back_by_hand_to_the_value_before_the_write_is_a_claim(pair: Walk) -> None:
    pair.settle()
    for _ in range(200):
        pair.crm.tick()
    pair.arrive("crm", "Contact", pair.crm.change("003A", Email=OLD))
    assert pair.golden("shop", "1")["emails"][0]["address"] == OLD
    pair.settle()
    assert pair.shop.records["1"]["email"] == OLD


def test_a_record_that_changed_meanwhile_is_redone_on_what_it_says_now(pair: Walk) -> None:
    pair.crm.change("003A", FirstName="Anne", Birthdate=None)  # nobody told the hub
    pair.deliver()
    assert pair.crm.records["003A"]["Email"] == OLD
    assert pair.obligation("crm").state == "due"
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == NEW
    assert pair.crm.records["003A"]["FirstName"] == "Anne"
    assert pair.record("crm", "003A").canonical["name"]["given"] == "Anne"
    assert pair.crm.writes[0].expected_version != pair.crm.writes[-1].expected_version


@pytest.mark.parametrize(
    "answer", [outcome(WriteOutcome.TRANSIENT, "HTTP 503"), failure(TransientError("system crm: no answer"))]
)
def test_trouble_that_passes_is_tried_again_later_while_the_others_go_on(pair: Walk, answer: Any) -> None:
    pair.erp.put(ERP | {"mobile": "07400123456", "email": OLD})
    pair.arrive("erp", "customers", pair.erp.record("customers", "K1"))
    pair.crm.answers = [answer]
    pair.deliver()
    owed = pair.obligation("crm")
    assert (owed.state, owed.attempts) == ("due", 1)
    assert "crm" in owed.last_error
    assert pair.erp.records["K1"]["email"] == NEW
    assert pair.obligation("erp").state == "verified"
    assert pair.bus.work == []
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == NEW
    assert pair.obligation("crm").state == "verified"


def test_a_second_change_is_delivered_although_its_first_attempt_got_no_answer(pair: Walk) -> None:
    pair.settle()
    third = "third@example.com"
    pair.arrive("shop", "customers", pair.shop.change("1", email=third))
    pair.crm.answers = [failure(TransientError("system crm: no answer"))]
    pair.deliver()
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == third


@pytest.mark.parametrize("answer", [outcome(WriteOutcome.REFUSED, "Email"), failure(RefusedError("system crm: no"))])
def test_what_the_system_refuses_stays_visible_and_is_not_tried_again(pair: Walk, answer: Any) -> None:
    pair.crm.answers = [answer]
    pair.deliver()
    owed = pair.obligation("crm")
    assert (owed.state, owed.next_attempt_at) == ("refused", None)
    assert "crm" in owed.last_error
    assert len(pair.crm.writes) == 1
    assert email_mark(pair) == {}
    assert pair.deliver() == []


def test_what_was_refused_and_is_typed_in_there_later_is_the_systems_own_word(pair: Walk) -> None:
    pair.crm.answers = [outcome(WriteOutcome.REFUSED, "Email")]
    pair.deliver()
    pair.arrive("crm", "Contact", pair.crm.change("003A", Email=NEW))
    assert pair.record("crm", "003A").canonical["emails"][0]["address"] == NEW
    assert pair.record("crm", "003A").echoes is None


def test_an_answer_lost_after_the_system_took_the_write_has_no_second_effect(pair: Walk) -> None:
    def take_and_fall_silent(changes: Sequence[Change]) -> list[WriteResult]:
        for change in changes:
            pair.crm.apply(change)
        raise TransientError("system crm: no answer")

    pair.crm.answers = [take_and_fall_silent]
    pair.deliver()
    version = pair.crm.records["003A"]["SystemModstamp"]
    pair.settle()
    assert pair.crm.records["003A"]["SystemModstamp"] == version
    assert pair.obligation("crm").state == "verified"
    assert pair.record("crm", "003A").canonical["emails"][0]["address"] == OLD
    assert email_mark(pair)["replaced"] == OLD
    assert email_mark(pair)["written"] == NEW


def test_a_read_that_overtakes_the_answer_is_known_as_an_echo(pair: Walk) -> None:
    def take_and_be_read(changes: Sequence[Change]) -> None:
        results = [pair.crm.apply(change) for change in changes]
        pair.arrive("crm", "Contact", pair.crm.record("Contact", "003A"))
        pair.crm.answers.append(lambda _: results)

    def answer(changes: Sequence[Change]) -> list[WriteResult]:
        take_and_be_read(changes)
        return pair.crm.answers.pop()(changes) or []

    pair.crm.answers = [answer]
    pair.deliver()
    pair.settle()
    assert len(pair.crm.writes) == 1
    assert pair.record("crm", "003A").canonical["emails"][0]["address"] == OLD
    assert pair.owed() == set()


def test_the_hubs_own_no_that_is_read_before_its_proof_is_no_act_of_the_system(pair: Walk) -> None:
    pair.settle()

    def take_and_be_read(changes: Sequence[Change]) -> list[WriteResult]:
        results = [pair.crm.apply(change) for change in changes]
        pair.arrive("crm", "Contact", pair.crm.record("Contact", "003A"))
        return results

    pair.crm.answers = [take_and_be_read]
    pair.take(do_not_call(200, point="+447400123456"))
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is True
    made = [row for row in pair.rows(t.act, source_system="crm") if row.superseded_at is None]
    assert made == []
    mark = pair.rows(t.delivered, system="crm", key="003A")[0].fields["DoNotCall"]
    assert (mark["written"], mark["replaced"]) == (True, False)


def test_the_hubs_own_no_that_is_read_before_its_proof_goes_with_the_merge_that_it_was_written_for(pair: Walk) -> None:
    pair.arrive("crm", "Contact", pair.crm.change("003A", Phone="0161 496 0123"))
    opted_out_in_the_shop(pair)

    def take_be_read_and_be_split(changes: Sequence[Change]) -> list[WriteResult]:
        results = [pair.crm.apply(change) for change in changes]
        pair.arrive("crm", "Contact", pair.crm.record("Contact", "003A"))
        split_off_the_shop(pair)
        return results

    pair.crm.answers = [take_be_read_and_be_split]
    pair.told()
    pair.settle()
    assert acts_of(pair, "crm") == []
    assert pair.crm.records["003A"]["DoNotCall"] is False
    assert pair.listed() == {("phone", "+447400123456")}  # hers still, whoever else holds it
    assert [event.data["change"] for event in pair.told("consent.changed")] == ["added", "superseded"]


def write_unread(pair: Walk) -> None:
    """Write what is due; what was read back stays on the bus."""
    pair.relay.relay()
    works = pair.bus.taken_work()
    for system, lane in dict.fromkeys((w.system, w.lane) for w in works):
        pair.delivery.deliver(system, lane, [w for w in works if (w.system, w.lane) == (system, lane)])


def test_a_no_that_is_owed_again_before_it_was_read_back_is_not_written_again(pair: Walk) -> None:
    pair.settle()
    pair.take(do_not_call(200, point="+447400123456"))
    write_unread(pair)
    writes = len(pair.crm.writes)
    pair.take(do_not_call(201, point="+447400123456", entry_id="D-again"))
    write_unread(pair)
    assert len(pair.crm.writes) == writes
    assert pair.obligation("crm", Lane.SUPPRESSION).state == "verified"
    pair.settle()
    assert acts_of(pair, "crm") == []


def test_a_yes_that_overtakes_the_reading_back_of_a_no_waits_for_it(pair: Walk) -> None:
    pair.settle()
    pair.take(do_not_call(200, point="+447400123456"))
    write_unread(pair)
    with pair.store.transaction() as connection:
        pair.ingest.say(connection, [_said("grant", "grant", "phone:+447400123456")])
    pair.hurry()
    write_unread(pair)
    assert pair.crm.records["003A"]["DoNotCall"] is True
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is False
    assert acts_of(pair, "crm") == acts_of(pair, "shop") == []


def test_a_connector_that_breaks_on_one_record_does_not_hold_up_its_neighbours(pair: Walk) -> None:
    other = CRM | {
        "Id": "003B",
        "FirstName": "Bob",
        "Birthdate": "1971-01-01",
        "Email": OLD,
        "MobilePhone": "+447400123457",
    }
    pair.arrive("crm", "Contact", pair.crm.put(other))
    bob = SHOP | {
        "id": 2,
        "first_name": "Bob",
        "birth_date": "1971-01-01",
        "email": "bob@example.com",
        "phone": "+447400123457",
    }
    pair.arrive("shop", "customers", pair.shop.put(bob))

    def stumble(changes: Sequence[Change]) -> list[WriteResult] | None:
        if any(change.key == "003A" for change in changes):
            raise KeyError("Email")
        return None

    pair.crm.answers = [stumble] * 4
    pair.settle()
    assert pair.crm.records["003B"]["Email"] == "bob@example.com"
    [stuck] = pair.rows(t.obligation, system="crm", target="003A", lane="record")
    assert stuck.state == "in_doubt"
    assert "KeyError" in stuck.last_error


def cut(pair: Walk, *, version: bool) -> Callable[[Sequence[Change]], list[WriteResult]]:
    """An answer of a system that keeps something else than what it was sent."""

    def take_otherwise(changes: Sequence[Change]) -> list[WriteResult]:
        made = pair.crm.change("003A", Email="cut@example.com").version if version else None
        return [WriteResult(key=c.key, outcome=WriteOutcome.APPLIED, version=made) for c in changes]

    return take_otherwise


def test_a_system_that_keeps_something_else_is_not_taken_for_proven(pair: Walk) -> None:
    pair.crm.answers = [cut(pair, version=True)]
    pair.deliver()
    owed = pair.obligation("crm")
    assert owed.state == "refused"
    assert "Email" in owed.last_error
    assert "example" not in owed.last_error
    assert email_mark(pair)["written"] == "cut@example.com"


def test_a_system_that_keeps_something_else_and_names_no_version_is_refused_in_the_end(pair: Walk) -> None:
    pair.crm.change("003A", Email="cut@example.com")
    pair.arrive("crm", "Contact", pair.crm.record("Contact", "003A"))
    pair.arrive("shop", "customers", pair.shop.change("1", email=NEW))
    pair.crm.answers = [cut(pair, version=False)] * 9
    pair.settle()
    assert len(pair.crm.writes) == 3
    assert pair.obligation("crm").state == "refused"
    assert pair.owed() == set()


@pytest.mark.parametrize("version", [False, True])
def test_what_somebody_types_between_the_write_and_its_reading_back_is_a_claim(pair: Walk, version: bool) -> None:
    for _ in range(200):
        pair.crm.tick()

    def take_and_be_changed(changes: Sequence[Change]) -> list[WriteResult]:
        results = [pair.crm.apply(change) for change in changes]
        made = pair.crm.record("Contact", "003A").version if version else None
        pair.crm.change("003A", Email="own@example.com")
        return [replace(result, version=made) for result in results]

    pair.crm.answers = [take_and_be_changed]
    pair.deliver()
    assert pair.obligation("crm").state == "due"
    assert "written" not in email_mark(pair)
    assert pair.record("crm", "003A").canonical["emails"][0]["address"] == "own@example.com"
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == "own@example.com"
    assert pair.shop.records["1"]["email"] == "own@example.com"


def test_a_record_that_is_gone_is_said_to_be_gone(pair: Walk) -> None:
    del pair.crm.records["003A"]
    pair.deliver()
    assert pair.obligation("crm").state == "refused"
    assert "gone" in pair.obligation("crm").last_error


def test_a_system_that_does_not_let_us_in_is_parked_and_caught_up_suppressions_first(pair: Walk) -> None:
    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))
    pair.crm.answers = [failure(OperatorError("system crm: the password was refused"))] * 2
    pair.deliver()
    assert pair.systems.parked() == {"crm"}
    assert {r.state for r in pair.rows(t.obligation, system="crm")} == {"due"}
    pair.hurry()
    assert all(w.system != "crm" for w in pair.deliver())
    written = len(pair.crm.writes)
    pair.systems.resume("crm")
    pair.hurry()
    works = [w for w in pair.deliver() if w.system == "crm"]
    assert [w.lane for w in works] == [Lane.SUPPRESSION, Lane.RECORD]
    assert "DoNotCall" in pair.crm.writes[written].fields
    pair.settle()
    assert (pair.crm.records["003A"]["DoNotCall"], pair.crm.records["003A"]["Email"]) == (True, NEW)
    assert pair.systems.parked() == set()


def test_only_a_person_takes_a_system_out_of_parking(pair: Walk) -> None:
    with pytest.raises(OperatorError), pair.systems.contact("crm", WRITE):
        raise OperatorError("system crm: the password was refused")
    with pytest.raises(TransientError), pair.systems.contact("crm", WRITE):
        raise TransientError("system crm: no answer")
    assert pair.systems.parked() == {"crm"}
    with pair.systems.contact("crm", WRITE):
        pass
    assert pair.systems.parked() == {"crm"}
    pair.systems.resume("crm")
    assert pair.systems.parked() == set()


def test_an_opt_out_reaches_every_system_without_waiting_for_its_record(pair: Walk) -> None:
    pair.erp.put(ERP | {"mobile": "07400123456", "email": OLD})
    pair.arrive("erp", "customers", pair.erp.record("customers", "K1"))
    pair.crm.change("003A", Birthdate=None)  # the hub has not heard of it: a record write would meet a conflict
    pair.take(do_not_call(200, point="+447400123456"))
    pair.deliver()
    assert pair.crm.records["003A"]["DoNotCall"] is True
    assert pair.erp.records["K1"]["phone_opt_out"] is True
    assert pair.shop.records["1"]["accepts_phone_marketing"] is False
    assert pair.listed() == {("phone", "+447400123456")}
    pair.settle()
    assert pair.crm.records["003A"]["HasOptedOutOfEmail"] is False
    assert pair.owed() == set()
    assert {row.source_system for row in pair.rows(t.act)} == {"callcentre"}


def test_what_was_filled_for_a_merge_is_given_back_after_the_split_and_again_after_its_retraction(pair: Walk) -> None:
    pair.settle()
    judging = Judging(pair.store, pair.ingest)
    shop = RecordRef(system="shop", stream="customers", key="1")
    said = judging.split(pair.record("crm", "003A").customer_id, [shop], actor="ann", reason="a namesake")
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == OLD
    assert pair.golden("crm", "003A")["emails"][0]["address"] == OLD
    for judgement in said.judgements:
        judging.retract(judgement.id, actor="ann")
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == NEW


def test_a_flag_set_for_a_merge_is_given_back_and_the_number_leaves_the_list_after_the_split(pair: Walk) -> None:
    pair.arrive("crm", "Contact", pair.crm.change("003A", Phone="0161 496 0123"))
    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is True
    assert pair.listed() == {("phone", "+447400123456"), ("phone", "+441614960123")}
    shop = RecordRef(system="shop", stream="customers", key="1")
    judging = Judging(pair.store, pair.ingest)
    judging.split(pair.record("crm", "003A").customer_id, [shop], actor="ann", reason="a namesake")
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is False
    assert pair.listed() == {("phone", "+447400123456")}  # hers still, whoever else holds it


def opted_out_in_the_shop(pair: Walk) -> None:
    pair.settle()
    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))


def split_off_the_shop(pair: Walk) -> None:
    shop = RecordRef(system="shop", stream="customers", key="1")
    customer = pair.record("crm", "003A").customer_id
    Judging(pair.store, pair.ingest).split(customer, [shop], actor="ann", reason="a namesake")


def acts_of(pair: Walk, system: str) -> list[Any]:
    return pair.rows(t.act, source_system=system, superseded_at=None)


def test_an_own_opt_out_while_the_hubs_write_has_failed_is_an_act_and_is_not_erased(pair: Walk) -> None:
    opted_out_in_the_shop(pair)
    pair.crm.answers = [failure(TransientError("system crm: no answer"))]
    pair.deliver()
    assert pair.crm.records["003A"]["DoNotCall"] is False
    pair.arrive("crm", "Contact", pair.crm.change("003A", DoNotCall=True))
    assert [act.anchor_key for act in acts_of(pair, "crm")] == ["003A"]
    pair.settle()
    split_off_the_shop(pair)
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is True


def test_an_own_opt_out_that_the_hub_had_not_heard_of_is_not_taken_for_its_writing(pair: Walk) -> None:
    opted_out_in_the_shop(pair)
    pair.crm.change("003A", DoNotCall=True)  # nobody told the hub
    pair.settle()
    assert [act.anchor_key for act in acts_of(pair, "crm")] == ["003A"]
    split_off_the_shop(pair)
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is True


def test_an_own_opt_out_between_a_lift_and_its_reading_back_is_an_act(pair: Walk) -> None:
    opted_out_in_the_shop(pair)
    pair.settle()
    assert acts_of(pair, "crm") == []
    split_off_the_shop(pair)

    def take_and_be_ticked(changes: Sequence[Change]) -> list[WriteResult]:
        assert [change.fields for change in changes] == [{"DoNotCall": False}]
        results = [pair.crm.apply(change) for change in changes]
        pair.crm.change("003A", DoNotCall=True)
        return results

    pair.crm.answers = [take_and_be_ticked]
    pair.settle()
    assert pair.crm.records["003A"]["DoNotCall"] is True
    assert [act.anchor_key for act in acts_of(pair, "crm")] == ["003A"]


def test_a_record_that_changed_meanwhile_does_not_make_the_hubs_own_flag_an_act(pair: Walk) -> None:
    opted_out_in_the_shop(pair)
    pair.crm.change("003A", FirstName="Anne")
    pair.settle()
    split_off_the_shop(pair)
    pair.crm.change("003A", FirstName="Ann")
    pair.settle()
    assert acts_of(pair, "crm") == []
    assert pair.crm.records["003A"]["DoNotCall"] is False


def test_an_opt_out_does_not_wait_for_a_record_that_never_holds_still(pair: Walk) -> None:
    opted_out_in_the_shop(pair)
    pair.crm.answers = [outcome(WriteOutcome.CONFLICT)] * 2
    pair.deliver()
    assert pair.crm.records["003A"]["DoNotCall"] is True
    assert pair.crm.writes[-1].expected_version is None
    assert pair.obligation("crm", Lane.SUPPRESSION).state == "verified"


def test_waiting_for_the_last_write_to_come_back_is_no_failed_attempt(pair: Walk) -> None:
    def deliver_unheard() -> None:
        pair.hurry()
        pair.relay.relay()
        pair.delivery.deliver("crm", Lane.RECORD, pair.bus.taken_work())

    deliver_unheard()
    assert len(pair.crm.writes) == 1
    for _ in range(3):
        with pair.store.transaction() as connection:
            work = Work(system="crm", lane=Lane.RECORD, stream="Contact", target="003A")
            request(connection, [work], now=datetime.now(UTC), cause=None)
        deliver_unheard()
    assert len(pair.crm.writes) == 1
    assert (pair.obligation("crm").state, pair.obligation("crm").attempts) == ("due", 0)


def test_a_system_that_fails_again_and_again_is_left_alone_and_then_caught_up_at_once(pair: Walk) -> None:
    silent = failure(TransientError("system crm: no answer"))
    pair.crm.answers = [silent] * 3
    for _ in range(2):
        pair.deliver()
        pair.hurry()
    pair.deliver()
    assert len(pair.crm.writes) == 3
    owed = pair.obligation("crm")
    assert owed.attempts == 3

    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))
    assert all(work.system != "crm" for work in pair.deliver())  # not even announced
    announced = Work(system="crm", lane=Lane.SUPPRESSION, stream="Contact", target="003A")
    pair.delivery.deliver("crm", Lane.SUPPRESSION, [announced])  # as a message from before would have it
    assert len(pair.crm.writes) == 3
    waits = pair.obligation("crm", Lane.SUPPRESSION)
    assert (waits.state, waits.attempts) == ("due", 0)

    later = pair.systems.clock() + timedelta(hours=1)
    pair.systems.clock = lambda: later
    pair.delivery.deliver("crm", Lane.SUPPRESSION, [announced])
    assert pair.crm.writes == pair.crm.writes[:3]  # its own time has not come
    with pair.systems.contact("crm", WRITE):
        """It is back."""
    owed = pair.obligation("crm")
    assert (owed.attempts, owed.next_attempt_at <= datetime.now(UTC)) == (0, True)
    pair.settle()
    assert (pair.crm.records["003A"]["DoNotCall"], pair.crm.records["003A"]["Email"]) == (True, NEW)


def test_a_system_that_asks_for_time_is_given_it(pair: Walk) -> None:
    pair.crm.answers = [failure(TransientError("system crm: HTTP 429", retry_after=900))]
    asked = datetime.now(UTC)
    pair.deliver()
    assert pair.obligation("crm").next_attempt_at >= asked + timedelta(seconds=900)


def test_an_entry_that_the_system_leaves_out_holds_up_no_other(pair: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onevoice.workers.delivery.lists.PROOF_WAIT_SECONDS", 0.1)
    read = pair.lists.readback_list
    left_out = {("phone", "+447400123457", "marketing")}
    monkeypatch.setattr(pair.lists, "readback_list", lambda name: (read(name) or frozenset()) - left_out)
    pair.take(do_not_call(200, point="+447400123456"))
    pair.take(do_not_call(201, request="other", point="+447400123457"))
    pair.deliver()
    states = {row.target: row.state for row in pair.rows(t.obligation, system="callcentre")}
    assert states == {
        "phone|phone:+447400123456|marketing": "verified",
        "phone|phone:+447400123457|marketing": "due",
    }
    assert [row.key for row in pair.rows(t.delivered, system="callcentre")] == ["phone|phone:+447400123456|marketing"]


def test_what_changes_while_a_list_is_handed_over_reaches_the_list(pair: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.settle()
    pair.arrive("crm", "Contact", pair.crm.change("003A", Phone="0161 496 0123"))
    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))
    write = pair.lists.write_list

    def write_and_be_split(name: str, entries: Sequence[ListEntry]) -> None:
        monkeypatch.setattr(pair.lists, "write_list", write)
        write(name, entries)
        split_off_the_shop(pair)

    monkeypatch.setattr(pair.lists, "write_list", write_and_be_split)
    pair.relay.relay([Lane.SUPPRESSION])
    pair.delivery.deliver("callcentre", Lane.SUPPRESSION, pair.bus.taken_work())
    assert pair.listed() == {("phone", "+447400123456"), ("phone", "+441614960123")}
    states = {row.target: row.state for row in pair.rows(t.obligation, system="callcentre")}
    assert states["phone|phone:+441614960123|marketing"] == "due"
    pair.settle()
    assert pair.listed() == {("phone", "+447400123456")}


def test_a_list_is_owed_until_the_system_says_that_it_has_it_in_force(
    pair: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onevoice.workers.delivery.lists.PROOF_WAIT_SECONDS", 0.1)
    pair.lists.loads = False
    pair.take(do_not_call(200, point="+447400123456"))
    pair.deliver()
    owed = pair.obligation("callcentre", Lane.SUPPRESSION)
    assert (owed.state, owed.stream) == ("due", "suppression")
    assert "not yet loaded" in owed.last_error
    pair.lists.loads = True
    pair.settle()
    assert pair.obligation("callcentre", Lane.SUPPRESSION).state == "verified"
    assert len(pair.lists.handed) == 2
    [entry] = pair.lists.handed[-1]
    assert (entry.channel, entry.point, entry.purpose, entry.reason) == (
        "phone",
        "+447400123456",
        "marketing",
        "withdrawal",
    )


def test_a_suppressed_number_that_nobody_holds_any_more_stays_on_the_list_beside_the_new_one(pair: Walk) -> None:
    pair.arrive("shop", "customers", pair.shop.change("1", accepts_phone_marketing=False))
    pair.settle()
    assert pair.listed() == {("phone", "+447400123456")}
    pair.arrive("shop", "customers", pair.shop.change("1", phone="+447400999999"))
    pair.arrive("crm", "Contact", pair.crm.change("003A", MobilePhone="+447400999999"))
    pair.settle()
    assert pair.listed() == {("phone", "+447400123456"), ("phone", "+447400999999")}


def test_a_complaint_about_an_address_that_the_hub_wrote_is_told_where_it_stands(pair: Walk) -> None:
    pair.settle()
    assert pair.crm.records["003A"]["Email"] == NEW
    assert not pair.crm.records["003A"]["HasOptedOutOfEmail"]
    with pair.store.transaction() as connection:
        complaint = Act(
            id=uuid.uuid4(),
            kind="prohibition",
            channel="email",
            purpose="marketing",
            reason="complaint",
            time=datetime.now(UTC),
            anchor_point=f"email:{NEW}",
            source=RecordRef(system="hub", stream="acts", key="1"),
            evidence={},
        )
        pair.ingest.say(connection, [complaint])
    pair.settle()
    assert pair.crm.records["003A"]["HasOptedOutOfEmail"]


def test_who_gives_up_the_number_that_was_forbidden_leaves_the_list_with_all_numbers(walk: Walk) -> None:
    gone, kept = "+447400123456", "+447400123457"
    walk.take(crm(1, MobilePhone=gone, Phone=kept))
    walk.take(do_not_call(2, entry_id="D1", point=gone))
    walk.settle()
    assert {("phone", gone), ("phone", kept)} <= walk.listed()
    walk.take(crm(3, MobilePhone="+447400123458", Phone=kept))
    walk.settle()
    assert ("phone", kept) not in walk.listed()
    assert ("phone", gone) in walk.listed()


def test_whoever_becomes_the_only_holder_of_a_point_is_bound_by_what_was_said_there(walk: Walk) -> None:
    shared = "0161 496 0777"
    walk.take(crm(1, Phone=shared, MobilePhone=None))
    walk.take(erp(1, customer_no="K9", first_name="BOB", last_name="RAY", birth_date="1955-05-05", phone=shared,
                  mobile=None, email=None))  # fmt: skip
    assert walk.record("crm", "003A").customer_id != walk.record("erp", "K9").customer_id
    with walk.store.transaction() as connection:
        walk.ingest.say(connection, [_said("prohibition", "deceased", "phone:+441614960777")])
    walk.settle()
    assert walk.listed() == set()
    walk.take(erp(2, customer_no="K9", first_name="BOB", last_name="RAY", birth_date="1955-05-05",
                  phone="0161 496 0999", mobile=None, email=None))  # fmt: skip
    assert {(w.system, w.lane) for w in walk.owed()} >= {("callcentre", Lane.SUPPRESSION)}
    opened = {(row.system, row.target) for row in walk.rows(t.obligation) if row.state != "verified"}
    assert {(w.system, w.target) for w in walk.owed()} <= opened


def test_what_was_granted_at_a_point_holds_no_longer_once_somebody_else_has_it_too(walk: Walk) -> None:
    mail = "ann@example.com"
    walk.arrive("shop", "customers", walk.shop.put(SHOP | {"email": mail, "phone": None}))
    with walk.store.transaction() as connection:
        walk.ingest.say(connection, [_said("grant", "grant", f"email:{mail}")])
    walk.settle()
    assert walk.shop.records[str(SHOP["id"])]["accepts_email_marketing"] is True
    walk.take(erp(2, customer_no="K9", first_name="BOB", last_name="RAY", birth_date="1955-05-05", email=mail))
    assert walk.record("shop", str(SHOP["id"])).customer_id != walk.record("erp", "K9").customer_id
    walk.settle()
    assert walk.shop.records[str(SHOP["id"])]["accepts_email_marketing"] is not True


def test_whoever_comes_to_a_crowded_point_makes_no_work_for_the_crowd(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody(number: int) -> Envelope:
        return erp(number + 1, customer_no=f"K{number}", first_name=f"{'abcdefgh'[number]}" * 5, last_name="RAY",
                   birth_date=f"19{50 + number}-05-05", phone="0161 496 0777", mobile=None, email=None)  # fmt: skip

    for number in range(6):
        walk.take(somebody(number))
    assert len(walk.rows(t.customer)) == 6
    with walk.store.transaction() as connection:
        walk.ingest.say(connection, [_said("prohibition", "deceased", "phone:+441614960777")])
    asked: list[int] = []

    def counted(loaded: Any, customers: Collection[Any], *args: Any, **named: Any) -> Any:
        asked.append(len(customers))
        return merge(loaded, customers, *args, **named)

    monkeypatch.setattr("onevoice.workers.ingest.batch.merge", counted)
    walk.take(somebody(6))
    assert asked == [1]


def _said(kind: str, reason: str, point: str) -> Act:
    return Act(
        id=uuid.uuid4(),
        kind=kind,
        channel=point.partition(":")[0] if kind == "grant" else "any",
        purpose="marketing" if kind == "grant" else "any",
        reason=reason,
        time=datetime.now(UTC),
        anchor_point=point,
        source=RecordRef(system="hub", stream="acts", key="1"),
        evidence={"source": "test"},
    )
