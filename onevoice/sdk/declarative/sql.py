"""A SQL connector without code: tables, keys and the column of the last change as `manifest.yaml` declares them.

The settings are `database` and, where one is needed, the secret `password`. The one rule: rows are read and changed,
never made or deleted, and nothing of the schema is touched.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from onevoice.errors import OperatorError
from onevoice.messages import Change, Json, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches
from onevoice.sdk.declarative.sql_table import SqlTable
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Page, Settings
from onevoice.sdk.sql import keyset_pages, open_engine, reading, writing
from onevoice.sdk.two_way import TwoWay
from onevoice.versions import version_text

_KEYS_PER_QUERY = 500


class DeclarativeSql(TwoWay):
    """One database, as the manifest declares its tables."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        engine = open_engine(str(settings.values["database"]), password=settings.secrets.get("password"))
        self._rows = SqlRows(engine, settings, manifest)
        super().__init__(self._rows, self._rows, close=engine.dispose)

    def discover(self, stream: str) -> Json:
        """Return a schema of the stream's table."""
        return self._rows.table(stream).schema()


class SqlRows:
    """Reads and changes the rows of the declared tables."""

    def __init__(self, engine: Engine, settings: Settings, manifest: Manifest) -> None:
        self._engine = engine
        self._settings = settings
        self._manifest = manifest
        self._tables: dict[str, SqlTable] = {}

    def table(self, stream: str) -> SqlTable:
        """Return a stream's table, described by the database the first time."""
        where = place(self._settings.system, stream)
        if stream not in self._tables:
            with reading(self._engine, where) as connection:
                self._tables[stream] = SqlTable(connection, stream, self._manifest.stream(stream).declared, where)
        return self._tables[stream]

    def check(self) -> None:
        """Prove that each table may be read and that no row lacks its time, without which it would never be seen.

        Raises:
            OperatorError: a table, a column, a right or a time is missing.
        """
        for stream in self._manifest.streams:
            table, where = self.table(stream), place(self._settings.system, stream)
            with reading(self._engine, where) as connection:
                connection.execute(table.select().limit(1)).first()
                timeless = sa.select(table.key).where(table.time.is_(None)).limit(1)
                if connection.execute(timeless).first() is not None:
                    raise OperatorError(f"{where}: there are rows without a time of change; they would not be read")

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`, oldest first."""
        spec, table = self._manifest.stream(stream), self.table(stream)
        after = Keyset.of(cursor)
        pages = keyset_pages(
            self._engine,
            table.select().where(table.time.is_not(None)),
            time=table.time,
            key=table.key,
            start=after.back(spec.overlap_seconds) if after else None,
            size=spec.page_size,
            where=place(self._settings.system, stream),
        )
        for rows in pages:
            records = [table.record(row) for row in rows]
            after = furthest(after, Keyset(records[-1].version, records[-1].key))
            yield Page(records=records, cursor=after.cursor())

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the table does not have come back as deleted, as of now.

        A row without a time does not come back: it is there, and nothing can be proven of it.
        """
        table, where = self.table(stream), place(self._settings.system, stream)
        found: dict[str, SourceRecord | None] = {}
        for at in range(0, len(keys), _KEYS_PER_QUERY):
            natives = [table.native(key) for key in keys[at : at + _KEYS_PER_QUERY]]
            wanted = table.select().where(table.key.in_([one for one in natives if one is not None]))
            with reading(self._engine, where) as connection:
                for row in connection.execute(wanted).mappings():
                    timed = row["onevoice_time"] is not None
                    found[str(row[table.key.name])] = table.record(row) if timed else None
        version = version_text(self._settings.now())
        gone = {
            key: SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
            for key in keys
            if key not in found
        }
        return [record for key in keys if (record := (found | gone)[key]) is not None]

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one, each in a transaction that locks the row and compares its time first.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `onevoice.sdk.sql.classified`.
        """
        self._manifest.writable(stream)
        return in_batches(changes, 1, lambda batch: [self._write(stream, change) for change in batch])

    def _write(self, stream: str, change: Change) -> WriteResult:
        table, where = self.table(stream), place(self._settings.system, stream, change.key)
        values = table.values(change.fields, where)
        same = table.of(change.key)
        with writing(self._engine, where) as connection:
            row = connection.execute(table.select().where(same).with_for_update()).mappings().first()
            if row is None:
                return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such row")
            if change.expected_version is not None:
                standing = row["onevoice_time"]
                if standing is None or change.expected_version != version_text(standing):
                    reason = "changed since it was read"
                    return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason=reason)
            connection.execute(sa.update(table.table).where(same).values(values))
            written = connection.execute(sa.select(table.time.label("at")).where(same)).scalar_one()
        version = version_text(written) if written is not None else None
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version)
