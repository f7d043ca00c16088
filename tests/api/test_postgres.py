"""Customers and judgements on PostgreSQL: the same answers, and never in the middle of a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from onevoice.bus import Delivery, envelope_json
from onevoice.consent.holdings import holdings_of
from onevoice.conversation import timeline
from onevoice.decisions.ledger import contacts_at
from onevoice.decisions.place import take_place, taken_places
from onevoice.decisions.release import standing
from onevoice.errors import ConflictError, FencedError
from onevoice.messages import Envelope
from onevoice.store import Lease, Store, keep_out, open_store
from onevoice.store.locks import lock_names, lock_names_of
from onevoice.store.tables import act, decision, offer_use, register_entry, register_load
from onevoice.workers.contacts import Contacts, Wish
from onevoice.workers.customers import Customers, open_customers
from onevoice.workers.customers.judging import Judging
from onevoice.workers.customers.reading import Reading, read_reference
from onevoice.workers.customers.reference import customers_of, parse_reference
from onevoice.workers.customers.view import load_view
from onevoice.workers.decisions.desk import Asked, Desk
from onevoice.workers.hub import Hub
from onevoice.workers.ingest import Ingest
from tests.api.records import account, call, case, contact, debtor, do_not_call, order, stranger

PHONE = "phone:+447400123456"
HIS, HERS = "rec:crm:Contact:003OV0000000A4b", "rec:crm:Contact:003OV0000000Z99"
RECORDS = (
    ("crm", "Contact", contact()),
    ("crm", "Contact", stranger()),
    ("erp", "customers", debtor()),
    ("shop", "customers", account()),
    ("shop", "orders", order()),
    ("callcentre", "call", call()),
    ("callcentre", "do_not_call", do_not_call()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    store: Store
    ingest: Ingest
    customers: Customers
    hub: Hub

    def take(self, *records: tuple[str, str, dict[str, Any]], lease: Lease | None = None) -> None:
        held = lease or Lease.take(self.store, "ingest", "test")
        assert held is not None
        self.ingest.take([self._delivery(*record) for record in records], lease=held)

    def _delivery(self, system: str, stream: str, data: dict[str, Any]) -> Delivery:
        mapping = self.hub.catalog.stream(system, stream).mapping
        envelope = Envelope(
            id=f"{stream}-{mapping.key(data)}-{mapping.version(data)}",
            system=system,
            stream=stream,
            key=mapping.key(data),
            time=datetime.now(UTC),
            sequence=mapping.version(data),
            reading=0,
            data=data,
        )
        body = envelope_json(envelope)
        return Delivery(body=body, routing_key=f"{system}.{stream}", user_id=None, redelivered=0, tag=None)


@pytest.fixture
def master(pg_url: str, session_hub: Hub) -> Iterator[Master]:
    store = open_store(pg_url)
    store.create_tables()
    ingest = replace(session_hub.ingest, store=store)
    customers = replace(open_customers(session_hub), store=store, judging=Judging(store, ingest))
    customers.rulebook.begin(store)
    yield Master(store=store, ingest=ingest, customers=customers, hub=session_hub)
    store.close()


def test_customer_is_found_told_merged_and_unmerged(master: Master) -> None:
    master.take(*RECORDS)
    customers = master.customers
    before = [(customers.show(ref).golden, customers.timeline(ref), customers.permissions(ref)) for ref in (HIS, HERS)]
    page = customers.timeline(HIS, limit=2)
    rest = customers.timeline(HIS, limit=50, before=page[-1].cursor)

    merged = customers.merge(HIS, HERS, actor="anna", reason="one")
    both = customers.show(HERS)
    customers.retract(merged.judgements[0].id, actor="anna")

    assert [entry.type for entry in (*page, *rest)] == ["order", "act", "interaction"]
    assert (
        customers.context(PHONE, channel="phone").document["permissions"]["phone"]["marketing"]["permission"]
        == "denied"
    )
    assert len(customers.explain(HIS).links) == 3
    assert customers.explain_pair(HIS, HERS).outcome is None
    assert len(both.records) == 4
    assert [
        (customers.show(ref).golden, customers.timeline(ref), customers.permissions(ref)) for ref in (HIS, HERS)
    ] == before


def test_ingest_waits_for_a_judgement_and_a_judgement_for_ingest(master: Master) -> None:
    master.take(*RECORDS[:2])
    done = threading.Event()

    def ingest() -> None:
        master.take(RECORDS[2])
        done.set()

    with master.store.transaction() as connection:
        keep_out(connection, "ingest")
        thread = threading.Thread(target=ingest)
        thread.start()
        waited = not done.wait(1.0)
    thread.join(20)

    assert waited
    assert done.is_set()


def test_judgement_takes_the_lease_from_nobody(master: Master) -> None:
    lease = Lease.take(master.store, "ingest", "worker")
    assert lease is not None
    master.take(*RECORDS[:2], lease=lease)

    master.customers.merge(HIS, HERS, actor="anna", reason="one")
    master.take(RECORDS[3], lease=lease)

    assert len(master.customers.show(HIS).records) == 3
    with pytest.raises(FencedError):
        master.take(RECORDS[4], lease=replace(lease, fence=lease.fence - 1))


def test_a_redemption_for_a_point_alone_waits_for_whoever_holds_it(master: Master) -> None:
    """The caps of a customer count the contacts at all its points, so one lock per point would let two pass."""
    master.take(*RECORDS[:1])
    contacts = Contacts(store=master.store, gate=master.hub.gate)
    mail = "email:william.marshall@example.com"
    token = contacts.offer(Wish(reference=mail, channel="email", purpose="service"), content="Hello").token
    assert token is not None
    done = threading.Event()

    def redeem() -> None:
        contacts.redeem(token, point=mail, purpose="service", content="Hello")
        done.set()

    with master.store.transaction() as connection:
        lock_names(connection, lock_names_of(customers=customers_of(connection, parse_reference(HIS))))
        thread = threading.Thread(target=redeem)
        thread.start()
        waited = not done.wait(1.0)
    thread.join(20)

    assert waited
    assert done.is_set()


def test_one_statement_reads_what_the_rooms_read_for_themselves(master: Master) -> None:
    master.take(*RECORDS, ("crm", "Case", case()))
    now = datetime.now(UTC)
    desk = Desk(master.store, master.customers)
    desk.decide(Asked(ref=HIS, channel="phone", facts={}), caller="operator:anna", key="1")
    with master.store.transaction() as connection:
        connection.execute(act.insert().values(at_a_point("phone:+447400123456")))
        connection.execute(register_load.insert().values(LOAD))
        connection.execute(register_entry.insert().values(register="tps", number=1, value="+447400123456", since=NOW))
        take_place(connection, "anna", "chat", most=6, decision=uuid4(), now=now, until=now + timedelta(hours=1))
        (customer,) = customers_of(connection, parse_reference(HIS))
        holding = holdings_of(connection, [customer])[customer]
        entries = timeline(connection, holding.records, holding.points, holding.acts, limit=200)
        anchors = frozenset(map(str, holding.records)) | holding.points
        given, busy = contacts_at(connection, anchors, now), taken_places(connection, now)
        stands = standing(connection)
        view = load_view(connection, customer)

    with master.store.reading() as connection:
        read = read_reference(connection, parse_reference(str(customer)), now)

    assert isinstance(read, Reading)

    assert replace(read.holding, acts=()) == replace(holding, acts=())
    assert {a.id: a for a in read.holding.acts} == {a.id: a for a in holding.acts}
    assert {a.reason for a in read.holding.acts} >= {"withdrawal", "register"}
    assert read.known.entries == entries
    assert [one["number"] for one in read.known.orders] == ["90001"]
    assert (read.contacts, read.taken, read.standing) == (given, busy, stands)
    assert given
    assert busy == (("anna", "chat", 1),)
    assert (read.known.golden, read.known.golden_at, read.known.type) == (view.golden, view.updated_at, view.type)


def test_caps_add_up_where_customers_merge_and_come_apart_with_them(master: Master) -> None:
    master.take(*RECORDS)
    desk = Desk(master.store, master.customers)
    for number, ref in enumerate((HIS, HIS, HERS)):
        desk.decide(Asked(ref=ref, channel="phone", limit=1, facts={}), caller="operator:anna", key=str(number))

    def given(ref: str) -> int:
        with master.store.reading() as connection:
            read = read_reference(connection, parse_reference(ref), NOW)
        assert isinstance(read, Reading)
        return len(read.contacts)

    apart = given(HIS), given(HERS)
    merged = master.customers.merge(HIS, HERS, actor="anna", reason="one")
    together = given(HIS), given(HERS)
    master.customers.retract(merged.judgements[0].id, actor="anna")

    assert apart == (2, 1)
    assert together == (3, 3)
    assert (given(HIS), given(HERS)) == apart


def test_one_key_decides_once_whoever_asks_at_once(master: Master) -> None:
    master.take(*RECORDS)
    desk = Desk(master.store, master.customers)
    begin, answers = threading.Barrier(12), []

    def ask(number: int) -> None:
        begin.wait(30)
        ref = (HIS, HERS)[number % 2] if number >= 10 else HIS
        try:
            answers.append(desk.decide(Asked(ref=ref, channel="phone", facts={}), caller="operator:anna", key="same"))
        except ConflictError:
            answers.append(None)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(answers) == 12
    assert len({one["id"] for one in answers if one is not None}) == 1
    with master.store.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(decision)).scalar_one() == 1
        uses = connection.execute(select(func.count()).select_from(offer_use)).scalar_one()
    assert uses == len(next(one for one in answers if one is not None)["offers"])


NOW = datetime(2026, 11, 2, tzinfo=UTC)
LOAD = {"register": "tps", "number": 1, "form": "plain", "as_of": NOW, "loaded_at": NOW, "entries": 1}


def at_a_point(point: str) -> dict[str, Any]:
    return {
        "id": uuid4(), "kind": "withdrawal", "channel": "sms", "purpose": "marketing", "controller": "default",
        "reason": "withdrawal", "time": NOW, "recorded_at": NOW, "evidence": {}, "anchor_point": point,
        "source_system": "callcentre", "source_stream": "call", "source_key": "c1",
    }  # fmt: skip
