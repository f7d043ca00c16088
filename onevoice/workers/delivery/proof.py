"""Prove: compare what was sent with what the system gives back, and keep the marks in step with it."""

from sqlalchemy import Connection

from onevoice.consent.holdings import act_of
from onevoice.errors import RecordError
from onevoice.messages import Act, Json, Lane, SourceRecord, WriteOutcome, WriteResult
from onevoice.obligations import Owed
from onevoice.store import rows_by_keys
from onevoice.store.tables import act
from onevoice.workers.catalog import Stream
from onevoice.workers.delivery.failure import SOON_SECONDS
from onevoice.workers.delivery.task import Task, ref_of
from onevoice.workers.ingest.record import Record
from onevoice.workers.marks import Marks, otherwise, proven, sending

_ACT_SOURCE = ("source_system", "source_stream", "source_key")


def noted_for(record: Record, owed_now: Owed, marks: Marks, denials: Json) -> Marks:
    """Return the marks of the fields that are about to be sent."""
    base = record.sequence, record.reading
    return {
        path: sending(
            marks.get(path, {}),
            value,
            replaced=owed_now.replaced[path],
            base=base,
            denies=[denials[path]] if path in denials else [],
        )
        for path, value in owed_now.fields.items()
    }


def unsend(task: Task, marks: Marks) -> None:
    """Take back the note of what the system refused: should it say the same one day, it says so by itself."""
    for path, value in task.change.fields.items():
        mark = marks.get(path)
        if mark is not None and "base" in mark and mark["sent"] == value:
            del marks[path]
            if path in task.marks_before:
                marks[path] = task.marks_before[path]


def unsend_held_up(task: Task, result: WriteResult, marks: Marks) -> None:
    """Take back the note of the consent fields that certainly were not written, unless more was learned meanwhile."""
    for path, noted in task.marks_sending.items():
        written = path in task.change.fields and result.outcome is not WriteOutcome.CONFLICT
        if "denies" in noted and not written and marks.get(path) == noted:
            del marks[path]
            if path in task.marks_before:
                marks[path] = task.marks_before[path]


def not_its_own(connection: Connection, stream: Stream, task: Task, found: SourceRecord, marks: Marks) -> list[Act]:
    """Return the acts that ingest made of the hub's own "no", where a read overtook the proof; the marks learn of it.

    A write that the system took on a condition is the first thing said after the version it was computed on; so the
    earliest such act is the hub's own word, and what stood in the field before is still owed back should it be.
    """
    base = task.change.expected_version
    consent = {path: noted for path, noted in task.marks_sending.items() if "denies" in noted and path in marks}
    if base is None or not consent or found.data is None:
        return []
    names = {
        sources[0]: name for name, sources in stream.mapping.origins.items() if name.startswith("acts[") and sources
    }
    ref = ref_of(task.due.work)
    rows = rows_by_keys(connection, act, list(act.c), key=_ACT_SOURCE, keys=[(ref.system, ref.stream, ref.key)])
    overtook = []
    for path, noted in consent.items():
        marks[path] = {**marks[path], "replaced": noted["replaced"]}
        made = [
            row
            for row in rows
            if row.superseded_at is None
            and f"acts[{row.evidence.get('observed')}]" == names.get(path)
            and row.evidence["version"] > base
        ]
        if made:
            overtook.append(act_of(min(made, key=lambda row: (row.evidence["version"], row.id))))
    return overtook


def prove(
    stream: Stream, task: Task, result: WriteResult, found: SourceRecord | None, marks: Marks
) -> tuple[str, str, float] | None:
    """Compare what was sent with what the system gives back, and mark it; returns (reason, state, seconds) if wrong.

    Something else is the system's form of what was written only in the very version that the write made. In any other
    it may be what somebody typed after the write: that is no echo, and the write is redone on it.
    """
    if found is None or found.data is None:
        return f"system {stream.system}: the record cannot be read back", "refused", 0.0
    ours = result.version is not None and result.version == found.version
    kept_otherwise: list[str] = []
    changed: list[str] = []
    rendered: Json | None = None
    for path, sent in task.change.fields.items():
        given = stream.mapping.read_source(found.data, path)
        mark = marks.pop(path, {})
        if given != sent and rendered is None:
            rendered = _rendered(stream, found.data)
        same = given == sent or (rendered or {}).get(path, given) == sent
        after: Json | None
        if same or ours:
            # Written without a condition: what stood there may have been somebody's own no, so it is not given back.
            known = mark if task.change.expected_version is not None else {**mark, "replaced": sent}
            after = proven(known, sent, written=given, version=found.version)
        else:
            after = otherwise(mark, task.marks_before.get(path, {}), sent, given=given, version=found.version)
        if after is not None:
            marks[path] = after
        if not same:
            (changed if after is None or "otherwise" in after else kept_otherwise).append(path)
    if changed:
        names = ", ".join(sorted(changed))
        reason = f"system {stream.system}: says otherwise than written; redone on what it says now: {names}"
        return reason, "due", SOON_SECONDS
    if kept_otherwise:
        names = ", ".join(sorted(kept_otherwise))
        return f"system {stream.system}: reads back otherwise than written: {names}", "refused", 0.0
    return None


def _rendered(stream: Stream, data: Json) -> Json:
    try:
        return stream.mapping.to_source(stream.mapping.to_canonical(data).canonical, {}, Lane.RECORD, data=data)
    except RecordError:
        return {}
