"""A SQL connector that is nothing but a manifest, over a foreign table whose trigger keeps the time of change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa

from onevoice.errors import OperatorError
from onevoice.messages import Change, Creation, WriteOutcome
from onevoice.sdk import Discoverer, Page, RecordWriter, Settings
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import load_manifest
from onevoice.sdk.sql import open_engine, writing

MARK = "marked.person@example.com"
MANIFEST = """
id: till
title: Till
owner: sales
kind: sql
settings:
  type: object
  additionalProperties: false
  required: [database]
  properties:
    database: {type: string, description: the database}
    password: {type: string, x-secret: true, description: the password as a secret}
streams:
  clients:
    mode: poll
    writable: true
    page_size: 4
    sql: {table: TABLE, key: client, version: touched, writable: [email, born, credit]}
"""
COLUMNS = (
    "(client INTEGER PRIMARY KEY, email VARCHAR(80) UNIQUE, born DATE, credit NUMERIC(9, 2), vip BOOLEAN, touched "
)
SQLITE = [
    f"CREATE TABLE clients {COLUMNS} TEXT)",
    """CREATE TRIGGER touch AFTER UPDATE OF email, born, credit ON clients BEGIN
        UPDATE clients SET touched = strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z' WHERE client = new.client; END""",
]
POSTGRESQL = [
    "CREATE SCHEMA shop",
    f"CREATE TABLE shop.clients {COLUMNS} TIMESTAMP)",
    """CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN new.touched = clock_timestamp() AT TIME ZONE ''UTC''; RETURN new; END'""",
    "CREATE TRIGGER touch BEFORE UPDATE ON shop.clients FOR EACH ROW EXECUTE FUNCTION shop.touch()",
]
MARIADB = [
    f"CREATE TABLE clients {COLUMNS} DATETIME(6)) CHARACTER SET utf8mb4",
    "CREATE TRIGGER touch BEFORE UPDATE ON clients FOR EACH ROW SET new.touched = utc_timestamp(6)",
]
SETUPS = {"sqlite": (SQLITE, "clients"), "postgresql": (POSTGRESQL, "shop.clients"), "mariadb": (MARIADB, "clients")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """The connector, and its owner's way into the database."""

    connector: Any
    owner: sa.Engine
    table: str

    def run(self, statement: str, *rows: dict[str, Any]) -> None:
        with writing(self.owner, "test") as connection:
            connection.execute(sa.text(statement.replace("TABLE", self.table)), rows or None)

    def read(self, cursor: Any = None) -> list[Page]:
        return list(self.connector.read("clients", cursor))


def opened(tmp_path: Path, address: str, statements: list[str], manifest: str, table: str = "clients") -> Till:
    """Return the connector over a database that its owner has set up."""
    url = sa.make_url(address)
    values: dict[str, object] = {"database": url._replace(password=None).render_as_string()}
    secrets = {"password": str(url.password)} if url.password else {}
    owner = open_engine(str(values["database"]), password=secrets.get("password"))
    with writing(owner, "test") as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "manifest.yaml").write_text(manifest.replace("TABLE", table))
    settings = Settings(system="till1", values=values, secrets=secrets, now=lambda: datetime.now(UTC))
    connector: Any = build(load_manifest(tmp_path / "till", "connectors.till"), settings)
    return Till(connector=connector, owner=owner, table=table)


def closed(till: Till) -> None:
    till.connector.close()
    till.owner.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of an empty database."""
    if request.param == "sqlite":
        (tmp_path / "till.sqlite").touch()
        return f"sqlite:///{tmp_path}/till.sqlite"
    return str(request.getfixturevalue("pg_url"))


@pytest.fixture
def till(address: str, tmp_path: Path) -> Iterator[Till]:
    statements, table = SETUPS[sa.make_url(address).get_backend_name()]
    made = opened(tmp_path, address, statements, MANIFEST, table)
    zone = "" if made.owner.dialect.name == "mariadb" else "Z"
    rows = [
        {"client": n, "email": f"{n}@x.example", "touched": f"2025-01-01T09:0{n // 4}:00.000000{zone}"}
        for n in range(1, 12)
    ]
    made.run("INSERT INTO TABLE VALUES (:client, :email, '1980-02-01', 10.50, true, :touched)", *rows)
    yield made
    closed(made)


def test_rows_come_in_order_and_a_read_goes_on_after_each_page(till: Till) -> None:
    assert isinstance(till.connector, RecordWriter)
    till.connector.check()
    pages = list(till.connector.read("clients", None))
    found = [record for page in pages for record in page.records]
    assert [record.key for record in found] == [str(number) for number in range(1, 12)]
    assert found[0].version == found[0].data["touched"] == "2025-01-01T09:00:00.000000Z"
    assert (found[0].data["born"], found[0].data["credit"]) == ("1980-02-01", "10.50")
    for at, page in enumerate(pages):
        before = {record.key for earlier in pages[: at + 1] for record in earlier.records}
        after = {record.key for later in till.connector.read("clients", page.cursor) for record in later.records}
        assert before | after == {record.key for record in found}


def test_a_write_locks_compares_and_gives_the_version_that_the_trigger_made(till: Till) -> None:
    read = till.connector.readback("clients", ["3"])[0]
    fields = {"email": MARK, "born": "1981-03-02", "credit": "7.25"}
    change = Change(key="3", fields=fields, expected_version=read.version)
    [done] = till.connector.write("clients", [change])
    written = till.connector.readback("clients", ["3"])[0]
    assert (done.outcome, done.version) == (WriteOutcome.APPLIED, written.version)
    assert written.version > read.version
    assert {name: written.data[name] for name in fields} == fields
    results = till.connector.write(
        "clients",
        [
            change,
            Change(key="99", fields={"email": "a@x.example"}),
            Change(key="x'; --", fields={"email": "a@x.example"}),
            Change(key="4", fields={"email": MARK}),
            Change(key="4", fields={"born": MARK}),
            Change(key="4", fields={"vip": False}),
        ],
    )
    assert [r.outcome.value for r in results] == ["conflict", "missing", "missing", "refused", "refused", "refused"]
    assert MARK not in str(results)


def test_what_is_gone_and_what_never_was_is_read_back_as_deleted(till: Till) -> None:
    till.run("DELETE FROM TABLE WHERE client = 5")
    assert [(r.key, r.deleted) for r in till.connector.readback("clients", ["5", "6", "x"])] == [
        ("5", True),
        ("6", False),
        ("x", True),
    ]


def test_a_row_without_time_is_read_back_as_neither_found_nor_deleted(till: Till) -> None:
    till.run("INSERT INTO TABLE (client, email) VALUES (50, 'late@x.example')")
    read = till.connector.readback("clients", ["6", "50", "51"])
    assert [(r.key, r.deleted) for r in read] == [("6", False), ("51", True)]


def test_a_row_without_time_is_named_before_it_is_missed(till: Till) -> None:
    till.run("INSERT INTO TABLE (client, email) VALUES (50, 'late@x.example')")
    with pytest.raises(OperatorError, match="rows without a time of change"):
        till.connector.check()


def test_the_database_describes_the_schema_that_its_rows_fit(till: Till) -> None:
    assert isinstance(till.connector, Discoverer)
    schema = till.connector.discover("clients")
    assert schema["properties"]["email"] == {"type": ["string", "null"], "x-personal": True}
    assert schema["properties"]["born"] == {"type": ["string", "null"], "format": "date"}
    records = [record.data for page in till.connector.read("clients", None) for record in page.records]
    assert all(jsonschema.Draft202012Validator(schema).is_valid(record) for record in records)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [("key: client", "key: number", "has no column number"), ("table: TABLE", "table: nothing", "no table nothing")],
)
def test_a_table_or_column_that_is_not_there_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    (tmp_path / "till.sqlite").touch()
    owner = open_engine(f"sqlite:///{tmp_path}/till.sqlite", password=None)
    with writing(owner, "test") as connection:
        connection.exec_driver_sql(SQLITE[0])
    owner.dispose()
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "manifest.yaml").write_text(MANIFEST.replace(old, new).replace("TABLE", "clients"))
    values = {"database": f"sqlite:///{tmp_path}/till.sqlite"}
    settings = Settings(system="till1", values=values, secrets={}, now=lambda: datetime.now(UTC))
    connector: Any = build(load_manifest(tmp_path / "till", "connectors.till"), settings)
    with pytest.raises(OperatorError, match=named):
        connector.check()
    connector.close()


def test_a_time_that_would_not_sort_stops_the_system(tmp_path: Path) -> None:
    (tmp_path / "till.sqlite").touch()
    owner = open_engine(f"sqlite:///{tmp_path}/till.sqlite", password=None)
    with writing(owner, "test") as connection:
        connection.exec_driver_sql(SQLITE[0])
        connection.exec_driver_sql("INSERT INTO clients (client, touched) VALUES (1, '2025-01-01 09:00:00')")
    owner.dispose()
    (tmp_path / "till").mkdir()
    (tmp_path / "till" / "manifest.yaml").write_text(MANIFEST.replace("TABLE", "clients"))
    values = {"database": f"sqlite:///{tmp_path}/till.sqlite"}
    settings = Settings(system="till1", values=values, secrets={}, now=lambda: datetime.now(UTC))
    connector: Any = build(load_manifest(tmp_path / "till", "connectors.till"), settings)
    with pytest.raises(OperatorError, match="a time of change that is not written as"):
        connector.check()
    connector.close()


def test_a_row_is_made_once_under_a_reference(tmp_path: Path, address: str) -> None:
    kind = "INTEGER PRIMARY KEY" if address.startswith("sqlite") else "SERIAL PRIMARY KEY"
    stamped = "TEXT" if address.startswith("sqlite") else "TIMESTAMPTZ"
    statement = (
        f"CREATE TABLE people (id {kind}, email VARCHAR(80) NOT NULL, born DATE, made_by VARCHAR(40) UNIQUE, "
        f"touched {stamped} DEFAULT '2026-01-02T03:04:05.000000Z')"
    )
    declared = "{table: TABLE, key: id, version: touched, writable: [email, born], create: {reference: made_by}}"
    manifest = MANIFEST.replace("    page_size: 4\n", "    create: {reference: made_by}\n").replace(
        "{table: TABLE, key: client, version: touched, writable: [email, born, credit]}", declared
    )
    till = opened(tmp_path, address, [statement], manifest, "people")
    try:
        one, other = (Creation(reference=f"0197-{n}", fields={"email": f"{n}@example.com"}) for n in "ab")
        made = till.connector.create("clients", [one, other])
        again = till.connector.create("clients", [one])
        assert [result.outcome for result in made] == [WriteOutcome.APPLIED] * 2
        assert (made[0].key, len({result.key for result in made})) == (again[0].key, 2)
        [record] = till.connector.readback("clients", [made[1].key])
        assert (record.data["email"], record.data["made_by"]) == ("b@example.com", "0197-b")
        refused, good = till.connector.create(
            "clients",
            [
                Creation(reference="0197-c", fields={"born": "1980-02-03"}),
                Creation(reference="0197-d", fields=one.fields),
            ],
        )
        assert (refused.outcome, good.outcome) == (WriteOutcome.REFUSED, WriteOutcome.APPLIED)
        assert MARK not in refused.reason
    finally:
        closed(till)
