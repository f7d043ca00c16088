"""What a connector writes: a result for each change, one effect a write, and a value that reads back (K10, K12)."""

from collections.abc import Iterator, Sequence

from onevoice.messages import Change, SourceRecord, WriteOutcome
from onevoice.sdk import RecordWriter
from onevoice.testing.contract.subject import Subject, pages

_NOBODY = "999999999"


def once(subject: Subject) -> Iterator[str]:
    """K10: N changes give N results in their order; the same change twice is one effect."""
    for writer, stream, record, change in _changes(subject):
        nobody = Change(key=_NOBODY, fields=change.fields)
        results = writer.write(stream, [change, nobody])
        if [result.key for result in results] != [change.key, _NOBODY]:
            yield f"{stream}: not one result for each change, in order"
            continue
        first, absent = results
        if first.outcome is not WriteOutcome.APPLIED:
            yield f"{stream}: a good change comes back as {first.outcome}"
            continue
        if absent.outcome not in (WriteOutcome.MISSING, WriteOutcome.REFUSED):
            yield f"{stream}: a change of a record that is not there comes back as {absent.outcome}"
        written = _one(writer.readback(stream, [record.key]))
        again = [result.outcome for result in writer.write(stream, [change])]
        # Where a change does not move the version, the system has none, and nothing can be seen to be stale.
        versioned = written is None or written.version != record.version
        if again != [WriteOutcome.CONFLICT] and (versioned or again != [WriteOutcome.APPLIED]):
            yield f"{stream}: the same change, computed on what was there before, is not a conflict the second time"
        if _one(writer.readback(stream, [record.key])) != written:
            yield f"{stream}: the same change has a second effect"


def no_echo(subject: Subject) -> Iterator[str]:
    """K12: what was written reads back as it was written, field by field, in the version that the write gave."""
    for writer, stream, record, change in _changes(subject):
        [result] = writer.write(stream, [change])
        found = _one(writer.readback(stream, [record.key]))
        if found is None or found.data is None:
            yield f"{stream}: what was written cannot be read back"
            continue
        for path, value in change.fields.items():
            if _at(found, path) != value:
                yield f"{stream}: {path} reads back otherwise than it was written"
        if result.version not in (None, found.version):
            yield f"{stream}: the write gives another version than the record then has"


def _changes(subject: Subject) -> Iterator[tuple[RecordWriter, str, SourceRecord, Change]]:
    if subject.change is None:
        return
    with subject.connected() as writer:
        if not isinstance(writer, RecordWriter):
            return
        for stream in (spec.name for spec in subject.manifest.streams.values() if spec.writable):
            records = [record for page in pages(writer, stream)[:1] for record in page.records if not record.deleted]
            for record in records:
                change = subject.change(stream, record)
                if change is not None:
                    yield writer, stream, record, change
                    break


def _one(records: Sequence[SourceRecord]) -> SourceRecord | None:
    return records[0] if records else None


def _at(record: SourceRecord, path: str) -> object:
    value: object = record.data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
