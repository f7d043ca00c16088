"""What a connector writes: a result for each change, one effect a write, and a value that reads back (K10, K12)."""

from collections.abc import Iterator, Sequence

from onevoice.errors import TransientError
from onevoice.messages import Change, SourceRecord, WriteOutcome
from onevoice.sdk import RecordWriter
from onevoice.testing.contract.making import made_once
from onevoice.testing.contract.subject import Subject, at, pages
from onevoice.testing.exchanges import moved, tapped
from onevoice.testing.exchanges.fixture import addresses

_NOBODY = "999999999"


def once(subject: Subject) -> Iterator[str]:
    """K10: N changes give N results in their order; the same change twice is one effect, its answer lost or not."""
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
    yield from answer_lost(subject)
    if subject.change is not None:
        yield from made_once(subject)


def answer_lost(subject: Subject) -> Iterator[str]:
    """K10: the answer to a write gets lost after the system has done it; tried again, it is still one effect."""
    systems = set(addresses(subject.settings.values).values())
    if subject.change is None or len(systems) != 1:
        return
    [system] = systems
    for stream in (spec.name for spec in subject.manifest.streams.values() if spec.writable):
        asked = _requests_of_a_write(subject, system, stream)
        with tapped(system) as line, subject.connected(moved(subject.settings.values, system, line.address)) as writer:
            found = _changeable(subject, writer, stream)
            if asked == 0 or found is None or not isinstance(writer, RecordWriter):
                continue
            record, change = found
            before = {one.key for page in pages(writer, stream) for one in page.records}
            line.lose = len(line.exchanges) + asked
            try:
                said = writer.write(stream, [change])[0].outcome
            except TransientError:
                said = WriteOutcome.TRANSIENT
            if said is not WriteOutcome.TRANSIENT:
                yield f"{stream}: the answer to a write is lost, and that comes back as {said}"
            [again] = writer.write(stream, [change])
            if again.outcome not in (WriteOutcome.APPLIED, WriteOutcome.CONFLICT):
                yield f"{stream}: a write whose answer was lost comes back as {again.outcome} the second time"
            standing = _one(writer.readback(stream, [record.key]))
            if standing is None or any(at(standing, path) != value for path, value in change.fields.items()):
                yield f"{stream}: a write whose answer was lost does not read back"
            if {one.key for page in pages(writer, stream) for one in page.records} != before:
                yield f"{stream}: a write whose answer was lost makes another record"


def _requests_of_a_write(subject: Subject, system: str, stream: str) -> int:
    """Return how many requests a write takes, once the connector has its session."""
    with tapped(system) as line, subject.connected(moved(subject.settings.values, system, line.address)) as writer:
        found = _changeable(subject, writer, stream)
        if found is None or not isinstance(writer, RecordWriter):
            return 0
        before = len(line.exchanges)
        writer.write(stream, [found[1]])
        return len(line.exchanges) - before


def _changeable(subject: Subject, writer: object, stream: str) -> tuple[SourceRecord, Change] | None:
    if not isinstance(writer, RecordWriter) or subject.change is None:
        return None
    for record in (one for page in pages(writer, stream)[:1] for one in page.records if not one.deleted):
        change = subject.change(stream, record)
        if change is not None:
            return record, change
    return None


def no_echo(subject: Subject) -> Iterator[str]:
    """K12: what was written reads back as it was written, field by field, in the version that the write gave."""
    for writer, stream, record, change in _changes(subject):
        [result] = writer.write(stream, [change])
        found = _one(writer.readback(stream, [record.key]))
        if found is None or found.data is None:
            yield f"{stream}: what was written cannot be read back"
            continue
        for path, value in change.fields.items():
            if at(found, path) != value:
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
