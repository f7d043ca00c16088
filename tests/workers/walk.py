"""A hub in one piece for tests: the real store, catalog, ingest, door and delivery; bus and systems stand in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

import onevoice
from onevoice.bus import Delivery
from onevoice.config import Config, load_config
from onevoice.consent import ConsentRules, Gate
from onevoice.consent.holdings import holdings_of
from onevoice.consent.lists import CHANNELS, Refreshed, denied_entries, suppression_list
from onevoice.identity import Model
from onevoice.master import Survivorship
from onevoice.messages import Envelope, Event, Json, Lane, SourceRecord, Work
from onevoice.store import Lease, Store, upsert
from onevoice.store import tables as t
from onevoice.workers.catalog import Catalog, load_catalog
from onevoice.workers.clock import Clock
from onevoice.workers.delivery import Delivery as Deliverer
from onevoice.workers.door import Door
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.batch import BatchResult
from onevoice.workers.ingest.merge import Customer
from onevoice.workers.ingest.oblige import list_works, works_for
from onevoice.workers.ingest.record import load_members
from onevoice.workers.marks import load_marks
from onevoice.workers.relay import Relay
from tests.workers.fakes import FakeLists, FakeSystem, FakeSystems, MemoryBus, delivery_of

ROOT = Path(onevoice.__file__).parent.parent
EXAMPLES = ROOT / "samples" / "examples"
ARRIVED = datetime(2026, 8, 1, tzinfo=UTC)
SYSTEMS = ("crm", "erp", "shop", "callcentre")

CRM = {
    "Id": "003A", "FirstName": "Ann", "LastName": "Lee", "Birthdate": "1980-02-03", "Email": None, "Phone": None,
    "MobilePhone": None, "MailingStreet": None, "MailingCity": None, "MailingPostalCode": None,
    "MailingCountryCode": "GB", "HasOptedOutOfEmail": False, "DoNotCall": False,
}  # fmt: skip
ERP = json.loads((EXAMPLES / "erp.customers.json").read_text()) | {
    "customer_no": "K1", "first_name": "ANN", "last_name": "LEE", "birth_date": "1980-02-03", "email": None,
    "phone": None, "mobile": None, "language": None, "email_opt_out": False, "phone_opt_out": False,
    "main_address": None,
}  # fmt: skip
SHOP = json.loads((EXAMPLES / "shop.customers.json").read_text()) | {
    "id": 1, "first_name": "Ann", "last_name": "Lee", "birth_date": "1980-02-03", "email": "ann@example.com",
    "phone": None, "default_address": None, "accepts_email_marketing": None, "accepts_phone_marketing": None,
    "locale": "en",
}  # fmt: skip
DO_NOT_CALL = json.loads((EXAMPLES / "callcentre.do_not_call.json").read_text())
CALL = json.loads((EXAMPLES / "callcentre.call.json").read_text())
CASE = json.loads((EXAMPLES / "crm.Case.json").read_text())
ORDER = json.loads((EXAMPLES / "shop.orders.json").read_text())

_SHAPES = {
    ("crm", "Contact"): (CRM, "SystemModstamp"),
    ("crm", "Case"): (CASE, "SystemModstamp"),
    ("erp", "customers"): (ERP, "changed_at"),
    ("shop", "customers"): (SHOP, "updated_at"),
    ("shop", "orders"): (ORDER, "updated_at"),
    ("callcentre", "do_not_call"): (DO_NOT_CALL, "requested_at"),
    ("callcentre", "call"): (CALL, "updated_at"),
}


def stamp(day: float) -> str:
    """A source version: so many days into 2026."""
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


@cache
def sample_hub(folder: Path) -> tuple[Config, Catalog]:
    """Configuration and catalog of a hub of the four sample systems; nothing in it is running."""
    lines = ["[hub]", f'root = "{ROOT}"', "[store]", 'url = "sqlite:///hub.db"']
    for system in SYSTEMS:
        lines += [f"[systems.{system}]", f'connector = "sample_{system}"']
    (folder / "onevoice.toml").write_text("\n".join(lines) + "\n")
    config = load_config(folder / "onevoice.toml")
    return config, load_catalog(config)


@dataclass
class Walk:
    """See the module; `crm`, `erp`, `shop` and `lists` are the systems outside."""

    store: Store
    config: Config
    catalog: Catalog
    bus: MemoryBus = field(default_factory=MemoryBus)

    def __post_init__(self) -> None:
        rules = ROOT / "rules"
        self.gate = Gate(ConsentRules.load(rules))
        self.systems = FakeSystems(self.config, self.store, self.catalog)
        self.crm = FakeSystem("SystemModstamp", "Id")
        self.erp = FakeSystem("changed_at", "customer_no")
        self.shop = FakeSystem("updated_at", "id")
        self.lists = FakeLists()
        self.systems.given = {"crm": self.crm, "erp": self.erp, "shop": self.shop, "callcentre": self.lists}
        self.door = Door(self.store, self.bus, self.catalog)  # type: ignore[arg-type]
        self.ingest = Ingest(
            store=self.store,
            catalog=self.catalog,
            model=Model.load(rules / "identity.yaml"),
            survivorship=Survivorship.load(rules / "survivorship.yaml"),
            gate=self.gate,
        )
        self.clock = Clock(store=self.store, gate=self.gate, ingest=self.ingest)
        self.delivery = Deliverer(
            store=self.store,
            catalog=self.catalog,
            systems=self.systems,
            door=self.door,
            ingest=self.ingest,
            retry_seconds=5.0,
        )
        self.relay = Relay(self.store, self.bus)
        self.lease = self.take_lease("test")

    # --- in ---------------------------------------------------------------------------------------------------------

    def take_lease(self, holder: str) -> Lease:
        lease = Lease.take(self.store, "ingest", holder, seconds=600)
        assert lease is not None
        return lease

    def take(self, *items: Envelope | Delivery, batch: int | None = None) -> BatchResult:
        """Ingest, all at once or in batches; gives the counts of all of them."""
        deliveries = [item if isinstance(item, Delivery) else delivery_of(item) for item in items]
        total = BatchResult()
        size = batch or max(1, len(deliveries))
        for start in range(0, len(deliveries), size):
            part = self.ingest.take(deliveries[start : start + size], lease=self.lease)
            for state, count in part.counts.items():
                total.counts[state] += count
        return total

    def arrive(self, system: str, stream: str, *records: SourceRecord) -> BatchResult:
        """Through the door onto the bus, and from there into the master."""
        named = [
            SourceRecord(stream=stream, key=r.key, version=r.version, data=r.data, deleted=r.deleted) for r in records
        ]
        self.door.publish(system, named)
        return self.drain()

    def drain(self) -> BatchResult:
        """Ingest what waits on the bus."""
        return self.take(*self.bus.taken_records())

    # --- out --------------------------------------------------------------------------------------------------------

    def deliver(self) -> list[Work]:
        """Announce what is due, deliver it, and ingest what was read back; gives what was announced."""
        self.relay.relay()
        works = self.bus.taken_work()
        for system, lane in dict.fromkeys((w.system, w.lane) for w in works):
            self.delivery.deliver(system, lane, [w for w in works if (w.system, w.lane) == (system, lane)])
        self.drain()
        return works

    def settle(self, rounds: int = 8) -> None:
        """Deliver until nothing is due, however long it is to wait."""
        for _ in range(rounds):
            self.hurry()
            if not self.deliver():
                return
        raise AssertionError("the systems do not come to rest")

    def hurry(self) -> None:
        """Let the time pass that something due has to wait, pauses of systems included."""
        ahead = self.systems.clock() + timedelta(hours=1)
        self.systems.clock = lambda: ahead
        with self.store.transaction() as connection:
            connection.execute(
                t.obligation.update()
                .where(t.obligation.c.next_attempt_at.is_not(None))
                .values(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
            )
            connection.execute(t.system_state.update().values(paused_until=None))

    def was_read(self, system: str, stream: str, at: datetime | None) -> None:
        """Note when a stream was last read to its end."""
        row = {"system": system, "stream": stream, "succeeded_at": at, "records_published": 0}
        with self.store.transaction() as connection:
            upsert(connection, t.stream_state, [row], key=("system", "stream"), update=["succeeded_at"])

    def told(self, kind: str = "") -> list[Event]:
        """Publish what waits in the outbox; gives the events of a kind, whose names begin so."""
        self.bus.events.clear()
        while self.relay.relay_events():
            pass
        return [event for event in self.bus.events if event.type.startswith(kind)]

    # --- looking ----------------------------------------------------------------------------------------------------

    def rows(self, table: Table, **where: Any) -> list[Any]:
        with self.store.transaction() as connection:
            statement = select(table)
            for name, value in where.items():
                statement = statement.where(table.c[name] == value)
            return list(connection.execute(statement))

    def record(self, system: str, key: str) -> Any:
        [row] = self.rows(t.source_record, system=system, key=key)
        return row

    def obligation(self, system: str, lane: Lane = Lane.RECORD) -> Any:
        [row] = self.rows(t.obligation, system=system, lane=lane.value)
        return row

    def golden(self, system: str, key: str) -> Json:
        [row] = self.rows(t.customer, id=self.record(system, key).customer_id)
        return dict(row.golden)

    def owed(self) -> set[Work]:
        """What every system is owed now, whatever the ledger says."""
        with self.store.transaction() as connection:
            return owed_now(self, connection)

    def listed(self) -> set[tuple[str, str]]:
        """Channel and point of what the call centre has in force."""
        return {(channel, point) for channel, point, _ in self.lists.in_force or ()}


def owed_now(walk: Walk, connection: Connection) -> set[Work]:
    goldens = {row.id: row.golden for row in connection.execute(select(t.customer))}
    members: dict[uuid.UUID, list[Any]] = {customer: [] for customer in goldens}
    for record in load_members(connection, goldens):
        assert record.customer_id is not None
        members[record.customer_id].append(record)
    customers = {
        c: Customer(id=c, members=members[c], golden=golden, before=golden, revision=1) for c, golden in goldens.items()
    }
    marks = load_marks(connection, [r.ref for found in members.values() for r in found])
    lists = select(t.delivered).where(t.delivered.c.stream == "suppression")
    listed = {(row.system, row.stream, row.key) for row in connection.execute(lists)}
    works = set(works_for(customers, holdings_of(connection, goldens), marks, walk.catalog, walk.gate))
    return works | set(list_works(list_that_stands(walk, connection, listed), listed, walk.catalog))


def list_that_stands(walk: Walk, connection: Connection, proven: Collection[tuple[str, str, str]]) -> Refreshed:
    """The suppression list as the acts alone say, at every place that is on it or on a system's list."""
    entries = denied_entries(connection, walk.gate, channels=CHANNELS, purpose="marketing")
    kinds = {"email": "email", "phone": "phone", "sms": "phone"}
    listed = frozenset((e.channel, f"{kinds[e.channel]}:{e.point}") for e in entries)
    shown = [target.split("|") for _, _, target in proven]
    return Refreshed(listed | {(channel, point) for channel, point, _ in shown}, listed)


def envelope(
    system: str, stream: str, day: float, *, reading: int = 0, deleted: str | None = None, **fields: Any
) -> Envelope:
    """One version of a record; `deleted` is the key of one that is gone."""
    data: Json | None = None
    key = deleted
    if deleted is None:
        shape, version_field = _SHAPES[system, stream]
        data = dict(shape) | {version_field: stamp(day)} | fields
        key = str(next(iter(data.values())))
    assert key is not None
    return Envelope(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{system}/{stream}/{key}/{day}/{reading}/{deleted}")),
        system=system,
        stream=stream,
        key=key,
        time=ARRIVED,
        sequence=stamp(day),
        reading=reading,
        data=data,
        deleted=deleted is not None,
    )


def crm(day: float, **fields: Any) -> Envelope:
    return envelope("crm", "Contact", day, **fields)


def erp(day: float, **fields: Any) -> Envelope:
    return envelope("erp", "customers", day, **fields)


def shop(day: float, **fields: Any) -> Envelope:
    return envelope("shop", "customers", day, **fields)


def do_not_call(day: float, **fields: Any) -> Envelope:
    return envelope("callcentre", "do_not_call", day, **fields)


def at_rest(walk: Walk) -> Mapping[str, Any]:
    """All that must not depend on how the records arrived; customers go by their records, not by their ids."""
    with walk.store.transaction() as connection:
        records = list(connection.execute(select(t.source_record)))
        named = {row.id: f"{row.system}/{row.stream}/{row.key}" for row in records}
        groups: dict[uuid.UUID, set[str]] = {}
        for row in records:
            if row.customer_id is not None:
                groups.setdefault(row.customer_id, set()).add(named[row.id])
        holdings = holdings_of(connection, groups)
        entries = suppression_list(connection, channels=CHANNELS)
        by_acts = denied_entries(connection, walk.gate, channels=CHANNELS, purpose="marketing")
        assert {(e.channel, e.point) for e in entries} == {(e.channel, e.point) for e in by_acts}
        return {
            "list": {(e.channel, e.point) for e in entries},
            "records": {
                named[r.id]: (
                    r.canonical,
                    r.echoes,
                    r.sequence,
                    r.reading,
                    r.deleted,
                    r.payload,
                    r.flags,
                    r.occurred_at,
                )
                for r in records
            },
            "pairs": {
                (frozenset((named[p.a], named[p.b])), p.score, p.outcome) for p in connection.execute(select(t.pair))
            },
            "groups": {frozenset(found) for found in groups.values()},
            "golden": {frozenset(groups[c.id]): c.golden for c in connection.execute(select(t.customer))},
            "acts": {
                (a.id, a.kind, a.channel, a.time, a.anchor_key, a.anchor_point)
                for a in connection.execute(select(t.act).where(t.act.c.superseded_at.is_(None)))
            },
            "permissions": {frozenset(groups[c]): _permissions(walk.gate, holding) for c, holding in holdings.items()},
            "owed": owed_now(walk, connection),
        }


def _permissions(gate: Gate, holding: Any) -> Any:
    points: Sequence[str | None] = [None, *sorted(holding.points)]
    channels: Collection[str] = ("email", "phone", "sms")
    return {(c, p): str(gate.fold(holding, c, "marketing", p).permission) for c in channels for p in points}
