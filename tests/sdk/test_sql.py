"""The SQL toolkit: keyset pages, errors without values, transactions that lock from the start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.sql import Instant, keyset_pages, open_engine, reading, writing
from onevoice.testing.servers import PrivatePostgres

WHERE = "system erp, stream customers"
MARK = "marked.person@example.com"
START = datetime(2025, 1, 1, tzinfo=UTC)
METADATA = sa.MetaData()
ROWS = sa.Table(
    "customers",
    METADATA,
    sa.Column("no", sa.String(12), primary_key=True),
    sa.Column("email", sa.String(40), unique=True),
    sa.Column("at", Instant, nullable=False),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        (tmp_path / "erp.sqlite").touch()
        opened = open_engine(f"sqlite:///{tmp_path}/erp.sqlite", password=None)
    else:
        url = sa.make_url(request.getfixturevalue("pg_url"))
        opened = open_engine(url._replace(password=None).render_as_string(), password=url.password)
    with writing(opened, WHERE) as connection:
        METADATA.create_all(connection)
    yield opened
    opened.dispose()


def fill(engine: sa.Engine, count: int) -> None:
    # Five rows share each moment, so that only (time, key) tells where a page ended.
    rows = [{"no": f"K{n:03}", "email": f"{n}@x", "at": START + timedelta(microseconds=n // 5)} for n in range(count)]
    with writing(engine, WHERE) as connection:
        connection.execute(sa.insert(ROWS), rows)


def pages(engine: sa.Engine, start: Keyset | None, size: int = 4) -> list[list[str]]:
    found = keyset_pages(engine, sa.select(ROWS), time=ROWS.c.at, key=ROWS.c.no, start=start, size=size, where=WHERE)
    return [[row["no"] for row in page] for page in found]


def test_pages_are_in_order_and_without_gap_from_any_position(engine: sa.Engine) -> None:
    fill(engine, 18)
    everything = [f"K{n:03}" for n in range(18)]
    assert [no for page in pages(engine, None) for no in page] == everything
    assert [len(page) for page in pages(engine, None)] == [4, 4, 4, 4, 2]
    for at in range(18):
        position = Keyset((START + timedelta(microseconds=at // 5)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), f"K{at:03}")
        assert [no for page in pages(engine, position) for no in page] == everything[at + 1 :]
    assert pages(engine, Keyset("2026-01-01T00:00:00.000000Z", "")) == []


def test_a_last_page_that_is_full_ends_the_read(engine: sa.Engine) -> None:
    fill(engine, 8)
    assert [len(page) for page in pages(engine, None)] == [4, 4]


def test_refused_values_are_not_quoted(engine: sa.Engine) -> None:
    with writing(engine, WHERE) as connection:
        connection.execute(sa.insert(ROWS), [{"no": "K1", "email": MARK, "at": START}])
    with pytest.raises(RefusedError, match="IntegrityError") as caught, writing(engine, WHERE) as connection:
        connection.execute(sa.insert(ROWS), [{"no": "K2", "email": MARK, "at": START}])
    assert MARK not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(RefusedError) as caught, writing(engine, WHERE) as connection:
        connection.execute(sa.insert(ROWS), [{"no": "K3", "email": MARK, "at": MARK}])
    assert MARK not in str(caught.value)


def test_a_table_that_is_not_there_asks_for_a_person(engine: sa.Engine) -> None:
    with pytest.raises(OperatorError, match="check tables"), reading(engine, WHERE) as connection:
        connection.execute(sa.text("SELECT * FROM elsewhere"))


def test_a_failed_transaction_leaves_nothing(engine: sa.Engine) -> None:
    def twice() -> None:
        with writing(engine, WHERE) as connection:
            connection.execute(sa.insert(ROWS), [{"no": "K1", "email": "a@x", "at": START}])
            connection.execute(sa.insert(ROWS), [{"no": "K1", "email": "b@x", "at": START}])

    with pytest.raises(RefusedError):
        twice()
    assert pages(engine, None) == []


def test_a_writer_holds_the_lock_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "erp.sqlite").touch()
    engine = open_engine(f"sqlite:///{tmp_path}/erp.sqlite", password=None)
    with writing(engine, WHERE) as connection:
        connection.execute(sa.text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(10):
            with writing(engine, WHERE) as connection:
                seen = connection.execute(sa.text("SELECT n FROM counter")).scalar_one()
                connection.execute(sa.text("UPDATE counter SET n = :n"), {"n": seen + 1})

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with reading(engine, WHERE) as connection:
        assert connection.execute(sa.text("SELECT n FROM counter")).scalar_one() == 30
    engine.dispose()


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/nowhere.sqlite", password=None)
    with pytest.raises(TransientError), reading(engine, WHERE) as connection:
        connection.execute(sa.text("SELECT 1"))
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_password_asks_for_a_person_and_an_absent_server_is_tried_again(postgres: PrivatePostgres) -> None:
    url = sa.make_url(postgres.url("postgres"))
    refused = open_engine(url._replace(password=None).render_as_string(), password="wr0ng")
    with pytest.raises(OperatorError) as caught, reading(refused, WHERE):
        pass
    assert "wr0ng" not in str(caught.value)
    absent = open_engine("postgresql://hub@127.0.0.1:1/erp", password="x")
    with pytest.raises(TransientError), reading(absent, WHERE):
        pass


@pytest.mark.parametrize(
    "address",
    ["erp", "mongodb://hub@host/erp", "sqlite://", "postgresql://hub:s3cret@host/erp", "oracle://hub:s3cret@host/erp"],
)
def test_an_address_that_cannot_be_used_is_named_and_not_quoted(address: str) -> None:
    with pytest.raises(ConfigurationError, match="'database'") as caught:
        open_engine(address, password=None)
    assert "s3cret" not in str(caught.value)
