"""Tables that count their changes, in a column of their own or in a log that triggers fill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import sqlalchemy as sa

from onevoice.errors import ConfigurationError, OperatorError
from onevoice.messages import Change, SourceRecord, WriteOutcome
from onevoice.sdk import Page
from tests.sdk.test_declarative_sql import MANIFEST, Till, address, closed, opened

__all__ = ["address"]

TIMED = "version: touched, writable: [email, born, credit]"
COUNTED = MANIFEST.replace(TIMED, "version: rev, version_as: number, MORE")
LOGGED = MANIFEST.replace(TIMED, "log: {table: changes, key: client, number: n}, MORE")
NUMBERED = [
    "CREATE TABLE clients (client INTEGER PRIMARY KEY, email VARCHAR(80), rev BIGINT)",
    "CREATE TABLE changes (n {auto}, client INTEGER NOT NULL)",
]
AUTO = {
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
    "postgresql": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "mariadb": "BIGINT AUTO_INCREMENT PRIMARY KEY",
}
EVENTS = {"INSERT": "new", "UPDATE": "new", "DELETE": "old"}


def triggers(kind: str) -> list[str]:
    """Return what fills the log, and what counts the column up, as the database's owner would."""
    if kind == "postgresql":
        log = "INSERT INTO changes (client) VALUES (coalesce(new.client, old.client)); RETURN NULL;"
        return [
            f"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {log} END'",
            "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON clients FOR EACH ROW EXECUTE FUNCTION note()",
            "CREATE FUNCTION up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.rev = old.rev + 100; RETURN new; END'",
            "CREATE TRIGGER up BEFORE UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION up()",
        ]
    made = [
        f"CREATE TRIGGER note_{event} AFTER {event} ON clients FOR EACH ROW"
        + (f" BEGIN {note}; END" if kind == "sqlite" else f" {note}")
        for event, row in EVENTS.items()
        for note in [f"INSERT INTO changes (client) VALUES ({row}.client)"]
    ]
    if kind == "mariadb":
        return [*made, "CREATE TRIGGER up BEFORE UPDATE ON clients FOR EACH ROW SET new.rev = old.rev + 100"]
    up = "UPDATE clients SET rev = rev + 100 WHERE client = new.client"
    return [*made, f"CREATE TRIGGER up AFTER UPDATE OF email ON clients BEGIN {up}; END"]


@pytest.fixture
def counted(address: str, tmp_path: Path) -> Iterator[Till]:
    yield from tills(address, tmp_path, COUNTED)


@pytest.fixture
def logged(address: str, tmp_path: Path) -> Iterator[Till]:
    yield from tills(address, tmp_path, LOGGED)


def tills(address: str, tmp_path: Path, manifest: str) -> Iterator[Till]:
    kind = sa.make_url(address).get_backend_name()
    statements = [one.replace("{auto}", AUTO[kind]) for one in NUMBERED] + triggers(kind)
    till = opened(tmp_path, address, statements, manifest.replace("MORE", "overlap_numbers: 2, writable: [email]"))
    till.run("INSERT INTO TABLE VALUES (:n, 'a@x.example', :n)", *({"n": n} for n in range(1, 12)))
    yield till
    closed(till)


def records(pages: list[Page]) -> list[SourceRecord]:
    return [record for page in pages for record in page.records]


def names(pages: list[Page]) -> list[str]:
    return [record.key for record in records(pages)]


def test_rows_come_in_the_order_of_their_numbers_and_the_overlap_again(counted: Till) -> None:
    pages = counted.read()
    assert names(pages) == [str(n) for n in range(1, 12)]
    assert records(pages)[2].version == f"{3:020}"
    assert counted.read(pages[-1].cursor)[0].records[0].key == "9", "two numbers back"
    counted.run("UPDATE TABLE SET email = 'b@x.example' WHERE client = 4")
    assert names(counted.read(pages[-1].cursor)) == ["9", "10", "11", "4"]
    for at, page in enumerate(pages):
        assert {*names(pages[: at + 1]), *names(counted.read(page.cursor))} == set(names(pages))


def test_a_write_compares_the_number_and_gives_the_next_one(counted: Till) -> None:
    [read] = counted.connector.readback("clients", ["3"])
    change = Change(key="3", fields={"email": "n@x.example"}, expected_version=read.version)
    [first] = counted.connector.write("clients", [change])
    [again] = counted.connector.write("clients", [change])
    assert (first.outcome, first.version, again.outcome) == (WriteOutcome.APPLIED, f"{103:020}", WriteOutcome.CONFLICT)
    [gone] = counted.connector.readback("clients", ["99"])
    assert (gone.deleted, gone.version) == (True, f"{104:020}")


def test_a_row_without_a_number_is_named_before_it_is_missed(counted: Till) -> None:
    counted.run("INSERT INTO TABLE VALUES (50, 'a@x.example', NULL)")
    with pytest.raises(OperatorError, match="without a number of change"):
        counted.connector.check()


def test_a_log_tells_of_each_change_and_of_deletes(logged: Till) -> None:
    logged.connector.check()
    pages = logged.read()
    assert sorted(map(int, set(names(pages)))) == list(range(1, 12))
    end = pages[-1].cursor
    logged.run("UPDATE TABLE SET email = 'b@x.example' WHERE client = 4")
    logged.run("DELETE FROM TABLE WHERE client = 5")
    found = {record.key: record for record in records(logged.read(end))}
    assert found["4"].data == {"client": 4, "email": "b@x.example", "rev": 104, "_version": int(found["4"].version)}
    assert (found["5"].deleted, found["5"].data) == (True, None)
    assert found["5"].version > found["4"].version
    [gone] = logged.connector.readback("clients", ["5"])
    assert gone.deleted
    assert gone.version >= found["5"].version
    schema = logged.connector.discover("clients")
    assert jsonschema.Draft202012Validator(schema).is_valid(found["4"].data)


def test_a_first_read_that_was_killed_goes_on_and_misses_nothing_that_changed_meanwhile(logged: Till) -> None:
    pages = logged.read()
    for at in range(3):
        kept = {record.key: record for record in records(pages[: at + 1])}
        logged.run("UPDATE TABLE SET email = :mail WHERE client = 1", {"mail": f"{at}@x.example"})
        later = records(logged.read(pages[at].cursor))
        kept |= {record.key: record for record in later}
        assert sorted(map(int, kept)) == list(range(1, 12))
        data = kept["1"].data
        assert data is not None
        assert data["email"] == f"{at}@x.example"


def test_an_entry_that_was_committed_late_is_not_skipped(address: str, tmp_path: Path) -> None:
    """Numbers are given out before they are committed: one in the overlap appears behind the cursor."""
    kind = sa.make_url(address).get_backend_name()
    manifest = LOGGED.replace("MORE", "overlap_numbers: 5")
    till = opened(tmp_path, address, [one.replace("{auto}", AUTO[kind]) for one in NUMBERED], manifest)
    till.run("INSERT INTO TABLE VALUES (:n, 'a@x.example', :n)", *({"n": n} for n in range(1, 12)))
    override = " OVERRIDING SYSTEM VALUE" if kind == "postgresql" else ""
    till.run(f"INSERT INTO changes (n, client){override} VALUES (9, 9)")
    end = till.read()[-1].cursor
    till.run(f"INSERT INTO changes (n, client){override} VALUES (7, 3)")
    assert "3" in names(till.read(end))
    closed(till)


def test_a_write_compares_the_last_entry_of_the_log(logged: Till) -> None:
    [read] = logged.connector.readback("clients", ["3"])
    change = Change(key="3", fields={"email": "n@x.example"}, expected_version=read.version)
    [first] = logged.connector.write("clients", [change])
    [again] = logged.connector.write("clients", [change])
    [now] = logged.connector.readback("clients", ["3"])
    assert (first.outcome, again.outcome) == (WriteOutcome.APPLIED, WriteOutcome.CONFLICT)
    assert first.version == now.version > read.version


@pytest.mark.parametrize("more", ["version: rev, log: {table: changes, key: client, number: n}", "columns: [email]"])
def test_a_stream_has_one_way_to_tell_changes(tmp_path: Path, more: str) -> None:
    (tmp_path / "till.sqlite").touch()
    manifest = MANIFEST.replace(TIMED, more)
    with pytest.raises(ConfigurationError, match=r"streams.clients.sql"):
        opened(tmp_path, f"sqlite:///{tmp_path}/till.sqlite", NUMBERED[:1], manifest)
