"""The company's systems are told of everybody they lack, while the hub is killed again and again: each is made once."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, text

from samples.demo.stack import PROJECT, Stack
from samples.demo.witness import HubTables
from tests.walk.conftest import await_condition

WRITABLE = {"sample_crm/Contact": "crm", "sample_erp/customers": "erp", "sample_shop/customers": "shop"}


def test_each_system_gets_whom_it_lacks_once_though_the_hub_is_killed(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(40)
    stack.start_systems()
    before = {system: count(stack) for system, count in COUNTS.items()}
    make_everybody(stack)
    stack.start_hub()
    for seconds in (2.0, 1.0, 0.5):
        time.sleep(seconds)
        stack.kill_hub()
        stack.start_hub()
    tables = HubTables.at(stack.store_url)
    await_condition(lambda: tables.records() > 100 and still(stack), 90)
    with create_engine(stack.store_url).connect() as connection:
        rows = connection.execute(text("select system, state, key from creation")).all()
        alone = connection.execute(
            text(
                "select count(*) from customer c where c.type = 'person' and not exists (select 1 from source_record r "
                "where r.customer_id = c.id and r.canonical is not null)"
            )
        ).scalar_one()
    tables.close()
    made = Counter(row.system for row in rows)
    assert {row.state for row in rows} == {"made"}
    assert made.keys() == {"crm", "erp", "shop"}
    assert alone == 0, "what was made is nobody's customer of their own"
    # The systems' own stores: as many came as the hub says that it made, and no two under one reference.
    assert {system: count(stack) - before[system] for system, count in COUNTS.items()} == made
    assert sorted(references(stack)) == sorted(set(references(stack)))


def make_everybody(stack: Stack) -> None:
    """Give the hub a project of its own, in which each mapping has records made."""
    root = stack.directory / "project"
    for folder in ("connectors", "schemas", "rules"):
        (root / folder).parent.mkdir(exist_ok=True)
        (root / folder).symlink_to(PROJECT / folder)
    shutil.copytree(PROJECT / "mappings", root / "mappings")
    for name in WRITABLE:
        file = root / "mappings" / f"{name}.yaml"
        file.write_text(file.read_text().replace("writable: true\n", "writable: true\ncreate: all\n", 1))
    config = stack.config.read_text()
    stack.config.write_text(config.replace(f'root = "{PROJECT}"', f'root = "{root}"'))


def still(stack: Stack) -> bool:
    """Nothing is owed, and no reference waits for its answer."""
    with create_engine(stack.store_url).connect() as connection:
        owed = connection.execute(
            text("select count(*) from obligation where state in ('due', 'sent', 'in_doubt') and lane = 'record'")
        ).scalar_one()
        begun = connection.execute(text("select count(*) from creation where key is null")).scalar_one()
        made = connection.execute(text("select count(distinct system) from creation where key is not null"))
        return bool(owed == begun == 0 and made.scalar_one() == len(WRITABLE))


def rows_of(file: Path, statement: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.execute(statement))


def contacts(stack: Stack) -> list[dict[str, str]]:
    file = stack.directory / "company" / "crm" / "crm.sqlite"
    return [json.loads(row[0]) for row in rows_of(file, "select body from record where object = 'Contact'")]


def erp_rows(stack: Stack) -> list[tuple[str, ...]]:
    file = stack.directory / "company" / "erp" / "erp.sqlite"
    return rows_of(file, "select customer_no, external_ref from customers")


def accounts(stack: Stack) -> list[tuple[str, ...]]:
    file = stack.directory / "company" / "shop" / "shop.sqlite"
    return rows_of(file, "select id from record where kind = 'customers'")


def references(stack: Stack) -> list[tuple[str, str]]:
    shown = [("crm", one["ExternalReference__c"]) for one in contacts(stack) if one.get("ExternalReference__c")]
    return shown + [("erp", row[1]) for row in erp_rows(stack) if row[1]]


COUNTS: dict[str, Callable[[Stack], int]] = {
    "crm": lambda stack: len(contacts(stack)),
    "erp": lambda stack: len(erp_rows(stack)),
    "shop": lambda stack: len(accounts(stack)),
}
