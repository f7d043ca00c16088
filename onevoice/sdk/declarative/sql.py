"""A SQL connector without code: tables, keys and what tells of changes as `manifest.yaml` declares them.

The settings are `database` and, where one is needed, the secret `password`. The one rule: rows are read and changed,
made where the manifest says so, never deleted, and nothing of the schema is touched.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from onevoice.errors import OperatorError
from onevoice.messages import Change, Creation, CreationResult, Json, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.batches import created_in_batches, in_batches
from onevoice.sdk.declarative.sql_log import SqlLog
from onevoice.sdk.declarative.sql_table import SqlTable
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Page, Settings
from onevoice.sdk.sql import keyset_pages, open_engine, reading, writing
from onevoice.sdk.two_way import Maker
from onevoice.versions import version_text

_KEYS_PER_QUERY = 500


class DeclarativeSql(Maker):
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
        """Prove that each table may be read and that no row lacks its version, without which it would never be seen.

        Raises:
            OperatorError: a table, a column, a right or a version is missing.
        """
        for stream in (spec.name for spec in self._manifest.polled()):
            table, where = self.table(stream), place(self._settings.system, stream)
            with reading(self._engine, where) as connection:
                connection.execute(table.select().limit(1)).first()
                without = sa.select(table.key).where(table.version.is_(None)).limit(1)
                if connection.execute(without).first() is not None:
                    what = "number" if table.counted else "time"
                    raise OperatorError(f"{where}: there are rows without a {what} of change; they would not be read")

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`, oldest first."""
        spec, table = self._manifest.stream(stream), self.table(stream)
        where = place(self._settings.system, stream)
        numbers: int = spec.declared.get("overlap_numbers", 1000)
        if table.log is not None:
            log = SqlLog(self._engine, table, stream, overlap=numbers, size=spec.page_size, where=where)
            yield from log.read(cursor)
            return
        after = Keyset.of(cursor)
        overlap = numbers if table.counted else spec.overlap_seconds
        pages = keyset_pages(
            self._engine,
            table.select().where(table.version.is_not(None)),
            time=table.version,
            key=table.key,
            start=after.back(overlap) if after else None,
            size=spec.page_size,
            where=where,
        )
        for rows in pages:
            records = [table.record(row) for row in rows]
            after = furthest(after, Keyset(records[-1].version, records[-1].key))
            yield Page(records=records, cursor=after.cursor())

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the table does not have come back as deleted, as of now.

        A row without a version does not come back: it is there, and nothing can be proven of it.
        """
        table, where = self.table(stream), place(self._settings.system, stream)
        found: dict[str, SourceRecord | None] = {}
        for at in range(0, len(keys), _KEYS_PER_QUERY):
            natives = [table.native(key) for key in keys[at : at + _KEYS_PER_QUERY]]
            wanted = table.select().where(table.key.in_([one for one in natives if one is not None]))
            with reading(self._engine, where) as connection:
                for row in connection.execute(wanted).mappings():
                    known = row["onevoice_version"] is not None
                    found[str(row[table.key.name])] = table.record(row) if known else None
        absent = [key for key in keys if key not in found]
        gone = {
            key: SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
            for key, version in self._gone(table, absent, where).items()
        }
        return [record for key in keys if (record := (found | gone)[key]) is not None]

    def _gone(self, table: SqlTable, keys: Sequence[str], where: str) -> dict[str, str]:
        """Return the versions at which rows that are not there were deleted: by the log, or later than all before.

        Without a log a time is now on the hub's clock; a number is the greatest there is, and the next one.
        """
        if not keys:
            return {}
        if not table.counted:
            return dict.fromkeys(keys, version_text(self._settings.now()))
        number = table.log[1] if table.log is not None else table.version
        with reading(self._engine, where) as connection:
            last = connection.execute(sa.select(sa.func.max(number))).scalar() or 0
        return dict.fromkeys(keys, version_text(int(last) + (table.log is None)))

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one, each in a transaction that locks the row and compares its version first.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `onevoice.sdk.sql.classified`.
        """
        self._manifest.writable(stream)
        return in_batches(changes, 1, lambda batch: [self._write(stream, change) for change in batch])

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the rows one by one; one that stands under the same reference is left as it is.

        Raises:
            ConfigurationError: no records can be made in the stream.
            TransientError, OperatorError: see `onevoice.sdk.sql.classified`.
        """
        self._manifest.creatable(stream)
        return created_in_batches(creations, 1, lambda batch: [self._create(stream, one) for one in batch])

    def _create(self, stream: str, creation: Creation) -> CreationResult:
        table, where = self.table(stream), place(self._settings.system, stream)
        reference = table.table.c[self._manifest.stream(stream).declared["create"]["reference"]]
        values = {**table.values(creation.fields, where), reference.name: creation.reference}
        known = sa.select(table.key).where(reference == creation.reference)
        with writing(self._engine, where) as connection:
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(table.table).values(values))
            key = connection.execute(known).scalar_one()
        return CreationResult(reference=creation.reference, outcome=WriteOutcome.APPLIED, key=str(key))

    def _write(self, stream: str, change: Change) -> WriteResult:
        table, where = self.table(stream), place(self._settings.system, stream, change.key)
        values = table.values(change.fields, where)
        same = table.of(change.key)
        with writing(self._engine, where) as connection:
            if connection.execute(sa.select(table.key).where(same).with_for_update()).first() is None:
                return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such row")
            if change.expected_version is not None:
                # A statement of its own: what the one that waited for the lock sees may be older than the lock.
                standing = connection.execute(sa.select(table.version).where(same)).scalar_one()
                if standing is None or change.expected_version != version_text(standing):
                    reason = "changed since it was read"
                    return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason=reason)
            connection.execute(sa.update(table.table).where(same).values(values))
            written = connection.execute(sa.select(table.version).where(same)).scalar_one()
        version = version_text(written) if written is not None else None
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version)
