"""The migrated schema is the one that the tables describe, to the last CHECK, partial index and comment."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text

from onevoice.errors import ConfigurationError
from onevoice.store import Store, open_store
from onevoice.store.migrate import current, pending, upgrade
from onevoice.store.tables import metadata
from onevoice.testing.servers import PrivatePostgres

COLUMNS = """
    select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
"""
CONSTRAINTS = """
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
    where connamespace = 'public'::regnamespace
"""
INDEXES = "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'"
COMMENTS = """
    select relname, obj_description(oid, 'pg_class') from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r'
"""
HISTORY = "alembic_version"


def described(url: str) -> dict[str, set[tuple[Any, ...]]]:
    """All that PostgreSQL knows of the schema, as rows that can be compared."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                name: {tuple(row) for row in connection.execute(text(query)) if row[0] != HISTORY}
                for name, query in {
                    "columns": COLUMNS,
                    "constraints": CONSTRAINTS,
                    "indexes": INDEXES,
                    "comments": COMMENTS,
                }.items()
            }
    finally:
        engine.dispose()


def made_from_tables(url: str) -> str:
    store = open_store(url)
    store.create_tables()
    store.close()
    return url


def test_an_upgraded_database_is_what_the_tables_describe(pg_url: str, postgres: PrivatePostgres) -> None:
    assert upgrade(pg_url)
    other = postgres.create_database()
    wanted = described(made_from_tables(postgres.url(other)))
    migrated = described(pg_url)
    for kind, rows in wanted.items():
        assert migrated[kind] == rows, f"{kind}: write a step with scripts/new-revision"
    postgres.drop_database(other)


def test_the_comparison_sees_checks_partial_indexes_and_comments(pg_url: str) -> None:
    upgrade(pg_url)
    before = described(pg_url)
    engine = create_engine(pg_url)
    with engine.begin() as connection:
        connection.execute(text("alter table pair drop constraint ck_pair_ordered"))
        connection.execute(text("drop index ix_obligation_due"))
        connection.execute(text("create index ix_obligation_due on obligation (next_attempt_at)"))
        connection.execute(text("comment on column source_record.point is 'otherwise'"))
        connection.execute(text("comment on table act is null"))
    engine.dispose()
    after = described(pg_url)
    assert all(after[kind] != before[kind] for kind in before)


def test_pending_names_what_an_upgrade_applies_and_then_nothing(pg_url: str) -> None:
    assert current(pg_url) is None
    missing = pending(pg_url)
    assert missing
    assert upgrade(pg_url) == missing
    assert pending(pg_url) == []
    assert current(pg_url) == missing[-1]
    assert upgrade(pg_url) == []


def test_two_upgrades_at_once_end_in_one_schema(pg_url: str) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(upgrade(pg_url))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(len, applied)) == [0, 0, len(max(applied, key=len))]
    assert pending(pg_url) == []


def test_a_schema_of_a_newer_hub_is_left_alone(pg_url: str) -> None:
    upgrade(pg_url)
    engine = create_engine(pg_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    for ask in (pending, upgrade):
        with pytest.raises(ConfigurationError, match="9999"):
            ask(pg_url)


def test_sqlite_has_nothing_to_upgrade() -> None:
    with pytest.raises(ConfigurationError, match="nothing to upgrade"):
        upgrade("sqlite://")


def test_both_databases_hold_the_same_columns(pg_url: str, tmp_path: Any) -> None:
    upgrade(pg_url)
    sqlite = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    sqlite.create_tables()
    postgresql = open_store(pg_url)
    assert shape(sqlite) == {name: shaped for name, shaped in shape(postgresql).items() if name != HISTORY}
    assert set(shape(sqlite)) == set(metadata.tables)
    sqlite.close()
    postgresql.close()


def shape(store: Store) -> dict[str, Any]:
    """Columns with nullability, primary keys, unique keys and indexed columns of every table."""
    seen = inspect(store.engine)
    return {
        table: {
            "columns": {column["name"]: column["nullable"] for column in seen.get_columns(table)},
            "key": seen.get_pk_constraint(table)["constrained_columns"],
            "unique": {tuple(unique["column_names"]) for unique in seen.get_unique_constraints(table)},
            "checks": {check["name"] for check in seen.get_check_constraints(table)},
            "indexed": {
                tuple(index["column_names"])
                for index in seen.get_indexes(table)
                if not index.get("duplicates_constraint")
            },
        }
        for table in seen.get_table_names()
    }
