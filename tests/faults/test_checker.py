"""The checker bites: each of its counts rises on a plant in which exactly that is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.checker import Verdict, check

SYSTEMS = {
    "shop/shop.sqlite": (
        "create table record (kind, id, updated_at)",
        "insert into record values ('customers', 7, 'v2')",
    ),
    "crm/crm.sqlite": (
        "create table record (object, id, modstamp, body)",
        "insert into record values ('Contact', '003A', 'v1', '{}')",
        """insert into record values ('Contact', '003B', 'v1', '{"Email": "ada.1@newcomers.example"}')""",
    ),
    "callcentre/callcentre.sqlite": (
        "create table record (stream, key, channel, point)",
        "create table suppression (channel, point, purpose)",
        "insert into record values ('do_not_call', 'D1', 'phone', '+441')",
        "insert into suppression values ('phone', '+441', 'marketing')",
    ),
}
STORE = (
    """create table source_record (system text, stream text, key text, sequence text, payload jsonb,
                                   type text default 'person', deleted boolean default false)""",
    """create table act (source_system text, source_stream text, source_key text, channel text, purpose text,
                         superseded_at timestamptz)""",
    "create table obligation (system text, lane text, stream text, target text, state text)",
    "create table quarantine (system text, stream text, key text, step text, resolved_at timestamptz)",
    "create table customers (customer_no text, email text)",
    "insert into customers values ('K1', 'a@example.com')",
    "insert into source_record values ('shop', 'customers', '7', 'v2', '{}'), ('crm', 'Contact', '003A', 'v1', '{}')",
    "insert into source_record values ('crm', 'Contact', '003B', 'v1', '{}')",
    "insert into source_record values ('callcentre', 'do_not_call', 'D1', 'x', '{}')",
    "insert into source_record values ('shop', 'orders', '5', 'x', '{}', 'interaction')",
    """insert into source_record values ('erp', 'customers', 'K1', 'x', '{"email": "a@example.com"}')""",
    "insert into act values ('callcentre', 'do_not_call', 'D1', 'phone', 'marketing')",
    "insert into obligation values ('crm', 'record', 'Contact', '003A', 'verified')",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """A plant at rest: the systems' files, and one database that is the hub's store and the ERP's."""

    folder: Path
    url: str
    told: list[tuple[str, Any]] = field(default_factory=list)

    def file(self, name: str, *statements: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.folder / name, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def store(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]

    def tell(self, *kinds: str) -> None:
        self.told.extend((kind, {"record": {"system": "shop", "stream": "orders", "key": "5"}}) for kind in kinds)

    def verdict(self) -> Verdict:
        return check(self.folder, self.url, self.url, self.told)


@pytest.fixture
def stores(tmp_path: Path, pg_url: str) -> Stores:
    made = Stores(folder=tmp_path, url=pg_url.replace("+psycopg", ""))
    for name, statements in SYSTEMS.items():
        made.file(name, *statements)
    made.store(*STORE)
    made.tell("onevoice.interaction.recorded.v1", "onevoice.customer.created.v1")
    return made


SHOP, CRM, CENTRE = "shop/shop.sqlite", "crm/crm.sqlite", "callcentre/callcentre.sqlite"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda s: None, "lost=0 twice=0 stuck=0"),
        (lambda s: s.file(SHOP, "insert into record values ('orders', 9, 'v1')"), "lost=1 twice=0 stuck=0"),
        (lambda s: s.file(SHOP, "update record set updated_at = 'v3'"), "lost=1 twice=0 stuck=0"),
        (lambda s: s.store("update customers set email = 'b@example.com'"), "lost=1 twice=0 stuck=0"),
        (lambda s: s.file(CENTRE, "delete from suppression"), "lost=1 twice=0 stuck=0"),
        (lambda s: s.store("insert into act select * from act"), "lost=0 twice=1 stuck=0"),
        (lambda s: s.file(CENTRE, "insert into suppression select * from suppression"), "lost=0 twice=1 stuck=0"),
        (
            lambda s: s.file(CRM, "update record set body = (select body from record where id = '003B')"),
            "lost=0 twice=1 stuck=0",
        ),
        (
            lambda s: s.store(
                "insert into customers select 'K' || n, 'ada.1@newcomers.example' from generate_series(2, 3) n",
                """insert into source_record select 'erp', 'customers', customer_no, 'x',
                          jsonb_build_object('email', email) from customers where customer_no <> 'K1'""",
            ),
            "lost=0 twice=1 stuck=0",
        ),
        (lambda s: s.told.clear(), "lost=1 twice=0 stuck=0"),
        (lambda s: s.tell("onevoice.interaction.recorded.v1"), "lost=0 twice=1 stuck=0"),
        (lambda s: s.store("update obligation set state = 'sent'"), "lost=0 twice=0 stuck=1"),
        (
            lambda s: s.store("insert into quarantine values ('crm', 'Contact', 'x', 'mapping')"),
            "lost=0 twice=0 stuck=1",
        ),
    ],
)
def test_what_is_wrong_is_counted(stores: Stores, spoil: Callable[[Stores], None], line: str) -> None:
    spoil(stores)
    assert stores.verdict().line(3) == f"kills=3 {line}"
