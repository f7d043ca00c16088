"""What a connector reads: errors by class, sound records, and a cursor that survives a kill (K3, K5 to K8, K14)."""

import logging
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any

import orjson

from onevoice.errors import OperatorError, RecordError, TransientError
from onevoice.mapping import compile_mapping
from onevoice.messages import SourceRecord
from onevoice.sdk import version_text
from onevoice.sdk.exchange import Limits, limited
from onevoice.testing.contract.paper import all_mapped
from onevoice.testing.contract.subject import MOST_PAGES, Subject, pages

_MARK = "spoilt.person@example.com"
AT_ONCE = Limits(again_seconds=(0.0, 0.0))
"""For a system that is known to be away: what fails in passing is not waited for."""

_SHORTEST = 6  # shorter values stand in too many words by chance


def classified(subject: Subject) -> Iterator[str]:
    """K3: `check` passes where all is well; refused secrets ask for a person; what is not reached is tried again."""
    with subject.connected() as connector:
        try:
            connector.check()
        except Exception as error:  # noqa: BLE001 - the kind of it is the finding
            yield f"check fails on a system that is there: {type(error).__name__}"
    if subject.wrong_secrets is not None:
        yield from _ends_in(subject, "refused secrets", (OperatorError,), secrets=subject.wrong_secrets)
    if subject.unreachable is not None:
        allowed = (TransientError, OperatorError)
        yield from _ends_in(subject, "a system that is not there", allowed, values=subject.unreachable)


def _ends_in(
    subject: Subject,
    what: str,
    allowed: tuple[type[Exception], ...],
    values: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> Iterator[str]:
    try:
        with limited(AT_ONCE), subject.connected(values, secrets) as connector:
            connector.check()
    except allowed:
        return
    except Exception as error:  # noqa: BLE001 - the kind of it is the finding
        yield f"{what}: ends in {type(error).__name__}"
    else:
        yield f"{what}: check passes"


def sound(subject: Subject) -> Iterator[str]:
    """K5: keys are there, one version once; versions sort; the payload is JSON and fits the source schema."""
    for stream, records in _read(subject):
        contract, _ = subject.contracts(stream)
        seen: set[tuple[str, str]] = set()
        for record in records:
            if not record.key or not record.version or record.stream != stream:
                yield f"{stream}: a record without key or version, or of another stream"
            elif record.version != version_text(record.version):
                yield f"{stream}: a version that does not sort as text"
            if (record.key, record.version) in seen:
                yield f"{stream}: one version of a record comes twice"
            seen.add((record.key, record.version))
            yield from _payload(stream, record, contract)


def _payload(stream: str, record: SourceRecord, contract: Any) -> Iterator[str]:
    if record.deleted != (record.data is None):
        yield f"{stream}: a record is deleted and has data, or neither"
    if record.data is None:
        return
    try:
        if orjson.loads(orjson.dumps(record.data)) != record.data:
            yield f"{stream}: a payload changes on its way through JSON"
        contract.check(record.data)
    except TypeError:
        yield f"{stream}: a payload that is no JSON"
    except RecordError as error:
        yield f"{stream}: does not fit its schema: {error}"


def mapped(subject: Subject) -> Iterator[str]:
    """K6: every source field is mapped or ignored with a reason, and what is read becomes a canonical record."""
    yield from all_mapped(subject)
    for stream, records in _read(subject):
        source, canonical = subject.contracts(stream)
        file = subject.files()[stream]
        mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=subject.region)
        slots = [
            (compile_mapping(slot, source=source.schema, canonical=shape.schema, region=subject.region), shape)
            for slot in file.also.values()
            for shape in (subject.canonical(slot.to),)
        ]
        for record in records:
            if record.data is None:
                continue
            try:
                if (mapping.key(record.data), mapping.version(record.data)) != (record.key, record.version):
                    yield f"{stream}: key or version differ between connector and mapping"
                canonical.check(mapping.to_canonical(record.data).canonical)
                for slot, shape in slots:
                    for _, _, given in slot.records(record.data):
                        shape.check(given.canonical)
            except RecordError as error:
                yield f"{stream}: a record that is read cannot be mapped: {error}"


def resumed(subject: Subject) -> Iterator[str]:
    """K7: a read that is killed after any page goes on from its cursor and misses nothing."""
    if subject.manifest.kind == "amqp":
        yield from taken_when_safe(subject)
        return
    with subject.reading() as streams:
        for reader, stream in streams:
            found = pages(reader, stream)
            everything = {record.key for page in found for record in page.records}
            before: set[str] = set()
            for at, page in enumerate(found):
                before |= {record.key for record in page.records}
                after = {record.key for later in pages(reader, stream, page.cursor) for record in later.records}
                missing = everything - before - after
                if missing and len(found) < MOST_PAGES:
                    yield f"{stream}: killed after page {at + 1} of {len(found)}, {len(missing)} record(s) are missed"


def taken_when_safe(subject: Subject) -> Iterator[str]:
    """What was read off a queue and is not yet safe comes again."""
    with subject.reading() as streams:
        for reader, stream in streams:
            reading = iter(reader.read(stream, None))
            first = next(reading, None)
            getattr(reading, "close", lambda: None)()
            if first is None:
                yield f"{stream}: there is no message to try it on"
                return
            again = {one.key for page in pages(reader, stream) for one in page.records}
            if not {one.key for one in first.records} <= again:
                yield f"{stream}: messages are taken before they are safe: a reader that dies loses them"


def ended(subject: Subject) -> Iterator[str]:
    """K8: a read ends, no page comes twice, and reading on from the end brings nothing that was not read before."""
    with subject.reading() as streams:
        for reader, stream in streams:
            found = pages(reader, stream)
            shapes = [[(record.key, record.version) for record in page.records] for page in found]
            if any(one and one == two for one, two in pairwise(shapes)):
                yield f"{stream}: a page comes twice in a row"
            if len(found) == MOST_PAGES or not found:
                continue
            known = {one for shape in shapes for one in shape}
            later = pages(reader, stream, found[-1].cursor)
            if {(record.key, record.version) for page in later for record in page.records} - known:
                yield f"{stream}: reading on from the end brings what the first read did not have"


def silent(subject: Subject) -> Iterator[str]:
    """K14: nothing that is read stands in a log line, or in the reason for which a record would be set aside.

    The libraries' own lines are listened to at their most talkative.
    """
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root = logging.getLogger()
    listener, level = Listener(), root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        read = list(_read(subject))
    finally:
        root.removeHandler(listener)
        root.setLevel(level)
    said = "\n".join(lines)
    for stream, records in read:
        paths = subject.contracts(stream)[0].personal_paths()
        for path in sorted(paths):
            values = {str(_at(record.data, path)) for record in records if record.data is not None}
            if any(len(value) >= _SHORTEST and value in said for value in values):
                yield f"{stream}: values of {path} stand in the log"
        yield from _quoted(subject, stream, records, paths)


def _quoted(subject: Subject, stream: str, records: list[SourceRecord], paths: Collection[str]) -> Iterator[str]:
    """Spoil a record in one field after the other, as if it had come so: what is said of it holds no value of it."""
    source, canonical = subject.contracts(stream)
    file = subject.files()[stream]
    mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=subject.region)
    data = next((record.data for record in records if record.data), None)
    for path in sorted(paths) if data is not None else ():
        name = path.strip("/").replace("/", ".").split(".")[0].removesuffix("[]")
        spoilt = {**(data or {}), name: {_MARK: [_MARK]}}
        for take in (source.check, mapping.to_canonical):
            try:
                take(spoilt)
            except RecordError as error:
                if _MARK in str(error):
                    yield f"{stream}: the reason for which a record is set aside quotes {path}"
            except Exception as error:  # noqa: BLE001 - the kind of it is the finding
                yield f"{stream}: a record with an odd {path} ends in {type(error).__name__}"


def _at(data: Any, path: str) -> Any:
    for name in path.strip("/").replace("/", ".").split("."):
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _read(subject: Subject) -> Iterator[tuple[str, list[SourceRecord]]]:
    with subject.reading() as streams:
        for reader, stream in streams:
            yield stream, [record for page in pages(reader, stream) for record in page.records]
