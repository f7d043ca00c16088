"""Write: hand tasks to a system, exactly one answer a task; a prohibition insists where the record has changed."""

from collections.abc import Sequence
from dataclasses import replace

from onevoice.errors import RecordError, RefusedError, TransientError
from onevoice.messages import Json, Lane, Permission, WriteOutcome, WriteResult
from onevoice.sdk import RecordWriter
from onevoice.workers.catalog import Stream
from onevoice.workers.delivery.task import Task, change_of


def written_by(writer: RecordWriter, stream: str, tasks: Sequence[Task]) -> list[WriteResult]:
    """Return exactly one result a task; a refusal of the whole call is one of each task."""
    try:
        results = writer.write(stream, [task.change for task in tasks])
    except RefusedError as error:
        return [WriteResult(key=t.change.key, outcome=WriteOutcome.REFUSED, reason=str(error)) for t in tasks]
    if [r.key for r in results] != [t.change.key for t in tasks]:
        raise RecordError(f"stream {stream}: the connector does not answer each change with its own result")
    return results


def insisted(
    stream: Stream, writer: RecordWriter, tasks: Sequence[Task], results: Sequence[WriteResult]
) -> tuple[list[Task], list[WriteResult]]:
    """Write the prohibitions again whose record changed meanwhile: on what it says now, then without a condition.

    What says no by now is left out: that is the system's own word. So is all that says no prohibition; it can wait.
    """
    tasks, results = list(tasks), list(results)
    denials = denials_of(stream)
    for conditional in (True, False):
        held_up = [at for at, result in enumerate(results) if result.outcome is WriteOutcome.CONFLICT]
        keys = [tasks[at].change.key for at in held_up]
        found = {record.key: record for record in writer.readback(stream.name, keys)} if keys else {}
        again = []
        for at in held_up:
            record = found.get(tasks[at].change.key)
            if record is None or record.data is None:
                continue
            fields = {
                path: value
                for path, value in tasks[at].change.fields.items()
                if value == denials.get(path) and stream.mapping.read_source(record.data, path) != value
            }
            if fields:
                change = change_of(record.key, record.version, fields)
                tasks[at] = replace(tasks[at], change=change if conditional else replace(change, expected_version=None))
                again.append(at)
        try:
            answers = written_by(writer, stream.name, [tasks[at] for at in again]) if again else []
        except TransientError:
            break  # those stay held up, and the others are written: all are redone or proven as what they are
        for at, result in zip(again, answers, strict=True):
            results[at] = result
    return tasks, results


def denials_of(stream: Stream) -> Json:
    """Return what each consent field of the stream says when it says no."""
    return stream.mapping.to_source({}, dict.fromkeys(stream.mapping.acts, Permission.DENIED), Lane.SUPPRESSION)
