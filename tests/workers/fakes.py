"""Stand-ins for what is outside the hub: a bus in memory and systems that keep records in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from onevoice.bus import Delivery
from onevoice.bus.envelope import envelope_json
from onevoice.bus.topology import routing_key
from onevoice.errors import TransientError
from onevoice.mapping.paths import put_source
from onevoice.messages import (
    Change,
    Creation,
    CreationResult,
    Envelope,
    Event,
    Json,
    ListEntry,
    SourceRecord,
    Work,
    WriteOutcome,
    WriteResult,
)
from onevoice.sdk import Connector, Page
from onevoice.workers.systems import Systems


def delivery_of(envelope: Envelope, **changes: Any) -> Delivery:
    """The envelope as a consumer would be handed it."""
    values: dict[str, Any] = {
        "body": envelope_json(envelope),
        "routing_key": routing_key(envelope.system, envelope.stream),
        "user_id": None,
        "redelivered": 0,
        "tag": None,
    }
    return Delivery(**(values | changes))


@dataclass
class MemoryBus:
    """Keeps what was published; `broken` makes it refuse."""

    records: list[Envelope] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    broken: bool = False

    def publish_records(self, envelopes: Sequence[Envelope]) -> None:
        if self.broken:
            raise TransientError("bus: away")
        for envelope in envelopes:
            envelope_json(envelope)
        self.records.extend(envelopes)

    def publish_work(self, work: Sequence[Work]) -> None:
        if self.broken:
            raise TransientError("bus: away")
        self.work.extend(work)

    def publish_events(self, events: Sequence[Event]) -> None:
        if self.broken:
            raise TransientError("bus: away")
        self.events.extend(events)

    def depth(self, _queue: str) -> int:
        return len(self.records)

    def taken_records(self) -> list[Envelope]:
        """What waits, in order; then nothing waits."""
        taken, self.records = self.records, []
        return taken

    def taken_work(self) -> list[Work]:
        taken, self.work = self.work, []
        return taken


class FakeSystem:
    """A system with versioned records that takes conditional writes; each write moves a record's version on.

    `answers` are what the next calls of `write` do before, or instead of, their work.
    """

    def __init__(self, version_field: str, key_field: str) -> None:
        self.records: dict[str, Json] = {}
        self.writes: list[Change] = []
        self.answers: list[Callable[[Sequence[Change]], list[WriteResult] | None]] = []
        self.after_write: list[Callable[[], None]] = []
        self._version_field = version_field
        self._key_field = key_field
        self._clock = datetime(2026, 7, 1, tzinfo=UTC)

    def tick(self) -> str:
        self._clock += timedelta(seconds=1)
        return self._clock.isoformat(timespec="microseconds").replace("+00:00", "Z")

    def put(self, data: Json) -> SourceRecord:
        """What somebody does in the system itself; gives the record as a reader would."""
        stamped = data | {self._version_field: self.tick()}
        self.records[str(data[self._key_field])] = stamped
        return self.record("", str(data[self._key_field]))

    def change(self, key: str, **fields: Any) -> SourceRecord:
        return self.put(self.records[key] | fields)

    def record(self, stream: str, key: str) -> SourceRecord:
        data = self.records.get(key)
        if data is None:
            return SourceRecord(stream=stream, key=key, version=self.tick(), data=None, deleted=True)
        return SourceRecord(stream=stream, key=key, version=data[self._version_field], data=dict(data))

    def check(self) -> None: ...

    def close(self) -> None: ...

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        records = [self.record(stream, key) for key in self.records]
        yield Page(records=records, cursor={"after": self.tick()})

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        return [self.record(stream, key) for key in keys]

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        self.writes.extend(changes)
        answer = self.answers.pop(0)(changes) if self.answers else None
        return answer if answer is not None else [self.apply(change) for change in changes]

    def apply(self, change: Change) -> WriteResult:
        data = self.records.get(change.key)
        if data is None:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING)
        if change.expected_version not in (None, data[self._version_field]):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT)
        self.change(change.key, **change.fields)
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED)


class Making(FakeSystem):
    """A system in which records can be made: a repeat under one reference makes no second one.

    `creations` are what the next calls of `create` do before, or instead of, their work; `shows` is the field in which
    a record shows its reference, if any does. `forgets` leaves a repeat to make a second record.
    """

    def __init__(self, version_field: str, key_field: str, *, shows: str | None = None, forgets: bool = False) -> None:
        super().__init__(version_field, key_field)
        self.creates: list[Creation] = []
        self.creations: list[Callable[[Sequence[Creation]], list[CreationResult] | None]] = []
        self.made: dict[str, str] = {}
        self.defaults: Json = {}
        self._shows, self._forgets = shows, forgets

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        self.creates.extend(creations)
        answer = self.creations.pop(0)(creations) if self.creations else None
        return answer if answer is not None else [self.make(one) for one in creations]

    def make(self, one: Creation) -> CreationResult:
        if self._forgets or one.reference not in self.made:
            key = f"N{len(self.records)}"
            data = self.defaults | {self._key_field: key}
            for path, value in one.fields.items():
                data = put_source(data, path, value)
            self.put(data | ({self._shows: one.reference} if self._shows else {}))
            self.made[one.reference] = key
        return CreationResult(reference=one.reference, outcome=WriteOutcome.APPLIED, key=self.made[one.reference])

    def lose(self, creations: Sequence[Creation]) -> list[CreationResult]:
        """The target commits; its answer never arrives."""
        for one in creations:
            self.make(one)
        raise TransientError("the answer got lost")


class Finding(Making):
    """One that makes a second record at a repeat, and can be asked for what it made."""

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        return {one: self.made[one] for one in references if one in self.made}


class FakeLists:
    """A system that takes lists whole; `loads` says whether it has them in force at once."""

    def __init__(self) -> None:
        self.handed: list[list[ListEntry]] = []
        self.in_force: frozenset[tuple[str, str, str]] | None = None
        self.loads = True

    def check(self) -> None: ...

    def close(self) -> None: ...

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        self.handed.append(list(entries))
        if self.loads:
            self.in_force = frozenset((e.channel, e.point, e.purpose) for e in entries)

    def readback_list(self, name: str) -> frozenset[tuple[str, str, str]] | None:
        return self.in_force


class FakeSystems(Systems):
    """The account of the systems is the real one; the connectors are given."""

    given: dict[str, Connector]

    def connector(self, system: str, purpose: str) -> Connector:
        return self.given[system]


def outcome(kind: WriteOutcome, reason: str = "") -> Callable[[Collection[Change]], list[WriteResult]]:
    """An answer that applies nothing and says `kind` of each change."""
    return lambda changes: [WriteResult(key=change.key, outcome=kind, reason=reason) for change in changes]


def failure(error: Exception) -> Callable[[Sequence[Change]], list[WriteResult]]:
    def answer(_changes: Sequence[Change]) -> list[WriteResult]:
        raise error

    return answer
