"""That the gate governs contacting and not record keeping (K11).

What makes a contact in a system (a message, a campaign member, an offer) is asked of the gate where it is made; a
stream that wrote such records would go past it. A correction, and the opt-out itself, reach everybody.
"""

from collections.abc import Iterator

from onevoice.mapping import compile_mapping
from onevoice.messages import Change, Lane, Permission, WriteOutcome
from onevoice.sdk import RecordWriter
from onevoice.testing.contract.subject import Subject, pages

_PARTIES = ("person", "organisation")


def governed(subject: Subject) -> Iterator[str]:
    """K11: no stream writes contacts; a prohibition is written, unknown is not; a correction is written either way."""
    writable = {name: file for name, file in subject.files().items() if file.writable}
    for name, file in writable.items():
        source, canonical = subject.contracts(name)
        mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=subject.region)
        if file.to not in _PARTIES:
            yield f"{name}: writes records of type {file.to}: a contact would be made past the gate"
            continue
        flags = {(flag.channel, flag.purpose) for flag in file.flags}
        if mapping.writable_paths(Lane.RECORD) & mapping.writable_paths(Lane.SUPPRESSION):
            yield f"{name}: a consent field is also written as a value, which nobody asks the gate about"
        if mapping.to_source({}, {}, Lane.SUPPRESSION):
            yield f"{name}: writes into a consent field of a person of whom nothing is known"
        denied = mapping.to_source({}, dict.fromkeys(flags, Permission.DENIED), Lane.SUPPRESSION)
        if subject.manifest.capabilities.suppression == "flag" and not denied:
            yield f"{name}: the manifest says that the system has flags, and a prohibition is written into none"
        yield from _written(subject, name, denied)
    if writable and subject.manifest.capabilities.suppression == "none":
        yield "people are written into this system, and nothing tells it whom not to contact"


def _written(subject: Subject, stream: str, denied: dict[str, object]) -> Iterator[str]:
    """Write the opt-out, then a correction, as a person who wants no contact has them."""
    if subject.change is None or not denied:
        return
    with subject.connected() as writer:
        if not isinstance(writer, RecordWriter):
            return
        found = [one for page in pages(writer, stream)[:1] for one in page.records if not one.deleted]
        record = next((one for one in found if subject.change(stream, one) is not None), None)
        if record is None:
            return
        [said] = writer.write(stream, [Change(key=record.key, fields=denied)])
        if said.outcome is not WriteOutcome.APPLIED:
            yield f"{stream}: the opt-out itself is not written: {said.outcome}"
            return
        [standing] = writer.readback(stream, [record.key])
        read = compile_mapping(
            subject.files()[stream],
            source=subject.contracts(stream)[0].schema,
            canonical=subject.contracts(stream)[1].schema,
            region=subject.region,
        )
        if any(read.read_source(standing.data or {}, path) != value for path, value in denied.items()):
            yield f"{stream}: the opt-out itself does not read back"
        correction = subject.change(stream, standing)
        if correction is None:
            return
        [done] = writer.write(stream, [correction])
        if done.outcome is not WriteOutcome.APPLIED:
            yield f"{stream}: a correction of somebody who wants no contact is not written: {done.outcome}"
