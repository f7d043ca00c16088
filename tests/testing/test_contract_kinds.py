"""What the contract asks of one kind alone bites, too, on a connector of that kind which is broken in each respect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.messages import Change, WriteResult
from onevoice.sdk import Page, Settings, SourceRecord
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.start import begun
from onevoice.testing.contract import Subject, examine
from onevoice.testing.exchanges import FOLDER, record
from tests.sdk import test_start
from tests.sdk.start_systems import SYSTEMS
from tests.testing.test_contract import AsksTwice, Wrapped

project = test_start.project


@pytest.fixture
def subject(kind: str, project: Path, request: pytest.FixtureRequest) -> Iterator[Subject]:
    begun(project, test_start.NAME, kind, "both")
    vhost = request.getfixturevalue("rabbit_vhost") if kind == "amqp" else None
    with SYSTEMS[kind](project, vhost) as running:
        made = test_start.subject_of(project, running, change=test_start.renamed)
        if kind in ("sql", "soap"):
            (project / "connectors" / test_start.NAME / FOLDER).mkdir()
            for fixture in record(made.manifest, made.settings, made.personal(), build):
                (project / "connectors" / test_start.NAME / FOLDER / fixture.name).write_bytes(fixture.dump())
        yield made


class LetsVendorErrorsOut(Wrapped):
    def check(self) -> None:
        try:
            self.inner.check()
        except (TransientError, OperatorError):
            raise ConnectionResetError from None


class WithoutOverlap(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        last = tuple(cursor["after"]) if cursor else ("", "")
        for page in self.inner.read(stream, cursor):
            yield replace(page, records=[one for one in page.records if (one.version, one.key) > last])


class DropsQuotes(Wrapped):
    """Takes quotes out of values, as those do who put values into the statement."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        clean = [
            replace(one, fields={name: value.replace("'", "") for name, value in one.fields.items()}) for one in changes
        ]
        return super().write(stream, clean)


class FindsAnybody(Wrapped):
    """Takes what stands before a quote for the key."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        found = super().write(stream, [replace(one, key=one.key.partition("'")[0]) for one in changes])
        return [replace(result, key=change.key) for result, change in zip(found, changes, strict=True)]


class Naive(Wrapped):
    """Reads each file there is, as it is."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.folder = Path(str(inner._files._settings.values["folder"]))

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        for path in sorted(self.folder.iterdir()):
            head, *lines = path.read_text(encoding="utf-8").splitlines()
            rows = [dict(zip(head.split(","), line.split(","), strict=False)) for line in lines]
            records = [
                SourceRecord(stream=stream, key=row.get("id", ""), version="2025-05-01T09:00:00.000000Z", data=row)
                for row in rows
            ]
            yield Page(records=records, cursor={})


class QuotesFaults(Wrapped):
    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        transport = inner._records._session._soap._transport
        post, self.said = transport.post, b""

        def heard(*given: Any, **named: Any) -> Any:
            answer = post(*given, **named)
            self.said = answer.content
            return answer

        transport.post = heard

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        try:
            yield from self.inner.read(stream, cursor)
        except (TransientError, RefusedError):
            raise RefusedError(self.said.decode("utf-8", "replace")) from None


class TakesAtOnce(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        yield from list(self.inner.read(stream, cursor))


BROKEN = [
    ("sql", "K4", AsksTwice, "read-people.json: asks for what was not recorded: SELECT"),
    ("sql", "K9", LetsVendorErrorsOut, "silence: ends in ConnectionResetError"),
    ("sql", "K13", LetsVendorErrorsOut, "a web server: ends in ConnectionResetError"),
    ("sql", "K15", WithoutOverlap, "what is committed late is skipped"),
    ("sql", "K15", DropsQuotes, "a value with quotes in it is not written as it is"),
    ("sql", "K15", FindsAnybody, "a key with quotes in it finds a record"),
    ("file", "K13", Naive, "bytes of no kind: ends in UnicodeDecodeError"),
    ("file", "K15", Naive, "a byte order mark changes what is read"),
    ("file", "K15", Naive, "a file under a temporary name is read"),
    ("soap", "K4", AsksTwice, "asks for what was not recorded: POST /soap"),
    ("soap", "K15", QuotesFaults, "a fault: the error quotes it"),
    ("amqp", "K7", TakesAtOnce, "messages are taken before they are safe"),
    ("amqp", "K15", TakesAtOnce, "messages are taken before they are safe"),
]


@pytest.mark.parametrize(
    ("kind", "check", "way", "named"), BROKEN, ids=[f"{kind}-{check}-{way.__name__}" for kind, check, way, _ in BROKEN]
)
def test_each_check_of_a_kind_bites(subject: Subject, kind: str, check: str, way: type[Wrapped], named: str) -> None:
    def make(manifest: Manifest, settings: Settings) -> Any:
        return way(build(manifest, settings))

    [found] = examine(replace(subject, make=make), [check])
    assert any(named in problem for problem in found.problems), found.problems
    assert "Osterley" not in " ".join(found.problems)


@pytest.mark.parametrize("kind", ["soap"])
def test_a_pin_that_nobody_looks_at_is_found(subject: Subject, kind: str) -> None:
    def make(manifest: Manifest, settings: Settings) -> Any:
        pinned = subject.manifest.contract
        assert isinstance(pinned, PinnedWsdl)
        return build(replace(manifest, contract=pinned), settings)

    [found] = examine(replace(subject, make=make), ["K15"])
    assert "a WSDL that is not the pinned one is used" in found.problems


@pytest.mark.parametrize("kind", ["file"])
def test_a_file_that_is_written_over_is_found(subject: Subject, kind: str) -> None:
    folder = Path(str(subject.settings.values["folder"]))

    class InPlace(Wrapped):
        def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
            file = folder / "people.csv"
            file.write_bytes(file.read_bytes().replace(b"Given", b"Taken"))
            return []

    make: Callable[[Manifest, Settings], Any] = lambda manifest, settings: InPlace(build(manifest, settings))  # noqa: E731
    [found] = examine(replace(subject, make=make), ["K15"])
    assert any("written over where it stands" in problem for problem in found.problems), found.problems
