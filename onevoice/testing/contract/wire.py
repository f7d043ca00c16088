"""What goes over the line: recordings played back, and a system that fails or hangs (K4, K9)."""

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from onevoice.errors import OnevoiceError, OperatorError, TransientError
from onevoice.sdk import Reader
from onevoice.sdk.exchange import Limits, limited
from onevoice.testing.contract.subject import Subject
from onevoice.testing.exchanges import Fixture, fixtures_of, played
from onevoice.testing.exchanges.fixture import Exchange, small
from onevoice.testing.exchanges.play import Played, Reply, Twist
from onevoice.testing.exchanges.statements import run_statements

HURRIED = Limits(connect_seconds=1.0, read_seconds=0.2, total_seconds=2.0, max_pages=40, again_seconds=(0.0, 0.0))
_WAIT = 7.0
_GARBAGE = b"\x00\xff\xfe{]<garbage>"
_NOWHERE = 1

_FAULTS: Mapping[str, tuple[Reply, tuple[type[OnevoiceError], ...]]] = {
    "HTTP 429": (Reply(status=429, headers={"Retry-After": "7"}, body=b""), (TransientError,)),
    "HTTP 503": (Reply(status=503, headers={"Retry-After": "7"}, body=b""), (TransientError,)),
    "HTTP 500": (Reply(status=500, headers={}, body=b""), (TransientError,)),
    "no answer in time": (Reply(status=200, headers={}, body=b"", hang=True), (TransientError,)),
    "garbage": (Reply(status=200, headers={}, body=_GARBAGE), (TransientError, OperatorError)),
}


def used_once(subject: Subject) -> Iterator[str]:
    """K4: each recorded exchange is used exactly once, and nothing else is asked for; the same records come of it."""
    fixtures = list(fixtures_of(subject.manifest.folder))
    if not fixtures:
        yield "there are no recorded exchanges; 'onevoice connector test SYSTEM --record' makes them"
    for fixture in (one for one in fixtures if one.database):
        yield from _stated_once(subject, fixture)
    for fixture in (one for one in fixtures if not one.database):
        contract, _ = subject.contracts(fixture.stream)
        with played(fixture.exchanges) as playing, speaking(subject, fixture, playing) as reader:
            try:
                found = fixture.run(reader)
                for record in found:
                    if record.data is not None:
                        contract.check(record.data)
            except OnevoiceError as error:
                yield f"{fixture.name}: cannot be played back: {type(error).__name__}"
                found = []
        yield from (f"{fixture.name}: asks for what was not recorded: {one}" for one in playing.unmatched)
        if playing.unused():
            yield f"{fixture.name}: {playing.unused()} of {len(fixture.exchanges)} recorded exchanges are never used"
        if [(one.key, one.version) for one in found if not one.deleted] != [
            (key, version) for key, version, deleted in fixture.gives if not deleted
        ]:
            yield f"{fixture.name}: gives other records than when it was recorded"


def _stated_once(subject: Subject, fixture: Fixture) -> Iterator[str]:
    statements, gives = run_statements(fixture, subject.manifest, subject.settings, subject.make)
    left = [(one.body, one.target) for one in fixture.exchanges]
    for one in statements:
        if (one.body, one.target) in left:
            left.remove((one.body, one.target))
        else:
            yield f"{fixture.name}: asks for what was not recorded: {' '.join(one.body.split())[:60]}"
    if left:
        yield f"{fixture.name}: {len(left)} of {len(fixture.exchanges)} recorded statements are never sent"
    if [one for one in gives if not one[2]] != [one for one in fixture.gives if not one[2]]:
        yield f"{fixture.name}: gives other records than when it was recorded"


def failing(subject: Subject) -> Iterator[str]:
    """K9: 429, 5xx, silence and garbage become the error of their class, with the wait that the system asked for."""
    for fixture in over_http(subject):
        for name, (reply, classes) in _FAULTS.items():
            for begin in sorted({0, len(fixture.exchanges) - 1}):
                at = "at once" if begin == 0 else "in the middle of a read"
                error = _ended(subject, fixture, begin, lambda _p, _e, n, r=reply, b=begin: r if n >= b else None)  # type: ignore[misc]
                if not isinstance(error, classes):
                    got = "is not noticed" if error is None else f"ends in {type(error).__name__}"
                    yield f"{fixture.stream}: {name} {at}: {got}"
                elif "Retry-After" in reply.headers and getattr(error, "retry_after", None) != _WAIT:
                    yield f"{fixture.stream}: {name} {at}: the wait that the system asked for is not told"
    lines = {"silence": None, "garbage": _GARBAGE * 50, "a line that breaks off": b""}
    yield from failing_line(subject, lines)


def _ended(subject: Subject, fixture: Fixture, begin: int, twist: Twist) -> Exception | None:
    """Return what `check` ends in, or a read that goes on up to an exchange, when answers are not the recorded ones."""
    with limited(HURRIED), played(fixture.exchanges, twist) as playing:
        try:
            with speaking(subject, fixture, playing) as reader:
                if begin == 0:
                    reader.check()
                fixture.run(reader)
        except Exception as error:  # noqa: BLE001 - the kind of it is what is looked at
            return error
    return None


def failing_line(subject: Subject, lines: Mapping[str, bytes | None]) -> Iterator[str]:
    """The same for what does not speak HTTP: a line on which something else is said, or nothing (None)."""
    if over_http(subject) or subject.unreachable is None:
        return
    if _at_port(subject.unreachable, 2) == subject.unreachable:
        yield "speaks over no line that can be examined: exempt it, with the reason"
        return
    for name, said in lines.items():
        with limited(HURRIED), _listening(said) as port:
            try:
                with subject.connected(_at_port(subject.unreachable, port)) as connector:
                    connector.check()
            except (TransientError, OperatorError):
                continue
            except Exception as error:  # noqa: BLE001 - the kind of it is the finding
                yield f"{name}: ends in {type(error).__name__}"
            else:
                yield f"{name}: check passes"


def over_http(subject: Subject) -> list[Fixture]:
    """Return the recorded reads of a connector that speaks HTTP."""
    return [one for one in fixtures_of(subject.manifest.folder) if not one.keys and not one.database]


@contextmanager
def speaking(subject: Subject, fixture: Fixture, playing: Played) -> Iterator[Reader]:
    """Give the connector as it speaks to a recording that is played back."""
    manifest = small(subject.manifest)
    connector = subject.make(manifest, fixture.settings(subject.settings, manifest, playing.address))
    try:
        if not isinstance(connector, Reader):
            raise TypeError("a recording of a connector that cannot be asked")
        yield connector
    finally:
        connector.close()


def answering(exchange: Exchange, key: str) -> bool:
    """Return whether an answer speaks of a record."""
    return bool(key) and re.search(rf"(?<![\w.-]){re.escape(key)}(?![\w.-])", exchange.answer) is not None


def _at_port(values: Mapping[str, object], port: int) -> dict[str, object]:
    """Return settings that name the port on which nobody listens, with another in its place."""
    changed: dict[str, object] = {}
    for name, value in values.items():
        if value == _NOWHERE and not isinstance(value, bool):
            changed[name] = port
        elif isinstance(value, str):
            changed[name] = re.sub(rf"(127\.0\.0\.1|localhost):{_NOWHERE}(?!\d)", rf"\g<1>:{port}", value)
        else:
            changed[name] = value
    return changed


@contextmanager
def _listening(said: bytes | None) -> Iterator[int]:
    """Listen on a port; say something to whoever comes and hang up, or (None) say nothing at all."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def serve() -> None:
            open_lines = []
            while not closing.is_set():
                try:
                    line, _ = listening.accept()
                except TimeoutError:
                    continue
                if said is None:
                    open_lines.append(line)
                    continue
                with line:
                    line.sendall(said)
            for line in open_lines:
                line.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            closing.set()
            thread.join(5)
