"""What a connector makes: a result for each record, one record a reference, also when the answer gets lost (K10)."""

from collections.abc import Iterator, Sequence
from uuid import uuid4

from onevoice.errors import TransientError
from onevoice.messages import Creation, CreationResult, SourceRecord, WriteOutcome
from onevoice.sdk import Json, RecordCreator, RecordFinder
from onevoice.sdk.manifest import StreamSpec
from onevoice.testing.contract.subject import Subject, at, pages
from onevoice.testing.exchanges import moved, tapped
from onevoice.testing.exchanges.fixture import addresses


def made_once(subject: Subject) -> Iterator[str]:
    """K10: N records to be made give N results in their order; the same reference again makes no second record."""
    for spec, fields in _creatable(subject):
        if not fields:
            yield f"{spec.name}: records can be made, and the examination has none to make"
            continue
        with subject.connected() as maker:
            if isinstance(maker, RecordCreator):  # else K1 says so
                yield from _made(subject, maker, spec, fields)
        yield from _answer_lost(subject, spec, fields)


def _creatable(subject: Subject) -> list[tuple[StreamSpec, Json]]:
    streams = [spec for spec in subject.manifest.streams.values() if spec.create is not None]
    return [(spec, subject.create(spec.name) if subject.create else {}) for spec in streams]


def _made(subject: Subject, maker: RecordCreator, spec: StreamSpec, fields: Json) -> Iterator[str]:
    stream, needs = spec.name, spec.create.needs if spec.create else ()
    asked = [_creation(fields), _creation(fields)]
    if needs:
        asked.insert(1, _creation({path: value for path, value in fields.items() if path not in needs}))
    before = _keys(maker, stream)
    results = maker.create(stream, asked)
    if [result.reference for result in results] != [one.reference for one in asked]:
        yield f"{stream}: not one result for each record to be made, in order"
        return
    if needs and results[1].outcome is not WriteOutcome.REFUSED:
        yield f"{stream}: a record without what the manifest says it needs comes back as {results[1].outcome}"
    good = [result for result in (results[0], results[-1]) if result.outcome is WriteOutcome.APPLIED]
    if len({result.key for result in good}) != 2 or not all(result.key for result in good):
        yield f"{stream}: two good records to be made do not come back with a key each"
        return
    found = {record.key: record for record in maker.readback(stream, [str(result.key) for result in good])}
    for result in good:
        yield from _reads_back(spec, found.get(str(result.key)), result, fields)
    again = _again(subject, maker, stream, asked[0])
    if again is not None and again != good[0].key:
        yield f"{stream}: the same reference again does not give the record that was made"
    if subject.manifest.capabilities.create != "none" and len(_keys(maker, stream) - before) != 2:
        yield f"{stream}: the same reference again makes another record"


def _reads_back(spec: StreamSpec, record: SourceRecord | None, made: CreationResult, fields: Json) -> Iterator[str]:
    if record is None or record.data is None:
        yield f"{spec.name}: what was made cannot be read back"
        return
    for path, value in fields.items():
        if at(record, path) != value:
            yield f"{spec.name}: {path} of what was made reads back otherwise"
    if spec.create and spec.create.reference and at(record, spec.create.reference) != made.reference:
        yield f"{spec.name}: {spec.create.reference} does not show the reference it was made under"


def _answer_lost(subject: Subject, spec: StreamSpec, fields: Json) -> Iterator[str]:
    """K10: the answer to a create gets lost after the system has done it; tried again, it is still one record."""
    systems = set(addresses(subject.settings.values).values())
    if len(systems) != 1 or subject.manifest.capabilities.create == "none":
        return
    [system], stream = systems, spec.name
    with tapped(system) as line, subject.connected(moved(subject.settings.values, system, line.address)) as maker:
        if not isinstance(maker, RecordCreator):
            return
        pages(maker, stream)  # the connector has its session
        counted = len(line.exchanges)
        maker.create(stream, [_creation(fields)])
        asked = len(line.exchanges) - counted
        before, one = _keys(maker, stream), _creation(fields)
        line.lose = len(line.exchanges) + asked
        try:
            said = maker.create(stream, [one])[0].outcome
        except TransientError:
            said = WriteOutcome.TRANSIENT
        if said is not WriteOutcome.TRANSIENT:
            yield f"{stream}: the answer to a create is lost, and that comes back as {said}"
        key = _again(subject, maker, stream, one)
        new = _keys(maker, stream) - before
        if new != {key}:
            yield f"{stream}: a create whose answer was lost makes another record, or is not found again"


def _again(subject: Subject, maker: RecordCreator, stream: str, one: Creation) -> str | None:
    """Return the key that a repeat gives, in the way that the connector says is safe; None where none is."""
    way = subject.manifest.capabilities.create
    if way == "lookup":
        return maker.find(stream, [one.reference]).get(one.reference) if isinstance(maker, RecordFinder) else ""
    return maker.create(stream, [one])[0].key if way != "none" else None


def _creation(fields: Json) -> Creation:
    return Creation(reference=str(uuid4()), fields=fields)


def _keys(maker: RecordCreator, stream: str) -> set[str]:
    records: Sequence[SourceRecord] = [one for page in pages(maker, stream) for one in page.records]
    return {one.key for one in records if not one.deleted}
