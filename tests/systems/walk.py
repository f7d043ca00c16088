"""A running hub between a real Tryton, as the ERP, and the sample CRM, shop and call centre.

Takes servers, gives a `Walk`. The hub runs on RabbitMQ and PostgreSQL with all its loops but the schedule: the tests
say when to sync, so that they know what each sync found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import select, text

from onevoice.config import load_config
from onevoice.store.migrate import upgrade
from onevoice.store.tables import customer, obligation, quarantine, source_record
from onevoice.testing.servers import PrivatePostgres, PrivateRabbit
from onevoice.workers.hub import Hub, opened
from onevoice.workers.init import prepare_broker
from onevoice.workers.loops import Loops
from onevoice.workers.sync import SyncReport
from samples.company import CRM_USERNAME, Company
from samples.population import PERSON_STREAMS, Population, generate
from tests.systems.gate import Gate
from tests.systems.tryton_client import TrytonClient, load_parties
from tests.systems.tryton_server import ROOT, PrivateTryton

PEOPLE, SEED = 150, 4
NO_EMAIL, NO_PHONE = "No e-mail marketing", "No phone marketing"
HUB_USER, HUB_PASSWORD = "onevoice", "the-hub-is-no-administrator"
POLLED = (("erp", "party"), ("crm", "Contact"), ("crm", "Case"), ("shop", "customers"), ("shop", "orders"))
ROLES = frozenset({"ingest", "relay", "delivery"})
SETTLE_SECONDS = 120.0

# What the bus still carries: readings that have not become the current version of their record.
UNDERWAY = text(
    """
    select count(*) from reading r
    left join source_record s on s.system = r.system and s.stream = r.stream and s.key = r.key
    where not r.confirmed or s.key is null or (s.sequence, s.reading) < (r.version, r.number)
    """
)

Ref = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Everything that a test looks at.

    Attributes:
        erp: the tests' own way into Tryton, past hub and gate.
        parties: customer number of the sample ERP -> party id.
    """

    hub: Hub
    company: Company
    population: Population
    erp: TrytonClient
    gate: Gate
    parties: dict[str, str]

    def truth(self) -> dict[Ref, int]:
        """Person record -> whose it is."""
        return {
            ("erp", "party", self.parties[key]) if system == "erp" else (system, stream, key): person
            for (system, stream, key), person in self.population.truth.items()
            if (system, stream) in PERSON_STREAMS
        }

    def sync(self, *only: tuple[str, str]) -> dict[tuple[str, str], SyncReport]:
        """Sync the polled streams once and wait until all that came of it is done."""
        reports = {pair: self.hub.sync.sync(*pair) for pair in only or POLLED}
        self.settle()
        return reports

    def converge(self) -> None:
        """Sync until nothing is news."""
        for _ in range(8):
            if not sum(report.published for report in self.sync().values()):
                return
        raise AssertionError("eight syncs and still news: the systems echo")

    def settle(self) -> None:
        """Wait until the bus carries nothing and nothing is due."""
        wait_until(lambda: self._at_rest() and self._at_rest(), self._why_not)

    def owed(self) -> list[tuple[str, str, str, str, str]]:
        """All obligations that are not proven: system, lane, target, state, reason."""
        o = obligation.c
        with self.hub.store.transaction() as connection:
            rows = connection.execute(
                select(o.system, o.lane, o.target, o.state, o.last_error).where(o.state != "verified")
            )
            return [tuple(row) for row in rows]

    def customer_ids(self) -> dict[Ref, UUID]:
        """Person record -> the customer that the hub has it in; deleted records too."""
        s = source_record.c
        with self.hub.store.transaction() as connection:
            rows = connection.execute(select(s.system, s.stream, s.key, s.customer_id).where(s.type == "person"))
            return {(row.system, row.stream, row.key): row.customer_id for row in rows}

    def counts(self) -> dict[tuple[str, str], int]:
        """(system, stream) -> records in the master that are not deleted."""
        s = source_record.c
        with self.hub.store.transaction() as connection:
            rows = connection.execute(select(s.system, s.stream).where(s.deleted.is_(False)))
            found: dict[tuple[str, str], int] = {}
            for row in rows:
                found[row.system, row.stream] = found.get((row.system, row.stream), 0) + 1
            return found

    def golden(self, ref: Ref) -> dict[str, Any]:
        """The golden record of the customer that a record belongs to."""
        with self.hub.store.transaction() as connection:
            statement = select(customer.c.golden).where(customer.c.id == self.customer_ids()[ref])
            return dict(connection.execute(statement).scalar_one())

    def group(self, ref: Ref) -> set[Ref]:
        """All person records of a record's customer."""
        ids = self.customer_ids()
        return {other for other, owner in ids.items() if owner == ids[ref]}

    def hub_payload(self, ref: Ref) -> dict[str, Any]:
        """A source record as the hub last accepted it."""
        return dict(self._record(ref).payload)

    def is_deleted(self, ref: Ref) -> bool:
        """Whether the hub takes a record for deleted."""
        return bool(self._record(ref).deleted)

    def storefront(self, number: str, **fields: Any) -> None:
        """The customer herself changes her account in the shop."""
        self._post(f"{self.company.urls['shop']}/storefront/customers/{number}", fields)

    def do_not_call(self, number: str) -> None:
        """A caller asks the call centre not to be called about offers."""
        self._post(f"{self.company.urls['callcentre']}/desktop/do-not-call", {"number": number})

    def _post(self, url: str, body: dict[str, Any]) -> None:
        with requests.Session() as http:
            http.trust_env = False
            http.post(url, json=body, timeout=10).raise_for_status()

    def _record(self, ref: Ref) -> Any:
        s = source_record.c
        with self.hub.store.transaction() as connection:
            where = (s.system == ref[0], s.stream == ref[1], s.key == ref[2])
            return connection.execute(select(s.payload, s.deleted).where(*where)).one()

    def _at_rest(self) -> bool:
        with self.hub.store.transaction() as connection:
            due = connection.execute(select(obligation.c.system).where(obligation.c.next_attempt_at.is_not(None)))
            return due.first() is None and connection.execute(UNDERWAY).scalar_one() == 0

    def _why_not(self) -> str:
        with self.hub.store.transaction() as connection:
            aside = connection.execute(select(quarantine.c.system, quarantine.c.stream, quarantine.c.reason)).all()
            carried = connection.execute(UNDERWAY).scalar_one()
        return f"not at rest: {carried} records under way, owed {self.owed()[:5]}, set aside {aside[:5]}"


def wait_until(condition: Callable[[], object], why_not: Callable[[], str], seconds: float = SETTLE_SECONDS) -> None:
    """Wait for a condition, with a bound."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why_not()
        time.sleep(0.05)


@contextmanager
def walking(folder: Path, tryton: PrivateTryton, postgres: PrivatePostgres, rabbit: PrivateRabbit) -> Iterator[Walk]:
    """Seed everything, start the hub, and give it with nothing synced yet."""
    with ExitStack() as stack:
        population = generate(PEOPLE, SEED)
        erp = TrytonClient(tryton.url, tryton.database, tryton.user, tryton.password)
        stack.callback(erp.close)
        parties = furnish(erp, population)
        gate = stack.enter_context(Gate(tryton.url))
        given = {"CALLCENTRE_API_KEY": "k" * 24, "CALLCENTRE_AMQP_PASSWORD": "p" * 24}
        company = Company(folder / "company", people=PEOPLE, seed_number=SEED, publish_history=True, given=given)
        stack.enter_context(company)
        vhost = rabbit.create_vhost()
        stack.callback(rabbit.delete_vhost, vhost)
        database = postgres.create_database()
        stack.callback(postgres.drop_database, database)
        upgrade(postgres.url(database))
        path = _write_config(folder, company, gate.url, tryton.database, postgres.url(database), rabbit, vhost)
        config = load_config(path)
        prepare_broker(config)
        hub = stack.enter_context(opened(config))
        loops = Loops(hub)
        loops.start(ROLES)
        stack.callback(loops.join)
        address = rabbit.url(vhost).rpartition("@")[2]
        broker = f"amqp://callcentre@{address}"
        company.admin("callcentre", "PUT", "hub", {"hub_url": "http://127.0.0.1:9", "amqp": broker})
        yield Walk(hub=hub, company=company, population=population, erp=erp, gate=gate, parties=parties)


def furnish(erp: TrytonClient, population: Population) -> dict[str, str]:
    """Set a new Tryton up as its people would: country, categories, a user for the hub, and the customers."""
    erp.create("country.country", [{"name": "United Kingdom", "code": "GB"}])
    no_email, no_phone = erp.create("party.category", [{"name": NO_EMAIL}, {"name": NO_PHONE}])
    erp.hire(HUB_USER, HUB_PASSWORD, erp.found_company())
    flags = {"email_opt_out": no_email, "phone_opt_out": no_phone}
    return load_parties(erp, population.records["erp", "customers"], population.erp_addresses, flags)


def _write_config(
    folder: Path, company: Company, erp_url: str, erp_database: str, store: str, rabbit: PrivateRabbit, vhost: str
) -> Path:
    company.set_secret("ERP_PASSWORD", HUB_PASSWORD)
    company.set_secret("STORE_URL", store)
    company.set_secret("BUS_URL", rabbit.url(vhost))
    secrets = company.directory / "secrets"
    path = folder / "onevoice.toml"
    path.write_text(
        f"""
[hub]
root = "{ROOT}"
retry_after = "1s"
[store]
url = {{file = "{secrets}/STORE_URL"}}
[bus]
url = {{file = "{secrets}/BUS_URL"}}
management_url = "{rabbit.management_url()}"

[systems.erp]
connector = "tryton"
[systems.erp.settings]
url = "{erp_url}"
database = "{erp_database}"
username = "{HUB_USER}"
[systems.erp.secrets]
password = {{file = "{secrets}/ERP_PASSWORD"}}

[systems.crm]
connector = "sample_crm"
[systems.crm.settings]
endpoint = "{company.urls["crm"]}"
username = "{CRM_USERNAME}"
[systems.crm.secrets]
password = {{file = "{secrets}/CRM_PASSWORD"}}

[systems.shop]
connector = "sample_shop"
[systems.shop.settings]
url = "{company.urls["shop"]}"
[systems.shop.secrets]
token = {{file = "{secrets}/SHOP_API_TOKEN"}}
webhook_secret = {{file = "{secrets}/SHOP_WEBHOOK_SECRET"}}

[systems.callcentre]
connector = "sample_callcentre"
api_key = {{file = "{secrets}/CALLCENTRE_API_KEY"}}
amqp_password = {{file = "{secrets}/CALLCENTRE_AMQP_PASSWORD"}}
[systems.callcentre.settings]
folder = "{company.directory / "callcentre"}"
""",
        encoding="utf-8",
    )
    return path
