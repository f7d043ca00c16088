"""A company on real systems: a web shop (django-oscar), loyalty cards (MariaDB) and a mailbox (Dovecot).

Beside them servers of ours speak the API of Salesforce and the Manager Interface of Asterisk. A hub runs between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from onevoice.config import load_config
from onevoice.store.migrate import upgrade
from onevoice.store.tables import obligation, quarantine
from onevoice.testing.servers import PrivateMariadb, PrivatePostgres, PrivateRabbit
from onevoice.workers.customers import Customers, open_customers
from onevoice.workers.hub import Hub, opened
from onevoice.workers.init import prepare_broker
from onevoice.workers.loops import Loops
from samples.partner.organisation import Organisation
from samples.partner.server import served
from samples.partner.service import PartnerService
from tests.connectors.ami_server import SECRET, USER, AmiServer
from tests.systems.loyalty import HUB_PASSWORD as CARDS_PASSWORD
from tests.systems.loyalty import Loyalty
from tests.systems.mail_server import PASSWORD, Intake, PrivateDovecot
from tests.systems.oscar_server import HUB, HUB_PASSWORD, ROOT, PrivateOscar, Shopkeeper
from tests.systems.walk import ROLES, UNDERWAY, wait_until

MAILBOX = "service"
POLLED = (
    *(("cards", "card_holders"), ("cards", "purchases"), ("crm", "Contact"), ("crm", "Case")),
    *(("shop", "users"), ("shop", "guests"), ("shop", "orders"), ("mail", "message"), ("mail", "report")),
    ("calls", "call"),
)


System = tuple[str, dict[str, Any], dict[str, str]]
"""Connector, settings, secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCompany:
    """Everything that a test looks at."""

    hub: Hub
    customers: Customers
    shop: Shopkeeper
    cards: Loyalty
    crm: Organisation
    mail: Intake
    pbx: AmiServer
    dialler: Path

    def sync(self, *only: tuple[str, str]) -> dict[tuple[str, str], int]:
        """Sync streams once, wait until all that came of it is done; returns what was published where any was."""
        self.crm.pass_time(60)
        reports = {pair: self.hub.sync.sync(*pair) for pair in only or POLLED}
        wait_until(lambda: self._at_rest() and self._at_rest(), self._why_not)
        return {pair: report.published for pair, report in reports.items() if report.published}

    def converge(self) -> None:
        """Sync until nothing is news."""
        for _ in range(8):
            if not self.sync():
                return
        raise AssertionError("eight syncs and still news: the systems echo")

    def _at_rest(self) -> bool:
        with self.hub.store.transaction() as connection:
            listed = obligation.c.stream == "do_not_call"  # owed until a dialler proves it, and there is none here
            due = select(obligation.c.system).where(obligation.c.next_attempt_at.is_not(None), ~listed)
            return connection.execute(due).first() is None and connection.execute(UNDERWAY).scalar_one() == 0

    def _why_not(self) -> str:
        with self.hub.store.transaction() as connection:
            owed = connection.execute(text("select system, stream, state, last_error from obligation")).all()
            aside = connection.execute(select(quarantine.c.system, quarantine.c.stream, quarantine.c.reason)).all()
        return f"not at rest: owed {owed[:5]}, set aside {aside[:5]}"


@contextmanager
def running(folder: Path, postgres: PrivatePostgres, rabbit: PrivateRabbit) -> Iterator[RealCompany]:
    """Start the systems and the hub; give them with nobody in any of them."""
    with ExitStack() as stack:
        shop = stack.enter_context(PrivateOscar())
        mariadb = stack.enter_context(PrivateMariadb())
        dovecot = stack.enter_context(PrivateDovecot())
        cards = Loyalty(mariadb)
        stack.callback(cards.close)
        keeper = Shopkeeper(shop)
        stack.callback(keeper.close)
        crm = Organisation(datetime.now(UTC).replace(microsecond=0))
        login = stack.enter_context(served(PartnerService(crm, "hub@crm.example", "crm-p4ssword")))
        pbx = stack.enter_context(AmiServer())
        mail = stack.enter_context(Intake(dovecot))
        for name in ("inbox", "outbox"):
            (folder / name).mkdir()
        vhost = rabbit.create_vhost()
        stack.callback(rabbit.delete_vhost, vhost)
        database = postgres.create_database()
        stack.callback(postgres.drop_database, database)
        upgrade(postgres.url(database))
        systems = {
            "shop": ("oscar", {"url": shop.url, "username": HUB}, {"password": HUB_PASSWORD}),
            "cards": ("sample_loyalty", {"database": cards.address}, {"password": CARDS_PASSWORD}),
            "crm": ("salesforce", {"login_url": login, "username": "hub@crm.example"}, {"password": "crm-p4ssword"}),
            "mail": (
                "mailbox",
                {"host": "127.0.0.1", "port": dovecot.imap_port, "tls": False, "username": MAILBOX},
                {"password": PASSWORD},
            ),
            "calls": (
                "asterisk",
                {"host": "127.0.0.1", "port": pbx.port, "username": USER, "folder": str(folder), "listen_seconds": 0.2},
                {"secret": SECRET},
            ),
        }
        config = load_config(_written(folder, postgres.url(database), rabbit, vhost, systems))
        prepare_broker(config)
        hub = stack.enter_context(opened(config))
        loops = Loops(hub)
        loops.start(ROLES)
        stack.callback(loops.join)
        customers = open_customers(hub)
        yield RealCompany(
            hub=hub, customers=customers, shop=keeper, cards=cards, crm=crm, mail=mail, pbx=pbx, dialler=folder
        )


def _written(
    folder: Path,
    store: str,
    rabbit: PrivateRabbit,
    vhost: str,
    systems: dict[str, System],
) -> Path:
    secrets = {"STORE": store, "BUS": rabbit.url(vhost)}
    lines = [f'[hub]\nroot = "{ROOT}"\nretry_after = "1s"']
    for name, (connector, settings, hidden) in systems.items():
        # The CRM's clock is moved by the tests, a minute at each sync.
        lines.append(f'[systems.{name}]\nconnector = "{connector}"\nclock_bound = "1h"\n[systems.{name}.settings]')
        lines += [f"{key} = {_toml(value)}" for key, value in settings.items()]
        lines.append(f"[systems.{name}.secrets]")
        for key, value in hidden.items():
            secrets[f"{name}-{key}"] = value
            lines.append(f'{key} = {{file = "{folder}/{name}-{key}"}}')
    lines.append(f'[store]\nurl = {{file = "{folder}/STORE"}}')
    lines.append(f'[bus]\nurl = {{file = "{folder}/BUS"}}\nmanagement_url = "{rabbit.management_url()}"')
    for name, value in secrets.items():
        (folder / name).write_text(value, encoding="utf-8")
        (folder / name).chmod(0o600)
    path = folder / "onevoice.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
