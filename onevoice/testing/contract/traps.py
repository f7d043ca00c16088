"""The traps of each kind (K15): what everybody who speaks to such systems has to have learned once."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from onevoice.errors import ConfigurationError, OnevoiceError
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import Reader, RecordWriter
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.exchange import limited
from onevoice.testing.contract.reading import taken_when_safe
from onevoice.testing.contract.subject import Subject, pages
from onevoice.testing.contract.wire import HURRIED, over_http, speaking
from onevoice.testing.exchanges import Exchange, played
from onevoice.testing.exchanges.play import Played, Reply, Twist

_MARK = "trapped.person@example.com"
_TRAP = "O'Brien\"; DROP TABLE x; -- %s %(a)s :a ?"
_BOM = b"\xef\xbb\xbf"
_FAULT = f"""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>
<faultcode>e:Server.{_MARK}</faultcode><faultstring>{_MARK}</faultstring><detail>{_MARK}</detail>
</e:Fault></e:Body></e:Envelope>""".encode()


def sidestepped(subject: Subject) -> Iterator[str]:
    """K15: the traps of its kind.

    REST: credentials stay at home. SOAP: pinned WSDL, faults, entities. SQL: bound values, late commits. Files: byte
    order marks, files under way, one step. AMQP: taken only when safe.
    """
    kinds: Mapping[str, Callable[[Subject], Iterator[str]]] = {
        "rest": _redirected,
        "soap": _soap,
        "sql": _sql,
        "file": _files,
        "amqp": taken_when_safe,
    }
    if subject.manifest.kind in kinds:
        yield from kinds[subject.manifest.kind](subject)


def _redirected(subject: Subject) -> Iterator[str]:
    """A server that sends the caller elsewhere: the request, its credentials with it, does not go there."""
    with played(()) as elsewhere:

        def send_on(_playing: Played, _asked: Exchange, _number: int) -> Reply:
            return Reply(status=302, headers={"Location": f"{elsewhere.address}/"}, body=b"")

        yield from _refused(subject, send_on, "a redirect to another server")
    if elsewhere.asked:
        yield "a redirect to another server is followed"


def _soap(subject: Subject) -> Iterator[str]:
    yield from _redirected(subject)
    yield from _other_wsdl(subject)
    fault = Reply(status=500, headers={"Content-Type": "text/xml"}, body=_FAULT)
    yield from _refused(subject, _to_calls(fault), "a fault")
    with played(()) as elsewhere:
        bomb = f'<!DOCTYPE x [<!ENTITY y SYSTEM "{elsewhere.address}/">]><x>&y;</x>'.encode()
        reply = Reply(status=200, headers={"Content-Type": "text/xml"}, body=bomb)
        yield from _refused(subject, _to_calls(reply), "an answer with an external entity")
    if elsewhere.asked:
        yield "an external entity is fetched"


def _to_calls(reply: Reply) -> Twist:
    """Answer each call in this way; the WSDL is shown as it was recorded."""
    return lambda _playing, asked, _number: reply if asked.method == "POST" else None


def _other_wsdl(subject: Subject) -> Iterator[str]:
    pinned = subject.manifest.contract
    if pinned is None:
        yield "no WSDL is pinned"
        return
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / pinned.file.name
        file.write_bytes(pinned.file.read_bytes() + b"\n")
        manifest = replace(subject.manifest, contract=PinnedWsdl(file=file, sha256=pinned.sha256))
        try:
            with replace(subject, manifest=manifest).connected():
                yield "a WSDL that is not the pinned one is used"
        except ConfigurationError:
            return


def _refused(subject: Subject, twist: Twist, what: str) -> Iterator[str]:
    """Every answer is of this kind: the read ends in an error of ours that quotes nothing."""
    for fixture in over_http(subject)[:1]:
        with limited(HURRIED), played(fixture.exchanges, twist) as playing:
            try:
                with speaking(subject, fixture, playing) as reader:
                    fixture.run(reader)
            except OnevoiceError as error:
                if _MARK in str(error):
                    yield f"{what}: the error quotes it"
            except Exception as error:  # noqa: BLE001 - the kind of it is the finding
                yield f"{what}: ends in {type(error).__name__}"
            else:
                yield f"{what}: is not noticed"
    if not over_http(subject):
        yield "there are no recorded exchanges to try it on"


def _sql(subject: Subject) -> Iterator[str]:
    """Values travel apart from the statement; what is committed late lies within what is read again."""
    with subject.reading() as streams:
        for reader, stream in streams:
            found = pages(reader, stream)
            if not found or not subject.manifest.capabilities.since_cursor:
                continue
            again = {one.key for page in pages(reader, stream, found[-1].cursor) for one in page.records}
            last = next(({one.key for one in page.records} for page in reversed(found) if page.records), set())
            if subject.manifest.stream(stream).overlap_seconds <= 0:
                yield f"{stream}: overlap_seconds is 0: what is committed late is skipped"
            elif not again & last:
                yield f"{stream}: reading on does not go back behind the cursor: what is committed late is skipped"
    yield from _bound(subject)


def _bound(subject: Subject) -> Iterator[str]:
    if subject.change is None:
        return
    with subject.connected() as writer:
        if not isinstance(writer, RecordWriter):
            return
        for stream in (spec.name for spec in subject.manifest.streams.values() if spec.writable):
            for record in (one for page in pages(writer, stream)[:1] for one in page.records if not one.deleted):
                change = subject.change(stream, record)
                texts = [key for key, value in change.fields.items() if isinstance(value, str)] if change else []
                if change is None or not texts:
                    continue
                name = texts[0]
                [result] = writer.write(stream, [replace(change, fields={name: _TRAP[:20]})])
                [read] = writer.readback(stream, [record.key])
                if result.outcome is not WriteOutcome.APPLIED or (read.data or {}).get(name) != _TRAP[:20]:
                    yield f"{stream}: a value with quotes in it is not written as it is"
                [odd] = writer.write(stream, [Change(key=f"{record.key}' OR '1'='1", fields=change.fields)])
                if odd.outcome not in (WriteOutcome.MISSING, WriteOutcome.REFUSED):
                    yield f"{stream}: a key with quotes in it finds a record"
                break


def _files(subject: Subject) -> Iterator[str]:
    """A byte order mark changes nothing; what is under way is not read; a file is replaced in one step."""
    if not any(spec.mode == "poll" for spec in subject.manifest.streams.values()):
        return
    known = _keys(subject, lambda _folder: None)
    if not known:
        yield "there is no file to try it on"
    if _keys(subject, _mark) != known:
        yield "a byte order mark changes what is read"
    if _keys(subject, _under_way) != known:
        yield "a file under a temporary name is read"
    yield from _in_one_step(subject)


def _keys(subject: Subject, prepare: Callable[[Path], None]) -> list[str]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "folder"
        shutil.copytree(str(subject.settings.values["folder"]), folder)
        prepare(folder)
        later = replace(subject.settings, now=_in_an_hour(subject))
        found: list[str] = []
        with replace(subject, settings=later).connected({**subject.settings.values, "folder": str(folder)}) as reader:
            for stream in subject.manifest.streams:
                if isinstance(reader, Reader):
                    found += sorted(one.key for page in reader.read(stream, None) for one in page.records)
        return found


def _in_an_hour(subject: Subject) -> Callable[[], datetime]:
    return lambda: subject.settings.now() + timedelta(hours=1)


def _mark(folder: Path) -> None:
    for path in _contents(folder):
        if not path.read_bytes().startswith((b"<", _BOM)):
            path.write_bytes(_BOM + path.read_bytes())


def _under_way(folder: Path) -> None:
    for path in _contents(folder):
        half = path.read_bytes()[: path.stat().st_size // 2]
        for ending in (".tmp", ".part"):
            path.with_name(path.name + ending).write_bytes(half)
        path.with_name(f".{path.name}").write_bytes(half)


def _contents(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def _in_one_step(subject: Subject) -> Iterator[str]:
    if subject.change is None:
        return
    folder = Path(str(subject.settings.values["folder"]))
    before = {path: path.stat().st_ino for path in _contents(folder)}
    with subject.connected() as writer:
        if not isinstance(writer, RecordWriter):
            return
        for stream in (spec.name for spec in subject.manifest.streams.values() if spec.writable):
            for record in (one for page in pages(writer, stream)[:1] for one in page.records if not one.deleted):
                change = subject.change(stream, record)
                if change is None:
                    continue
                writer.write(stream, [change])
                if {path: path.stat().st_ino for path in _contents(folder)} == before:
                    yield f"{stream}: a file is written over where it stands; who reads it meanwhile sees half of it"
                break
