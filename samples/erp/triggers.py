"""The triggers that make the ERP's tables behave: update times, row versions, the journal.

`statements(dialect)` gives the SQL for "sqlite" or "postgresql". Rules: an UPDATE moves `updated_at` to a later
microsecond; one on customers also counts `row_version` up; a change of an address leaves its customer alone; the
journal takes rows and gives none up.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from samples.erp.schema import CUSTOMERS, RECORDED

# SQLite's own clock has milliseconds; one row keeps the last time given out, so that the next one is always later.
SQLITE_CLOCK = """
CREATE TABLE IF NOT EXISTS clock (last_us INTEGER NOT NULL);
INSERT INTO clock SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM clock);
"""
SQLITE_TICK = """UPDATE clock SET last_us = max(last_us + 1,
    (CAST(strftime('%s', 'now') AS INTEGER) * 1000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER)) * 1000)"""
SQLITE_NOW = """(SELECT strftime('%Y-%m-%dT%H:%M:%S', last_us / 1000000, 'unixepoch')
    || printf('.%06dZ', last_us % 1000000) FROM clock)"""

POSTGRESQL_FUNCTIONS = """
CREATE OR REPLACE FUNCTION erp_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at + interval '1 microsecond');
    IF TG_TABLE_NAME = 'customers' THEN
        NEW.row_version := OLD.row_version + 1;
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION erp_record() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
BEGIN
    INSERT INTO journal (at, actor, action, table_name, record_key, old, new)
    VALUES (clock_timestamp(), session_user, lower(TG_OP), TG_TABLE_NAME,
            coalesce(after, before) ->> TG_ARGV[0], before, after);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION erp_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;

DROP TRIGGER IF EXISTS journal_refuse ON journal;
CREATE TRIGGER journal_refuse BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION erp_refuse();
DROP TRIGGER IF EXISTS journal_refuse_truncate ON journal;
CREATE TRIGGER journal_refuse_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION erp_refuse();
REVOKE ALL ON journal FROM PUBLIC;
"""


def statements(dialect: str) -> Iterator[str]:
    """SQL scripts for one dialect, each safe to run again."""
    if dialect == "sqlite":
        yield SQLITE_CLOCK
        for table in RECORDED:
            yield from _sqlite(table)
        for action in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER IF NOT EXISTS journal_refuse_{action.lower()} BEFORE {action} ON journal"
                " BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;"
            )
    else:
        yield POSTGRESQL_FUNCTIONS
        for table in RECORDED:
            yield _postgresql(table)


def _postgresql(table: Table) -> str:
    name, key = table.name, _key(table)
    return f"""
    DROP TRIGGER IF EXISTS {name}_stamp ON {name};
    CREATE TRIGGER {name}_stamp BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION erp_stamp();
    DROP TRIGGER IF EXISTS {name}_record ON {name};
    CREATE TRIGGER {name}_record AFTER INSERT OR UPDATE OR DELETE ON {name}
        FOR EACH ROW EXECUTE FUNCTION erp_record('{key}');
    """


def _sqlite(table: Table) -> Iterator[str]:
    """One trigger an action: SQLite does not fire a trigger for what it does itself, so the stamp stays silent."""
    # table and column names are this package's own, and DDL takes no bound values: hence the S608 exceptions
    name, key = table.name, _key(table)
    version = ", row_version = OLD.row_version + 1" if table is CUSTOMERS else ""
    stamp = f"UPDATE {name} SET updated_at = {SQLITE_NOW}{version} WHERE {key} = NEW.{key};"  # noqa: S608
    after = f"(SELECT {_json(table, name)} FROM {name} WHERE {key} = NEW.{key})"  # noqa: S608
    for action, steps, old, new, row in (
        ("INSERT", "", "NULL", after, "NEW"),
        ("UPDATE", stamp, _json(table, "OLD"), after, "NEW"),
        ("DELETE", "", _json(table, "OLD"), "NULL", "OLD"),
    ):
        yield f"""
        CREATE TRIGGER IF NOT EXISTS {name}_{action.lower()} AFTER {action} ON {name} BEGIN
            {SQLITE_TICK};
            {steps}
            INSERT INTO journal (at, action, table_name, record_key, old, new)
            VALUES ({SQLITE_NOW}, '{action.lower()}', '{name}', {row}.{key}, {old}, {new});
        END;"""  # noqa: S608


def _json(table: Table, row: str) -> str:
    return "json_object(" + ", ".join(f"'{column.name}', {row}.{column.name}" for column in table.columns) + ")"


def _key(table: Table) -> str:
    return next(iter(table.primary_key.columns)).name
