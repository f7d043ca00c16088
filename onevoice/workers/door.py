"""The door that readers and pushes share: numbers the readings, publishes with confirm, remembers what is safe.

A number is committed before its message is published and marked confirmed after, so that a crash in between
publishes the same envelope again, never none. A record that cannot be published waits in quarantine, so that it does
not hold up its neighbours.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection

from onevoice.bus import RECORDS_QUEUE, URGENT_QUEUE, Bus
from onevoice.messages import Envelope, RecordRef, SourceRecord
from onevoice.store import Store, rows_by_keys, update_rows, upsert
from onevoice.store.tables import reading
from onevoice.workers.catalog import Catalog
from onevoice.workers.door_check import Checked, check
from onevoice.workers.ingest.set_aside import keep

_KEY = ("system", "stream", "key")
Numbered: TypeAlias = list[tuple[Checked, dict[str, Any]]]
"""Records that are news, each with the row of its reading."""

MOST_WAITING = 50_000
"""Messages that wait to be taken in from which doors refuse more and pollers pause: minutes of work, not hours."""
_ENVELOPES = uuid.UUID("0197a000-0000-7000-8000-656e76656c6f")


@dataclass(frozen=True, slots=True)
class Door:
    """Takes source records of one system at a time onto the bus."""

    store: Store
    bus: Bus
    catalog: Catalog

    def publish(
        self, system: str, records: Sequence[SourceRecord], *, initial: bool = False, cause: str | None = None
    ) -> int:
        """Publish what is news; returns how many that were. What cannot be published is set aside with the reason.

        Args:
            initial: a first load: nothing in it is urgent.
            cause: id of the message or delivery that brought the read about.

        Raises:
            TransientError: the store or the bus did not take all of it; publish the same records again.
        """
        good, bad = check(system, records)
        if bad:
            with self.store.transaction() as connection:
                keep(connection, bad)
        sent = 0
        for some in one_version_each(good):
            with self.store.transaction() as connection:
                numbered = number(connection, system, some)
            sent += self.send(system, numbered, initial=initial, cause=cause)
        return sent

    def number(self, connection: Connection, system: str, records: Sequence[SourceRecord]) -> Numbered:
        """Do the first half of `publish` in the caller's transaction; once that has committed, `send` does the other.

        Args:
            records: no two of one key.
        """
        good, bad = check(system, records)
        keep(connection, bad)
        return number(connection, system, good)

    def send(self, system: str, numbered: Numbered, *, initial: bool = False, cause: str | None = None) -> int:
        """Publish what was numbered; returns how many that were.

        Raises:
            TransientError: as `publish`.
        """
        now = datetime.now(UTC)
        envelopes = [
            envelope_of(
                system,
                one.record,
                row,
                now=now,
                urgent=not initial and self.catalog.is_urgent(system, one.record.stream, one.record.data),
                cause=cause,
            )
            for one, row in numbered
        ]
        if not envelopes:
            return 0
        self.bus.publish_records(envelopes)
        with self.store.transaction() as connection:
            confirm(connection, numbered)
        return len(envelopes)


def records_waiting(bus: Bus) -> int:
    """Return how many messages wait to be taken in.

    Raises:
        TransientError: the bus does not answer.
    """
    return bus.depth(RECORDS_QUEUE) + bus.depth(URGENT_QUEUE)


def envelope_of(
    system: str,
    record: SourceRecord,
    row: Mapping[str, Any],
    *,
    now: datetime,
    urgent: bool = False,
    cause: str | None = None,
) -> Envelope:
    """Return the envelope of a record that was numbered; the same reading always has the same id."""
    ref = RecordRef(system=system, stream=record.stream, key=record.key)
    identity = f"{ref}|{record.version}|{row['number']}|{row['content_hash']}"
    return Envelope(
        id=str(uuid.uuid5(_ENVELOPES, identity)),
        system=system,
        stream=record.stream,
        key=record.key,
        time=now,
        sequence=record.version,
        reading=row["number"],
        data=record.data,
        deleted=record.deleted,
        urgent=urgent,
        causation_id=cause,
    )


_NUMBERED = (*_KEY, "version", "number")
_NEVER_READ = {"version": "", "content_hash": "", "number": 0, "confirmed": False}  # no record's version is empty


def one_version_each(records: Sequence[Checked]) -> list[list[Checked]]:
    """Split records so that no part holds two versions of one key; older versions go first, none is left out."""
    rounds: list[dict[tuple[str, str], Checked]] = []
    for one in sorted(records, key=lambda c: c.record.version):
        key = (one.record.stream, one.record.key)
        free = next((some for some in rounds if key not in some), None)
        if free is None:
            rounds.append(free := {})
        free[key] = one
    return [list(some.values()) for some in rounds]


def number(connection: Connection, system: str, records: Sequence[Checked]) -> Numbered:
    """Give each record its reading number; what was confirmed before with the same content is left out.

    Two that publish the same key at once take turns: each inserts what is missing, in one order, and then holds all.
    """
    keys = sorted((system, one.record.stream, one.record.key) for one in records)
    upsert(connection, reading, [dict(zip(_KEY, key, strict=True)) | _NEVER_READ for key in keys], key=_KEY)
    rows = rows_by_keys(connection, reading, list(reading.c), key=_KEY, keys=keys, lock=True)
    last = {(row.stream, row.key): row for row in rows}
    numbered = []
    for one in records:
        record, row = one.record, last[one.record.stream, one.record.key]
        number = 0
        if row.version == record.version:
            if row.content_hash == one.digest and row.confirmed:
                continue
            number = row.number if row.content_hash == one.digest else row.number + 1
        fresh = {
            "system": system,
            "stream": record.stream,
            "key": record.key,
            "version": record.version,
            "content_hash": one.digest,
            "number": number,
            "confirmed": False,
        }
        numbered.append((one, fresh))
    newest = [row for _, row in numbered if last[row["stream"], row["key"]].version <= row["version"]]
    update_rows(connection, reading, newest, key=_KEY)
    return numbered


def confirm(connection: Connection, numbered: Numbered) -> None:
    """Mark as safe what is still the last reading of its key; a later one has its own confirm."""
    as_numbered = [{name: row[name] for name in _NUMBERED} | {"confirmed": True} for _, row in numbered]
    update_rows(connection, reading, as_numbered, key=_NUMBERED)
