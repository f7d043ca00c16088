"""Reads a table whose changes stand in a log: first all rows, then the rows that the log names, deletes included.

The log is a table of its own, into which triggers of the database's own side write the key of each row that was made,
changed or deleted, under a number that grows. The cursor is `{"after": [number, ""]}`; during the first read it also
has `"row"`, the key of the last row that was given.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from onevoice.messages import Json, SourceRecord
from onevoice.sdk.declarative.sql_table import SqlTable
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.ports import Page
from onevoice.sdk.sql import reading
from onevoice.versions import version_text


class SqlLog:
    """The changes of one table.

    Args:
        overlap: how many numbers a read goes back behind its cursor: as many as may be given out before the first of
            them is committed.
        size: records in a page.
    """

    def __init__(self, engine: Engine, table: SqlTable, stream: str, *, overlap: int, size: int, where: str) -> None:
        if table.log is None:
            raise ValueError("the table has no log")
        self._engine = engine
        self._table = table
        self._stream = stream
        self._key, self._number = table.log
        self._overlap = overlap
        self._size = size
        self._where = where
        self._given: set[tuple[str, str]] = set()

    def read(self, cursor: Json | None) -> Iterator[Page]:
        """Yield all rows where the cursor is None or of a first read, then the rows that changed since."""
        after = Keyset.of(cursor)
        if after is None:
            after = self._last()
            yield from self._rows(after, None)
        elif cursor is not None and "row" in cursor:
            yield from self._rows(after, cursor["row"])
        yield from self._changes(after)

    def _last(self) -> Keyset:
        """Return the end of the log, taken before the first row is read: what changes meanwhile is read again."""
        with reading(self._engine, self._where) as connection:
            last = connection.execute(sa.select(sa.func.max(self._number))).scalar()
        return Keyset(version_text(int(last or 0)), "")

    def _rows(self, after: Keyset, row: str | None) -> Iterator[Page]:
        while True:
            page = self._table.select().order_by(self._table.key).limit(self._size)
            if row is not None:
                page = page.where(self._table.key > self._table.native(row))
            with reading(self._engine, self._where) as connection:
                records = [self._table.record(one) for one in connection.execute(page).mappings()]
            if not records:
                return
            row = records[-1].key
            near = version_text(int(after.back(self._overlap).time))
            self._given |= {(record.key, record.version) for record in records if record.version > near}
            yield Page(records=records, cursor={**after.cursor(), "row": row})

    def _changes(self, after: Keyset) -> Iterator[Page]:
        start = int(after.back(self._overlap).time)
        furthest = int(after.time)
        last = sa.func.max(self._number).label("onevoice_last")
        while True:
            changed = (
                sa.select(self._key.label("onevoice_changed"), last).where(self._number > start).group_by(self._key)
            )
            named = changed.order_by(last).limit(self._size).subquery()
            # Under a name of its own: in the outer join the row's own key is empty where the row is gone.
            page = (
                self._table.select()
                .add_columns(named.c.onevoice_changed, named.c.onevoice_last)
                .select_from(named.outerjoin(self._table.table, self._table.key == named.c.onevoice_changed))
                .order_by(named.c.onevoice_last)
            )
            with reading(self._engine, self._where) as connection:
                rows = list(connection.execute(page).mappings())
            if not rows:
                return
            start = rows[-1]["onevoice_last"]
            furthest = max(furthest, start)
            records = [record for record in map(self._record, rows) if (record.key, record.version) not in self._given]
            yield Page(records=records, cursor=Keyset(version_text(furthest), "").cursor())

    def _record(self, row: sa.RowMapping) -> SourceRecord:
        if row[self._table.key.name] is not None:
            return self._table.record(row)
        version = version_text(row["onevoice_last"])
        return SourceRecord(
            stream=self._stream, key=str(row["onevoice_changed"]), version=version, data=None, deleted=True
        )
