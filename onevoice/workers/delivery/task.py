"""One record to be brought up to date: what is owed, what to write, and what came of it."""

import hashlib
from dataclasses import dataclass, field, replace

import orjson

from onevoice.mapping.paths import put_source
from onevoice.messages import Change, Json, Lane, RecordRef, SourceRecord, Work, WriteResult
from onevoice.obligations import Due, Owed
from onevoice.workers.ingest.record import Record
from onevoice.workers.marks import Marks


@dataclass(slots=True, kw_only=True)
class Task:
    """One record to be brought up to date; its marks as they were, and as they were noted for this write.

    Attributes:
        gap: why a value cannot be written at all; empty when all can.
    """

    due: Due
    change: Change
    marks_before: Marks
    marks_sending: Marks
    gap: str


@dataclass(slots=True)
class Written:
    """What a system answered to tasks, a result each, and the records as they were read back."""

    tasks: list[Task] = field(default_factory=list)
    results: list[WriteResult] = field(default_factory=list)
    found: dict[str, SourceRecord] = field(default_factory=dict)


def task_of(due: Due, record: Record, key: str, now: Owed, marks: Marks, noted: Marks) -> Task:
    """Return the task of writing what a record is owed now."""
    return Task(
        due=due,
        change=change_of(key, record.sequence, now.fields),
        marks_before={path: marks[path] for path in now.fields if path in marks},
        marks_sending=noted,
        gap=now.gap,
    )


def ref_of(work: Work) -> RecordRef:
    """Return the record that a work is about."""
    return RecordRef(system=work.system, stream=work.stream, key=work.target)


def ahead(record: Record, marks: Marks) -> Json:
    """Return what fields of the record say by now: proven, in a version that has not come back through the door yet."""
    return {
        path: mark["written"]
        for path, mark in marks.items()
        if "written" in mark and "base" not in mark and mark["version"] > record.sequence
    }


def must_wait(record: Record, lane: Lane, fields: Json, marks: Marks, denials: Json) -> bool:
    """The last write has not come back yet, and this one is no prohibition: those wait for nothing."""
    if lane is Lane.RECORD:
        return any(mark.get("version", "") > record.sequence for mark in marks.values())
    return any(fields[path] != denials.get(path) for path in ahead(record, marks).keys() & fields.keys())


def as_written(record: Record, marks: Marks) -> Record:
    """Return the record with what its fields say by now."""
    payload = record.payload
    for path, value in ahead(record, marks).items():
        payload = put_source(payload or {}, path, value)
    return replace(record, payload=payload)


def change_of(key: str, version: str, fields: Json) -> Change:
    """Return a change on the condition of a version; the same one has the same idempotency key."""
    body = orjson.dumps([key, version, fields], option=orjson.OPT_SORT_KEYS, default=str)
    return Change(
        key=key,
        fields=fields,
        expected_version=version,
        idempotency_key=hashlib.blake2b(body, digest_size=16).hexdigest(),
    )
