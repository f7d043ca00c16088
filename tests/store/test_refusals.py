"""What the database refuses for good is not tried for ever, and its own words, which hold values, go no further."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from onevoice.errors import ConfigurationError, RecordError
from onevoice.store import Store, open_store
from onevoice.store.tables import reading

ROW: dict[str, Any] = {
    "system": "crm", "stream": "Contact", "key": "secret", "version": "1",
    "content_hash": "x", "number": 0, "confirmed": False,
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'hub.db'}" if request.param == "sqlite" else request.getfixturevalue("pg_url")
    opened = open_store(url)
    opened.create_tables()
    yield opened
    opened.close()


def refused(store: Store, error: type[Exception], *rows: dict[str, Any]) -> None:
    with pytest.raises(error) as caught:
        _insert(store, rows)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def _insert(store: Store, rows: Sequence[dict[str, Any]]) -> None:
    with store.transaction() as connection:
        for row in rows:
            connection.execute(insert(reading).values(row))


def test_a_row_that_stands_already(store: Store) -> None:
    refused(store, RecordError, ROW, ROW)


def test_values_beyond_what_postgresql_keeps(pg_url: str) -> None:
    opened = open_store(pg_url)
    opened.create_tables()
    refused(opened, RecordError, ROW | {"key": "secret\0"})
    refused(opened, RecordError, ROW | {"number": 2**40})
    refused(opened, RecordError, ROW | {"key": "secret" + "".join(chr(0x4E00 + i % 20000) for i in range(6000))})
    opened.close()


def test_a_table_that_is_missing_on_postgresql(pg_url: str) -> None:
    opened = open_store(pg_url)
    refused(opened, ConfigurationError, ROW)
    opened.close()


def test_an_embedded_store_of_another_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    with store.transaction() as connection:
        connection.exec_driver_sql("create table act (id char(32) primary key, kind text)")
    with pytest.raises(ConfigurationError, match=r"table act has no column .* move it away"):
        store.create_tables()
    store.close()
