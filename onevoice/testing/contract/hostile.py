"""A system that answers as none should (K13): each way ends in an error with a name, or in nothing worse than less."""

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from onevoice.errors import OnevoiceError
from onevoice.sdk import Reader, version_text
from onevoice.sdk.exchange import limited
from onevoice.testing.contract.subject import Subject
from onevoice.testing.contract.wire import HURRIED, answering, failing_line, over_http, speaking
from onevoice.testing.exchanges import Exchange, Fixture, played
from onevoice.testing.exchanges.play import Played, Reply
from onevoice.testing.exchanges.scrub import leaves

_MARK = "hostile.person@example.com"
_PAGE = f"<!DOCTYPE html><html><body><h1>Sign in</h1>{_MARK}</body></html>".encode()
_MOST = 60
_SHORTEST = 4
_OPERATION = re.compile(r"Body[^>]*>\s*<(?:\w+:)?(\w+)")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_DATES = itertools.cycle(("31/05/2025 10:00", "Sat, 31 May 2025 10:00:00 GMT", "1748685600"))


@dataclass(slots=True)
class _List:
    """Answers the list of a recording in one of the hostile ways, and everything else as it was recorded.

    Attributes:
        make: makes the answer of the n-th list request out of the first one's.
        asked: the present one, with its recorded answer; status 501 where there is none.
        given: how many there were.
    """

    first: Exchange
    make: Callable[["_List", Played, int], Reply]
    keys: list[str]
    tokens: list[str]
    given: int = 0
    asked: Exchange = field(init=False)

    def __call__(self, playing: Played, asked: Exchange, _number: int) -> Reply | None:
        if _kind(asked) != _kind(self.first):
            return None
        self.given += 1
        self.asked = asked
        return self.make(self, playing, self.given)


def endured(subject: Subject) -> Iterator[str]:
    """K13: endless, repeated, foreign, cut and mislabelled answers, and dates of three kinds, have errors by name."""
    for fixture in over_http(subject):
        keys = [key for key, *_ in fixture.gives]
        at = next((n for n, one in enumerate(fixture.exchanges) if any(answering(one, key) for key in keys)), None)
        if at is None:
            yield f"{fixture.name}: holds no record; record a system that has some"
            continue
        for name, (make, must_fail) in _WAYS.items():
            yield from _endured(subject, fixture, at, name, make, must_fail=must_fail)
    if subject.manifest.kind == "file":
        yield from _files(subject)
    else:
        yield from failing_line(subject, _LINES)


def _endured(
    subject: Subject,
    fixture: Fixture,
    at: int,
    name: str,
    make: Callable[[_List, Played, int], Reply],
    *,
    must_fail: bool,
) -> Iterator[str]:
    listed = _List(fixture.exchanges[at], make, [key for key, *_ in fixture.gives], _tokens(fixture, at))
    versions: list[str] = []
    with limited(HURRIED), played(fixture.exchanges, listed) as playing:
        try:
            with speaking(subject, fixture, playing) as reader:
                _read(reader, fixture.stream, listed, versions)
        except OnevoiceError as error:
            if _MARK in str(error):
                yield f"{fixture.stream}: {name}: the error quotes the answer"
            must_fail = False
        except Exception as error:  # noqa: BLE001 - the kind of it is the finding
            yield f"{fixture.stream}: {name}: ends in {type(error).__name__}"
            return
    if listed.given > _MOST:
        yield f"{fixture.stream}: {name}: is read on and on"
    elif must_fail:
        yield f"{fixture.stream}: {name}: is not noticed"
    if len({_form(version) for version in versions if version}) > 1:
        yield f"{fixture.stream}: {name}: gives versions that do not sort"


def _read(reader: Reader, stream: str, listed: _List, versions: list[str]) -> None:
    for page in reader.read(stream, None):
        versions += [record.version for record in page.records]
        if listed.given > _MOST:
            break


def _forever(listed: _List, playing: Played, number: int) -> Reply:
    """Another page each time, with other records, and another one behind it."""
    if number > _MOST:
        return Reply(status=500, headers={}, body=b"")
    text = listed.first.answer
    for token in listed.tokens:
        text = text.replace(token, _following(token, number))
    for key in listed.keys:
        text = re.sub(rf"(?<![\w.-]){re.escape(key)}(?![\w.-])", _fresh(key, number), text)
    headers = dict(listed.first.headers)
    if "Link" in headers:
        headers["Link"] = _following(headers["Link"], number)
    return playing.own(replace(listed.first, answer=text, headers=headers))


def _again(listed: _List, playing: Played, number: int) -> Reply:
    return playing.own(listed.first) if number <= _MOST else Reply(status=500, headers={}, body=b"")


def _html(_listed: _List, _playing: Played, _number: int) -> Reply:
    return Reply(status=200, headers={"Content-Type": "text/html"}, body=_PAGE)


def _cut(listed: _List, playing: Played, _number: int) -> Reply:
    whole = playing.own(listed.first)
    return replace(whole, body=whole.body[: len(whole.body) // 2], claimed=len(whole.body))


def _mislabelled(listed: _List, playing: Played, _number: int) -> Reply:
    whole = playing.own(listed.asked)
    label = "application/json" if whole.body.startswith(b"<") else "text/html; charset=latin-1"
    return replace(whole, headers={**whole.headers, "Content-Type": label})


def _html_as_data(listed: _List, playing: Played, _number: int) -> Reply:
    return replace(playing.own(listed.first), body=_PAGE)


def _dates(listed: _List, playing: Played, _number: int) -> Reply:
    return playing.own(replace(listed.asked, answer=_INSTANT.sub(lambda _: next(_DATES), listed.asked.answer)))


_WAYS: Mapping[str, tuple[Callable[[_List, Played, int], Reply], bool]] = {
    "pages for ever": (_forever, False),
    "the same page again": (_again, False),
    "a web page with 200": (_html, True),
    "a web page that says it is data": (_html_as_data, True),
    "a body that is cut": (_cut, True),
    "a wrong Content-Type": (_mislabelled, False),
    "dates of three kinds": (_dates, False),
}


def _kind(exchange: Exchange) -> object:
    """Return what tells one question from another, whatever it asks for: path, operation, method."""
    path = exchange.target.partition("?")[0]
    operation = _OPERATION.search(exchange.body)
    if operation:
        return path, operation[1]
    try:
        body = orjson.loads(exchange.body)
    except orjson.JSONDecodeError:
        return exchange.method, path
    return path, body.get("method") if isinstance(body, dict) else None


def _tokens(fixture: Fixture, at: int) -> list[str]:
    """Return what the first page gives for the second one to be asked by."""
    first = fixture.exchanges[at]
    later = [one for one in fixture.exchanges[at + 1 :] if _kind(one) == _kind(first)]
    if not later:
        return []
    asked = later[0].target + later[0].body
    words = {word for _, word in leaves(first.answer) if len(word) >= _SHORTEST}
    tokens = {word for word in words if word in asked or later[0].target in word}
    others = {key for key, *_ in fixture.gives} | set(_INSTANT.findall(first.answer))
    return sorted(tokens - others, key=len, reverse=True)


def _form(version: str) -> str:
    if version != version_text(version):
        return "none"
    return "number" if version.isdecimal() else "time" if _INSTANT.fullmatch(version) else "text"


def _following(token: str, number: int) -> str:
    if "://" in token or token.startswith("/"):
        address, mark, rest = token.partition(">")
        return f"{address}{'&' if '?' in address else '?'}n={number}{mark}{rest}"
    return f"{token}-{number}"


def _fresh(key: str, number: int) -> str:
    if key.isdecimal():
        return str(int(key) + 1000 * number)
    digits = f"{number:04}"
    return key[: -len(digits)] + digits if len(key) > len(digits) else f"{key}{digits}"


def _files(subject: Subject) -> Iterator[str]:
    """The same for files: others in their place, cut ones, and bytes of no kind."""
    if not any(spec.mode == "poll" for spec in subject.manifest.streams.values()):
        return
    later = replace(subject, settings=replace(subject.settings, now=_later(subject)))
    with tempfile.TemporaryDirectory() as place:
        for name, change in _FILE_WAYS.items():
            folder = Path(place) / name.replace(" ", "-")
            shutil.copytree(str(subject.settings.values["folder"]), folder)
            for path in (one for one in folder.rglob("*") if one.is_file() and not one.name.startswith(".")):
                path.write_bytes(change(path.read_bytes()))
            values = {**subject.settings.values, "folder": str(folder)}
            try:
                with later.connected(values) as reader:
                    _read_all(reader, subject)
            except OnevoiceError as error:
                if _MARK in str(error):
                    yield f"{name}: the error quotes the file"
            except Exception as error:  # noqa: BLE001 - the kind of it is the finding
                yield f"{name}: ends in {type(error).__name__}"
            else:
                if name == "web pages":
                    yield f"{name}: are not noticed"


def _read_all(reader: object, subject: Subject) -> None:
    for spec in subject.manifest.streams.values():
        if spec.mode == "poll" and isinstance(reader, Reader):
            list(reader.read(spec.name, None))


def _later(subject: Subject) -> Callable[[], datetime]:
    return lambda: subject.settings.now() + timedelta(hours=1)


_LINES: Mapping[str, bytes | None] = {
    "a web server": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + _PAGE,
    "half a greeting": b"R\x00\x00\x00",
    "a flood": b"S" * 100_000,
}
_FILE_WAYS: Mapping[str, Callable[[bytes], bytes]] = {
    "web pages": lambda _content: _PAGE,
    "cut files": lambda content: content[: len(content) // 2],
    "bytes of no kind": lambda content: bytes((byte * 7 + 13) % 256 for byte in content),
    "empty files": lambda _content: b"",
}
