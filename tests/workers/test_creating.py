"""Creating: a customer whom a system lacks is made there once, whatever is lost, and is the same customer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from onevoice.errors import TransientError
from onevoice.messages import Act, CreationResult, Lane, RecordRef, WriteOutcome
from onevoice.obligations.ledger import resend
from onevoice.store import open_store
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from onevoice.workers.lacking import Lacking
from onevoice.workers.sync import Sync
from tests.workers.fakes import Finding, Making
from tests.workers.walk import CRM, ERP, SHOP, Walk, envelope, sample_hub

NEW = CRM | {"Id": None, "FirstName": None, "LastName": None, "Birthdate": None, "MailingCountryCode": None}
ANN = ERP | {"first_name": "Ann", "last_name": "Lee", "mobile": "07400 123456", "email": "ann@example.com"}
BOB = SHOP | {"first_name": "Bob", "last_name": "Ray", "email": "b@example.com", "birth_date": "1950-01-01"}
CONTACT = ("crm", "Contact")


def creating(walk: Walk, system: Making, *, safe_by: str = "upsert_key", policy: str = "all") -> Walk:
    """The walk with contacts made in the CRM."""
    stream = replace(
        walk.catalog.streams[CONTACT],
        create=policy,
        safe_by=safe_by,
        reference="ExternalReference__c" if safe_by == "upsert_key" else None,
    )
    assert stream.needs == ("LastName",)
    catalog = replace(walk.catalog, streams={**walk.catalog.streams, CONTACT: stream})
    found = Walk(walk.store, walk.config, catalog)
    system.defaults = NEW
    found.crm = system
    found.systems.given["crm"] = system
    found.was_read("crm", "Contact", datetime.now(UTC) + timedelta(days=1))
    return found


def upserting() -> Making:
    return Making("SystemModstamp", "Id", shows="ExternalReference__c")


@pytest.fixture
def made(walk: Walk) -> Walk:
    """Ann is known to the ERP; the CRM is owed a contact."""
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN))
    return found


def contacts(walk: Walk) -> list[Any]:
    return walk.rows(t.source_record, system="crm", stream="Contact")


def customers(walk: Walk) -> set[Any]:
    return {row.customer_id for row in walk.rows(t.source_record) if row.customer_id is not None}


def said_in(data: dict[str, Any]) -> dict[str, Any]:
    """What a contact holds, whichever write it was."""
    return {name: value for name, value in data.items() if value is not None and name != "SystemModstamp"}


def looked(walk: Walk) -> None:
    """A person has looked into the CRM and lets what is in doubt be sent again."""
    with walk.store.transaction() as connection:
        resend(connection, "crm", state="in_doubt", now=datetime.now(UTC))


def test_nothing_is_made_unless_the_mapping_says_so(walk: Walk) -> None:
    system = upserting()
    walk.systems.given["crm"] = system
    walk.arrive("erp", "customers", walk.erp.put(ANN))
    assert walk.deliver() == []
    assert system.creates == []


def test_a_contact_is_made_with_all_that_is_known_and_is_the_same_customer(made: Walk) -> None:
    made.settle()
    [contact] = made.crm.records.values()
    assert (contact["FirstName"], contact["LastName"]) == ("Ann", "Lee")
    assert (contact["Email"], contact["MobilePhone"]) == ("ann@example.com", "+447400123456")
    [row] = contacts(made)
    [of_erp] = made.rows(t.source_record, system="erp")
    assert row.customer_id == of_erp.customer_id == of_erp.id
    assert row.canonical is None  # nothing in it is its own
    told = [event.type for event in made.told("customer")]
    assert told == ["customer.created", "customer.changed"]  # the second names the new record


def test_what_was_made_comes_to_rest_and_says_nothing_of_its_own(made: Walk) -> None:
    made.settle()
    [key] = made.crm.records
    made.arrive("crm", "Contact", made.crm.record("Contact", key))
    made.settle()
    assert len(made.crm.creates) == 1
    assert (made.crm.writes, made.erp.writes, made.owed()) == ([], [], set())


def test_what_somebody_corrects_in_it_afterwards_is_its_own_word(made: Walk) -> None:
    made.settle()
    [key] = made.crm.records
    for _ in range(40 * 24 * 3600 // 60):
        made.crm.tick()
    made.arrive("crm", "Contact", made.crm.change(key, Email="lee@example.org"))
    made.settle()
    assert made.golden("erp", "K1")["emails"][0]["address"] == "lee@example.org"
    assert made.erp.records["K1"]["email"] == "lee@example.org"


def test_a_prohibition_goes_with_the_create(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN | {"email_opt_out": True}))
    found.settle()
    assert found.crm.creates[0].fields["HasOptedOutOfEmail"] is True
    assert "DoNotCall" not in found.crm.creates[0].fields
    acts = found.rows(t.act)
    assert {row.anchor_system for row in acts} == {"erp"}


def test_whoever_lacks_what_the_system_needs_is_not_made(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN | {"last_name": None}))
    found.settle()
    assert found.crm.creates == []
    found.arrive("erp", "customers", found.erp.change("K1", last_name="Lee"))
    found.settle()
    assert len(found.crm.records) == 1


@pytest.mark.parametrize("safe_by", ["upsert_key", "idempotency_key", "lookup"])
@pytest.mark.parametrize("read_first", [False, True])
def test_the_answer_gets_lost_and_nobody_is_made_twice(walk: Walk, safe_by: str, read_first: bool) -> None:
    shows = "ExternalReference__c" if safe_by == "upsert_key" else None
    kind = Finding if safe_by == "lookup" else Making
    system = kind("SystemModstamp", "Id", shows=shows, forgets=safe_by == "lookup")
    found = creating(walk, system, safe_by=safe_by)
    found.arrive("erp", "customers", found.erp.put(ANN))
    system.creations = [system.lose]
    found.deliver()
    assert found.obligation("crm").state == "due"
    if read_first:
        found.arrive("crm", "Contact", *(system.record("Contact", key) for key in system.records))
        assert len(customers(found)) == 1
    found.settle()
    assert len(system.records) == 1
    [row] = contacts(found)
    assert row.canonical is None
    assert len(customers(found)) == 1
    assert (found.owed(), system.writes) == (set(), [])


def test_a_form_that_nobody_knows_again_is_adopted_when_the_answer_comes(walk: Walk) -> None:
    """The record that was read in between says otherwise than was sent, so it is taken for somebody's own at first."""
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    found.arrive("erp", "customers", found.erp.put(ANN))
    system = found.crm
    system.creations = [system.lose]
    found.deliver()
    [key] = system.records
    system.change(key, FirstName="Annie")
    found.arrive("crm", "Contact", system.record("Contact", key))
    assert contacts(found)[0].canonical["name"]["family"] == "Lee"
    found.settle()
    [row] = contacts(found)
    assert row.canonical == {"name": {"given": "Annie"}}
    assert len(customers(found)) == 1


def test_where_a_repeat_is_not_safe_a_person_decides(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id", forgets=True), safe_by="none")
    found.arrive("erp", "customers", found.erp.put(ANN))
    system = found.crm
    system.creations = [system.lose]
    found.deliver()
    assert found.obligation("crm").state == "in_doubt"
    found.hurry()
    assert found.deliver() == []
    looked(found)
    found.settle()
    assert len(system.records) == 2  # the person said that it was not there


def test_a_worker_that_ends_after_sending_leaves_it_in_doubt_where_nobody_can_tell(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id", forgets=True), safe_by="none")
    found.arrive("erp", "customers", found.erp.put(ANN))

    def end(_creations: Any) -> Any:
        raise KeyboardInterrupt

    found.crm.creations = [end]
    with pytest.raises(KeyboardInterrupt):
        found.deliver()
    found.hurry()
    found.deliver()
    assert found.obligation("crm").state == "in_doubt"
    assert len(found.crm.creates) == 1


def test_what_came_in_by_itself_ends_the_doubt(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id", forgets=True), safe_by="none")
    found.arrive("erp", "customers", found.erp.put(ANN))
    system = found.crm
    system.creations = [system.lose]
    found.deliver()
    found.arrive("crm", "Contact", *(system.record("Contact", key) for key in system.records))
    looked(found)
    found.settle()
    assert (len(system.records), len(customers(found))) == (1, 1)


def test_what_the_system_refuses_is_told_and_made_once_it_is_right(made: Walk) -> None:
    refused = WriteOutcome.REFUSED
    made.crm.creations = [
        lambda some: [CreationResult(reference=one.reference, outcome=refused, reason="FIELD_INVALID") for one in some]
    ]
    made.deliver()
    assert made.obligation("crm").state == "refused"
    assert "FIELD_INVALID" in made.obligation("crm").last_error
    made.arrive("erp", "customers", made.erp.change("K1", email="lee@example.org"))
    made.settle()
    [contact] = made.crm.records.values()
    assert contact["Email"] == "lee@example.org"


def test_one_that_the_system_deleted_is_not_made_again(made: Walk) -> None:
    made.settle()
    [key] = made.crm.records
    del made.crm.records[key]
    made.arrive("crm", "Contact", made.crm.record("Contact", key))
    made.arrive("erp", "customers", made.erp.change("K1", email="lee@example.org"))
    made.settle()
    assert made.crm.records == {}
    assert len(made.crm.creates) == 1


def test_two_that_became_one_customer_are_made_once(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN))
    found.arrive("shop", "customers", found.shop.put(BOB))
    ids = sorted(customers(found))
    Judging(found.store, found.ingest).merge(*ids, actor="me", reason="they are")
    found.settle()
    assert (len(found.crm.records), len(customers(found))) == (1, 1)


def test_what_was_made_for_two_stays_with_each_when_they_are_merged_and_parted(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN))
    found.arrive("shop", "customers", found.shop.put(BOB))
    found.settle()
    before = {key: said_in(data) for key, data in found.crm.records.items()}
    assert len(before) == 2
    judging = Judging(found.store, found.ingest)
    said = judging.merge(*sorted(customers(found)), actor="me", reason="they are")
    found.settle()
    assert len(found.crm.records) == 2
    judging.retract(said.judgements[0].id, actor="me")
    found.settle()
    assert len(customers(found)) == 2
    assert {key: said_in(data) for key, data in found.crm.records.items()} == before


def test_what_was_made_with_anothers_number_gives_it_back(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN | {"mobile": None}))
    found.arrive("shop", "customers", found.shop.put(BOB | {"phone": "+447400123457"}))
    judging = Judging(found.store, found.ingest)
    said = judging.merge(*sorted(customers(found)), actor="me", reason="they are")
    found.settle()
    [contact] = found.crm.records.values()
    assert contact["MobilePhone"] == "+447400123457"
    judging.retract(said.judgements[0].id, actor="me")
    found.settle()
    phones = sorted((data["LastName"], data["MobilePhone"]) for data in found.crm.records.values())
    assert phones == [("Lee", None), ("Ray", "+447400123457")]


def test_a_record_keeps_what_it_was_made_with_when_nobody_speaks_for_the_customer_any_more(made: Walk) -> None:
    made.settle()
    del made.erp.records["K1"]
    made.arrive("erp", "customers", made.erp.record("customers", "K1"))
    made.settle()
    [contact] = made.crm.records.values()
    assert contact["LastName"] == "Lee"
    assert made.crm.writes == []


def test_who_ordered_is_made_where_it_is_needed(walk: Walk) -> None:
    found = creating(walk, upserting(), policy="when_needed")
    found.arrive("shop", "customers", found.shop.put(SHOP))
    found.settle()
    assert found.crm.creates == []
    found.take(envelope("shop", "orders", 5, customer_id=1))
    found.settle()
    assert len(found.crm.records) == 1


def test_two_workers_at_one_create_make_one(pg_url: str, hub_folder: Any) -> None:
    store = open_store(pg_url)
    store.create_tables()
    found = creating(Walk(store, *sample_hub(hub_folder)), upserting())
    for number in range(10):
        person = {"customer_no": f"K{number}", "first_name": f"Ann{number}", "email": f"ann{number}@example.com"}
        found.arrive("erp", "customers", found.erp.put(ERP | person | {"birth_date": f"19{50 + number}-02-01"}))
    found.relay.relay()
    works = found.bus.taken_work()
    assert len(works) == 10
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _n: found.delivery.deliver("crm", Lane.RECORD, works), range(2)))
    found.drain()
    found.settle()
    assert (len(found.crm.records), len(customers(found))) == (10, 10)
    store.close()


def test_nothing_is_made_before_the_system_was_read_once_more(walk: Walk) -> None:
    """It may have made a record of its own that is not known yet; never read, it may have all of them."""
    found = creating(walk, upserting())
    for read_at in (None, datetime.now(UTC) - timedelta(seconds=1)):
        found.was_read("crm", "Contact", read_at)
        found.arrive("erp", "customers", found.erp.put(ANN))
        found.hurry()
        found.deliver()
        assert found.crm.creates == []
        assert found.obligation("crm").attempts == 0
    found.was_read("crm", "Contact", datetime.now(UTC) + timedelta(seconds=1))
    found.settle()
    assert len(found.crm.records) == 1


def test_who_was_known_before_the_policy_is_made_at_the_next_reconciliation(walk: Walk) -> None:
    walk.arrive("erp", "customers", walk.erp.put(ANN))
    walk.settle()
    found = creating(walk, upserting())
    found.crm.defaults = NEW
    sync = Sync(found.store, found.door, found.systems, "test", Lacking(found.store, found.ingest))
    sync.reconcile("crm", "Contact")
    found.was_read("crm", "Contact", datetime.now(UTC) + timedelta(seconds=1))
    found.settle()
    assert len(found.crm.records) == 1
    assert Lacking(found.store, found.ingest).owe("crm", "Contact") == 0


def test_what_would_be_made_can_be_looked_at_before(made: Walk) -> None:
    assert list(made.delivery.creating.outlook("crm")) == ["Contact"]
    assert made.crm.creates == []
    made.settle()
    assert list(made.delivery.creating.outlook("crm")) == []


def test_a_record_that_the_system_had_before_is_not_taken_for_the_one_made(walk: Walk) -> None:
    """Some give the account of somebody else with that address; that they are one, a person says."""
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    bob = {"Id": "003B", "FirstName": "Bob", "LastName": "Ray", "Birthdate": "1950-01-01", "Email": "b@example.com"}
    found.arrive("crm", "Contact", found.crm.put(CRM | bob))
    found.arrive("erp", "customers", found.erp.put(ANN))
    applied = WriteOutcome.APPLIED
    found.crm.creations = [
        lambda some: [CreationResult(reference=one.reference, outcome=applied, key="003B") for one in some]
    ]
    found.deliver()
    owed = found.obligation("crm")
    assert (owed.state, "rec:crm:Contact:003B" in owed.last_error) == ("refused", True)
    assert len(customers(found)) == 2
    assert found.rows(t.judgement) == []


@pytest.mark.parametrize("safe_by", ["upsert_key", "lookup"])
def test_a_batch_that_breaks_the_connector_makes_nobody_twice(walk: Walk, safe_by: str) -> None:
    kind = Finding if safe_by == "lookup" else Making
    system = kind("SystemModstamp", "Id", forgets=safe_by == "lookup")
    found = creating(walk, system, safe_by=safe_by)
    found.arrive("erp", "customers", found.erp.put(ANN))
    found.arrive("shop", "customers", found.shop.put(BOB))

    def breaks(some: Any) -> Any:
        system.make(some[0])
        raise ValueError("a bug of its own")

    system.creations = [breaks]
    found.settle()
    assert (len(system.records), len(customers(found))) == (2, 2)


def away(_some: Any) -> None:
    raise TransientError("system crm: no answer")


def answered_with(key: str) -> Any:
    return lambda some: [CreationResult(reference=one.reference, outcome=WriteOutcome.APPLIED, key=key) for one in some]


def test_whoever_says_what_was_sent_for_another_is_not_taken_for_them(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    found.arrive("erp", "customers", found.erp.put(ERP | {"first_name": "Ann", "last_name": "Lee", "birth_date": None}))
    found.crm.creations = [away]
    found.deliver()
    namesake = {"Id": "003Z", "Birthdate": "1955-07-07", "Email": "ann.lee@example.net", "MobilePhone": "+447400999123"}
    found.arrive("crm", "Contact", found.crm.put(CRM | namesake))
    found.settle()
    assert len(customers(found)) == 2
    assert "003Z" not in {row.key for row in found.rows(t.creation)}


def test_a_father_and_a_son_of_one_name_are_made_apart(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    bare = {"first_name": "Ann", "last_name": "Lee", "birth_date": None, "email": None, "mobile": None, "phone": None}
    for number in ("K1", "K2"):
        found.arrive("erp", "customers", found.erp.put(ERP | bare | {"customer_no": number}))
    found.crm.creations = [found.crm.lose]
    found.deliver()
    found.arrive("crm", "Contact", found.crm.record("Contact", "N1"))
    found.settle()
    assert len(customers(found)) == len(found.crm.records) == 2


def test_two_that_are_answered_with_one_record_are_not_made_one(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    found.arrive("erp", "customers", found.erp.put(ANN))
    found.arrive("shop", "customers", found.shop.put(BOB))
    found.crm.creations = [lambda some: answered_with(found.crm.make(some[0]).key)(some)]
    found.settle()
    assert len(customers(found)) >= 2
    assert found.rows(t.judgement) == []


def test_the_account_of_another_that_came_in_between_is_not_taken_for_the_one_made(walk: Walk) -> None:
    found = creating(walk, Making("SystemModstamp", "Id"), safe_by="idempotency_key")
    found.arrive("erp", "customers", found.erp.put(ANN | {"email": "home@example.com"}))
    found.crm.creations = [away]
    found.deliver()
    bob = {"Id": "003B", "FirstName": "Bob", "LastName": "Ray", "Birthdate": "1950-01-01", "Email": "home@example.com"}
    found.arrive("crm", "Contact", found.crm.put(CRM | bob))
    found.crm.creations = [answered_with("003B")]
    found.settle()
    assert len(customers(found)) == 2
    [owed] = found.rows(t.obligation, system="crm", state="refused")
    assert "which is another's" in owed.last_error


def test_what_was_made_and_is_not_read_back_yet_is_not_lacking_after_a_merge(walk: Walk) -> None:
    found = creating(walk, upserting())
    found.arrive("erp", "customers", found.erp.put(ANN | {"last_name": None}))  # lacks what the CRM needs
    found.arrive("shop", "customers", found.shop.put(BOB))
    found.crm.creations = [away]
    found.deliver()
    Judging(found.store, found.ingest).merge(*sorted(customers(found)), actor="ann", reason="they are one")
    for _ in range(3):  # ingest is a few seconds behind
        found.hurry()
        found.relay.relay()
        found.delivery.deliver("crm", Lane.RECORD, found.bus.taken_work())
    found.drain()
    found.settle()
    assert (len(found.crm.records), len(customers(found))) == (1, 1)


def test_what_was_prohibited_since_the_first_attempt_goes_with_the_second(made: Walk) -> None:
    made.crm.creations = [away]
    made.deliver()
    made.arrive("erp", "customers", made.erp.change("K1", email_opt_out=True))
    made.hurry()
    made.deliver()
    assert made.crm.creates[-1].fields["HasOptedOutOfEmail"] is True


def test_nobody_is_made_after_a_death(made: Walk) -> None:
    death = Act(
        id=uuid4(),
        kind="prohibition",
        channel="any",
        purpose="any",
        reason="deceased",
        time=datetime.now(UTC),
        anchor_record=RecordRef("erp", "customers", "K1"),
        source=RecordRef("hub", "acts", "1"),
        evidence={"source": "test"},
    )
    with made.store.transaction() as connection:
        made.ingest.say(connection, [death])
    made.settle()
    assert made.crm.creates == []


def test_a_refusal_after_the_record_was_read_forgets_nothing(made: Walk) -> None:
    system = made.crm
    system.creations = [system.lose]
    made.deliver()
    [key] = system.records

    def read_and_refused(some: Any) -> list[CreationResult]:
        made.arrive("crm", "Contact", system.record("Contact", key))
        return [CreationResult(reference=o.reference, outcome=WriteOutcome.REFUSED, reason="double") for o in some]

    system.creations = [read_and_refused]
    made.hurry()
    made.deliver()
    assert [(row.state, row.key) for row in made.rows(t.creation)] == [("made", key)]
