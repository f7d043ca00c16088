"""Sync: read what changed in one stream of one system and put it on the bus, under a lease.

The callers are the built-in scheduler, Airflow and the command line. The cursor moves only over what the bus has
confirmed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from onevoice.contracts import Mode
from onevoice.errors import ConfigurationError, RefusedError, TransientError
from onevoice.messages import Json
from onevoice.sdk import Page, Reader
from onevoice.store import Lease, Store, upsert
from onevoice.store.tables import source_record, stream_state
from onevoice.workers.door import MOST_WAITING, Door, records_waiting
from onevoice.workers.drift import has_drifted
from onevoice.workers.lacking import Lacking
from onevoice.workers.systems import READ, Systems

LEASE_SECONDS = 60.0
DELETE_THRESHOLD = 0.05
"""Share of a stream that may vanish in one reconciliation without a person looking at it."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one sync or reconciliation did; `busy` when somebody else was at it."""

    system: str
    stream: str
    read: int = 0
    published: int = 0
    deleted: int = 0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Sync:
    """Reads streams onto the bus."""

    store: Store
    door: Door
    systems: Systems
    worker: str
    lacking: Lacking
    most_waiting: int = MOST_WAITING

    def sync(self, system: str, stream: str, *, progress: Progress | None = None) -> SyncReport:
        """Read what changed since the cursor.

        Raises:
            ConfigurationError: the system cannot be read, or has no such stream.
            RefusedError: the stream is frozen, and its records have come to differ from its schema.
            OperatorError: it does not let us in; it is parked.
            TransientError: it, the bus or the store is away, or too many messages wait; the next run goes on where this
                one stopped.
        """
        return self._run(system, stream, from_start=False, approved=False, progress=progress)

    def reconcile(
        self, system: str, stream: str, *, approve_deletes: bool = False, progress: Progress | None = None
    ) -> SyncReport:
        """Read the whole stream, publish what differs, and find out what is gone.

        A record is deleted only when a complete enumeration lacks it and a direct look-up confirms that.

        Raises:
            RefusedError: more records vanished than may without a person's approval; none was deleted. Or as `sync`.
        """
        return self._run(system, stream, from_start=True, approved=approve_deletes, progress=progress)

    def _run(
        self, system: str, stream: str, *, from_start: bool, approved: bool, progress: Progress | None
    ) -> SyncReport:
        if self.door.catalog.streams.get((system, stream)) is None:
            raise ConfigurationError(f"system {system} has no stream {stream}; see 'onevoice status'")
        self._check_frozen(system, stream)
        reader = self.systems.connector(system, "read")
        if not isinstance(reader, Reader):
            raise ConfigurationError(f"system {system} cannot be read: it pushes by itself")
        lease = Lease.take(self.store, f"sync:{system}:{stream}", self.worker, seconds=LEASE_SECONDS)
        if lease is None:
            return SyncReport(system=system, stream=stream, busy=True)
        try:
            if from_start:
                return self._enumerate(reader, system, stream, lease, approved, progress)
            return self._read(reader, system, stream, lease, progress)
        finally:
            lease.release(self.store)

    def _check_frozen(self, system: str, stream: str) -> None:
        catalog = self.door.catalog
        if catalog.stream(system, stream).mode is not Mode.FREEZE:
            return
        with self.store.transaction() as connection:
            if has_drifted(connection, catalog, system, stream):
                raise RefusedError(
                    f"system {system}, stream {stream}: frozen, and its records are not what its schema says; look at "
                    f"'onevoice drift list', then mend the schema or the system"
                )

    def _read(self, reader: Reader, system: str, stream: str, lease: Lease, progress: Progress | None) -> SyncReport:
        cursor = self._begin(system, stream, lease)
        read = published = 0
        for page in self._pages(reader, system, stream, cursor):
            read += len(page.records)
            self._pause_while_too_many_wait(system, stream)
            news = self.door.publish(system, page.records, initial=cursor is None)
            published += news
            self._note(system, stream, lease, {"cursor": page.cursor}, count=news)
            if progress is not None:
                progress(len(page.records))
        now = datetime.now(UTC)
        # A first read that went through saw the whole stream: the next enumeration is an interval away.
        done = ("succeeded_at", "reconciled_at") if cursor is None else ("succeeded_at",)
        self._note(system, stream, lease, dict.fromkeys(done, now))
        return SyncReport(system=system, stream=stream, read=read, published=published)

    def _pause_while_too_many_wait(self, system: str, stream: str) -> None:
        if records_waiting(self.door.bus) > self.most_waiting:
            raise TransientError(
                f"system {system}, stream {stream}: too many messages wait to be taken in; the next poll reads on here"
            )

    def _pages(self, reader: Reader, system: str, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the pages; only reading itself is contact with the system, what becomes of a page is not."""
        pages = reader.read(stream, cursor)
        while True:
            with self.systems.contact(system, READ):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _enumerate(
        self, reader: Reader, system: str, stream: str, lease: Lease, approved: bool, progress: Progress | None
    ) -> SyncReport:
        self._begin(system, stream, lease)
        read = published = 0
        seen: set[str] = set()
        for page in self._pages(reader, system, stream, None):
            read += len(page.records)
            news = self.door.publish(system, page.records)
            published += news
            self._note(system, stream, lease, {}, count=news)
            seen.update(r.key for r in page.records if not r.deleted)
            if progress is not None:
                progress(len(page.records))
        deleted = self._delete_absent(reader, system, stream, seen, approved)
        self.lacking.owe(system, stream)
        self._note(system, stream, lease, {"reconciled_at": datetime.now(UTC)})
        return SyncReport(system=system, stream=stream, read=read, published=published, deleted=deleted)

    def _begin(self, system: str, stream: str, lease: Lease) -> Json | None:
        with self.store.transaction() as connection:
            lease.hold(connection)
            _update(connection, system, stream, {"started_at": datetime.now(UTC)})
            statement = select(stream_state.c.cursor).where(
                stream_state.c.system == system, stream_state.c.stream == stream
            )
            cursor: Json | None = connection.execute(statement).scalar_one()
            return cursor

    def _note(self, system: str, stream: str, lease: Lease, values: dict[str, object], *, count: int = 0) -> None:
        with self.store.transaction() as connection:
            lease.hold(connection)
            _update(connection, system, stream, values, count=count)

    def _delete_absent(self, reader: Reader, system: str, stream: str, seen: set[str], approved: bool) -> int:
        with self.store.transaction() as connection:
            statement = select(source_record.c.key).where(
                source_record.c.system == system,
                source_record.c.stream == stream,
                source_record.c.deleted.is_(False),
            )
            held = set(connection.execute(statement).scalars())
        if self.door.catalog.stream(system, stream).also:
            held = {key for key in held if "#" not in key}  # what a record gives besides itself comes and goes with it
        absent = sorted(held - seen)
        with self.systems.contact(system, READ):
            gone = [r for r in reader.readback(stream, absent) if r.deleted] if absent else []
        if not approved and len(gone) > max(1, int(len(held) * DELETE_THRESHOLD)):
            raise RefusedError(
                f"system {system}, stream {stream}: {len(gone)} of {len(held)} records are gone, more than "
                f"{DELETE_THRESHOLD:.0%}; look at the system, then 'onevoice reconcile {system} --approve-deletes'"
            )
        return self.door.publish(system, gone)


def _update(connection: Connection, system: str, stream: str, values: dict[str, object], *, count: int = 0) -> None:
    row = {
        "system": system,
        "stream": stream,
        "cursor": None,
        "started_at": None,
        "succeeded_at": None,
        "reconciled_at": None,
        "records_published": count,
    }
    upsert(
        connection,
        stream_state,
        [row | values],
        key=("system", "stream"),
        update=list(values),
        expressions={"records_published": f"stream_state.records_published + {count}"},
    )
