"""The contract kit finds nothing wrong with a sound connector, and bites on one that is broken in each respect."""

from __future__ import annotations

import itertools
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson
import pytest

from onevoice.errors import ConfigurationError, TransientError
from onevoice.messages import Change, Creation, CreationResult, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk import OneWay, Page, Settings, version_text
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import Manifest, load_manifest
from onevoice.testing.contract import CHECKS, Subject, examine
from onevoice.testing.exchanges import record
from samples.club.service import KEY, founded, served
from tests.cli.test_add_a_connector_page import BLOCK, PAGE

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2025, 6, 1, tzinfo=UTC)
SCHEMA = "schemas/club/members.json"
MAPPING = "mappings/club/members.yaml"
MANIFEST = "connectors/club/manifest.yaml"


def renamed(_stream: str, record: SourceRecord) -> Change | None:
    return Change(key=record.key, fields={"given": "Zed", "home.city": "York"}, expected_version=record.version)


@pytest.fixture
def subject(tmp_path: Path) -> Iterator[Subject]:
    """The club of the page on adding a connector, served, with the files as the page has them."""
    for block in map(dedent, BLOCK.findall(PAGE.read_text(encoding="utf-8"))):
        name = re.match(r"# ([\w/]+\.yaml)\n", block)
        if name is not None:
            (tmp_path / name[1]).parent.mkdir(parents=True)
            (tmp_path / name[1]).write_text(block, encoding="utf-8")
    (tmp_path / "schemas" / "club").mkdir(parents=True)
    shutil.copytree(ROOT / "schemas" / "canonical", tmp_path / "schemas" / "canonical")
    with served(founded()) as club:
        for number in range(5, 11):
            club.put(
                number, given=f"Member {number}", family="Ray", born=None, mail=f"m{number}@example.com", home=None
            )
        made = Subject(
            manifest=load_manifest(tmp_path / "connectors" / "club", "connectors.club"),
            root=tmp_path,
            settings=Settings(system="club", values={"url": club.url}, secrets={"key": KEY}, now=lambda: NOW),
            unreachable={"url": "http://127.0.0.1:1"},
            wrong_secrets={"key": "wr0ng"},
            change=renamed,
            create=lambda _stream: {"given": "Zed", "family": "Moe", "mail": "zed@example.com", "home.city": "York"},
        )
        with made.connected() as connector:
            schema = connector.discover("members")  # type: ignore[attr-defined]
        (tmp_path / SCHEMA).write_bytes(orjson.dumps(schema))
        (tmp_path / "connectors" / "club" / "fixtures").mkdir()
        for fixture in record(made.manifest, made.settings, made.personal(), build):
            (tmp_path / "connectors" / "club" / "fixtures" / fixture.name).write_bytes(fixture.dump())
        yield made


def problems(subject: Subject, check: str) -> tuple[str, ...]:
    [finding] = examine(subject, [check])
    return finding.problems


class Wrapped:
    """A connector that hands everything on; each way of breaking it overrides one thing."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def check(self) -> None:
        self.inner.check()

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        yield from self.inner.read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        return self.inner.readback(stream, keys)  # type: ignore[no-any-return]

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        return self.inner.write(stream, changes)  # type: ignore[no-any-return]

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        return self.inner.create(stream, creations)  # type: ignore[no-any-return]

    def close(self) -> None:
        self.inner.close()

    def each(self, stream: str, cursor: Any, change: Callable[[SourceRecord], SourceRecord]) -> Iterator[Page]:
        for page in self.inner.read(stream, cursor):
            yield replace(page, records=[change(record) for record in page.records])


class ShowsSecret(Wrapped):
    def __repr__(self) -> str:
        return str(self.inner._records._rest._exchange.auth._secret)


class ChecksNothing(Wrapped):
    def check(self) -> None:
        pass


class LetsVendorErrorsOut(Wrapped):
    def check(self) -> None:
        try:
            self.inner.check()
        except TransientError:
            raise ConnectionRefusedError from None


class WithoutKey(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return self.each(stream, cursor, lambda record: replace(record, key=""))


class OddVersion(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return self.each(stream, cursor, lambda record: replace(record, version="2025-05-01T10:00:00+02:00"))


class NoJson(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return self.each(stream, cursor, lambda record: replace(record, data={**(record.data or {}), "given": {1}}))


class OffSchema(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return self.each(stream, cursor, lambda record: replace(record, data={**(record.data or {}), "given": 5}))


class OtherKey(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return self.each(stream, cursor, lambda record: replace(record, key=f"x{record.key}"))


class HurriedCursor(Wrapped):
    """Gives the last cursor with the first page already."""

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        found = list(self.inner.read(stream, cursor))
        yield from (replace(page, cursor=found[-1].cursor) for page in found)


class RepeatsPage(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        for page in self.inner.read(stream, cursor):
            yield page
            yield page


class HidesSome(Wrapped):
    """Leaves the last record out of a first read."""

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        found = list(self.inner.read(stream, cursor))
        for page in found:
            yield page if cursor else replace(page, records=page.records[:-1])


class LosesResults(Wrapped):
    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        return super().write(stream, changes)[:1]


class WritesAlways(Wrapped):
    """Leaves the condition out, so that a repeated change is carried out again."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        return super().write(stream, [replace(change, expected_version=None) for change in changes])


class SaysDoneWhateverHappened(Wrapped):
    """Takes a line that broke for a write that was done."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        try:
            return super().write(stream, changes)
        except TransientError:
            return [WriteResult(key=change.key, outcome=WriteOutcome.APPLIED) for change in changes]


class SaysDone(Wrapped):
    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        return [WriteResult(key=change.key, outcome=WriteOutcome.APPLIED) for change in changes]


class MakesAnew(Wrapped):
    """Forgets the reference, so that a repeat makes another record."""

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        anew = [replace(one, reference=f"{one.reference}-{next(NUMBERS)}") for one in creations]
        made = super().create(stream, anew)
        return [replace(result, reference=one.reference) for result, one in zip(made, creations, strict=True)]


class SaysMade(Wrapped):
    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        applied = WriteOutcome.APPLIED
        return [CreationResult(reference=one.reference, outcome=applied, key="77") for one in creations]


class SaysMadeWhateverHappened(Wrapped):
    """Takes a line that broke for a record that was refused."""

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        try:
            return super().create(stream, creations)
        except TransientError:
            return [CreationResult(reference=one.reference, outcome=WriteOutcome.REFUSED) for one in creations]


class LosesMade(Wrapped):
    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        return super().create(stream, creations)[:1]


class ForgetsFields(Wrapped):
    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        kept = [replace(one, fields={k: v for k, v in one.fields.items() if k != "mail"}) for one in creations]
        return super().create(stream, kept)


class TalksOfRecords(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        for page in self.inner.read(stream, cursor):
            logging.getLogger("vendor").debug("got %s", [record.data for record in page.records])
            yield page


class AsksTwice(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        self.inner.check()
        return super().read(stream, cursor)


class AsksNothing(Wrapped):
    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        return iter(())


class EndsQuietly(Wrapped):
    """Takes a page that fails for the end of the list."""

    def check(self) -> None:
        pass

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        try:
            yield from self.inner.read(stream, cursor)
        except TransientError:
            return


class ForgetsWait(Wrapped):
    def check(self) -> None:
        try:
            self.inner.check()
        except TransientError as error:
            raise TransientError(str(error)) from None


class KeepsContacting(Wrapped):
    """Leaves the opt-out unwritten and says that it is done."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        kept = [
            replace(change, fields={name: value for name, value in change.fields.items() if name != "no_mail"})
            for change in changes
        ]
        return super().write(stream, kept)


class WithoutGuard(Wrapped):
    """Pages by itself, until a page is empty."""

    def read(self, stream: str, cursor: Any) -> Iterator[Page]:
        records = self.inner._records
        for number in itertools.count(1):
            rows = records._rest.get("v1/members", params={"page": str(number)}).data["data"]["members"]
            if not rows:
                return
            yield Page(records=[records.record(stream, row) for row in rows], cursor={})


class TakesAnyDate(Wrapped):
    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        inner._records.record = lambda stream, data: SourceRecord(
            stream=stream, key=str(data["number"]), version=version_text(data["changed"]), data=data
        )


class GoesWhereItIsSent(Wrapped):
    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        session = inner._records._rest._exchange._session
        ask = session.request
        session.request = lambda *given, **named: ask(*given, **{**named, "allow_redirects": True})


NUMBERS = itertools.count()
BROKEN = [
    ("K2", ShowsSecret, "a secret is shown"),
    ("K3", ChecksNothing, "refused secrets: check passes"),
    ("K3", LetsVendorErrorsOut, "ends in ConnectionRefusedError"),
    ("K4", AsksTwice, "read-members.json: asks for what was not recorded: GET /v1/members"),
    ("K4", AsksNothing, "recorded exchanges are never used"),
    ("K5", WithoutKey, "without key or version"),
    ("K5", OddVersion, "does not sort"),
    ("K5", NoJson, "no JSON"),
    ("K5", OffSchema, "does not fit its schema"),
    ("K6", OtherKey, "key or version differ"),
    ("K7", HurriedCursor, "killed after page 1"),
    ("K8", RepeatsPage, "a page comes twice"),
    ("K8", HidesSome, "what the first read did not have"),
    ("K9", EndsQuietly, "HTTP 500 in the middle of a read: is not noticed"),
    ("K9", ForgetsWait, "the wait that the system asked for is not told"),
    ("K9", LetsVendorErrorsOut, "HTTP 500 at once: ends in ConnectionRefusedError"),
    ("K10", LosesResults, "not one result for each change"),
    ("K10", WritesAlways, "not a conflict the second time"),
    ("K10", SaysDoneWhateverHappened, "the answer to a write is lost, and that comes back as applied"),
    ("K10", SaysDone, "not there comes back as applied"),
    ("K10", MakesAnew, "the same reference again makes another record"),
    ("K10", MakesAnew, "a create whose answer was lost makes another record"),
    ("K10", SaysMade, "do not come back with a key each"),
    ("K10", SaysMade, "a record without what the manifest says it needs comes back as applied"),
    ("K10", SaysMadeWhateverHappened, "the answer to a create is lost, and that comes back as refused"),
    ("K10", LosesMade, "not one result for each record to be made"),
    ("K10", ForgetsFields, "mail of what was made reads back otherwise"),
    ("K11", KeepsContacting, "the opt-out itself does not read back"),
    ("K12", SaysDone, "given reads back otherwise"),
    ("K13", WithoutGuard, "pages for ever: is read on and on"),
    ("K13", EndsQuietly, "a body that is cut: is not noticed"),
    ("K13", TakesAnyDate, "dates of three kinds: gives versions that do not sort"),
    ("K14", TalksOfRecords, "values of mail stand in the log"),
    ("K15", GoesWhereItIsSent, "a redirect to another server is followed"),
]


def test_a_sound_connector_keeps_all_of_it(subject: Subject) -> None:
    found = {finding.check: finding.problems for finding in examine(subject)}
    assert found == dict.fromkeys(CHECKS, ())


@pytest.mark.parametrize(("check", "way", "named"), BROKEN, ids=[f"{c}-{w.__name__}" for c, w, _ in BROKEN])
def test_each_check_bites(subject: Subject, check: str, way: type[Wrapped], named: str) -> None:
    def make(manifest: Manifest, settings: Settings) -> Any:
        return way(build(manifest, settings))

    found = problems(replace(subject, make=make), check)
    assert any(named in problem for problem in found), found
    assert not any(word in " ".join(found) for word in ("Osterley", "example.com", KEY))


@pytest.mark.parametrize(
    ("check", "file", "old", "new", "named"),
    [
        ("K1", MAPPING, "key: number", "key: given", "key is number in the manifest and given in the mapping"),
        ("K1", MAPPING, "given: Ann, family: Lee, mail", "given: Bea, family: Lee, mail", "a member who wants no mail"),
        ("K1", MAPPING, "family: family", "famly: family", "famly"),
        ("K1", MANIFEST, "suppression: flag", "suppression: list", "capabilities.suppression"),
        ("K1", MANIFEST, "deletes: told", "deletes: told, push: true", "capabilities.push"),
        ("K1", MANIFEST, "deletes: told", "deletes: swept", "capabilities.deletes"),
        ("K1", MANIFEST, "deleted: {field: resigned}", "page_size_parameter: size", "capabilities.deletes"),
        ("K1", MANIFEST, "writable: true", "writable: false", "members: has `create` and is not writable"),
        ("K6", MAPPING, "  birth_date: {from: born, as: date}\n", "", "born is neither mapped nor ignored"),
    ],
)
def test_each_check_of_the_files_bites(subject: Subject, check: str, file: str, old: str, new: str, named: str) -> None:
    path = subject.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    manifest = load_manifest(subject.root / "connectors" / "club", "connectors.club")
    found = problems(replace(subject, manifest=manifest), check)
    assert any(named in problem for problem in found), found


def test_a_connector_says_how_a_repeat_is_harmless_where_it_is(subject: Subject) -> None:
    manifest = subject.manifest

    def found(**changes: object) -> tuple[str, ...]:
        return problems(replace(subject, manifest=replace(manifest, **changes)), "K1")  # type: ignore[arg-type]

    streams = {"members": replace(manifest.streams["members"], create=None)}
    assert "capabilities.create is idempotency_key, and no stream has `create`" in found(streams=streams)
    reading_only = replace(subject, make=lambda m, s: OneWay(build(m, s)._records, close=lambda: None))  # type: ignore[attr-defined]
    assert "a stream has `create`, and the connector lacks create()" in problems(reading_only, "K1")
    looking = replace(manifest, capabilities=replace(manifest.capabilities, create="lookup"))
    blind = replace(subject, manifest=looking, make=lambda m, s: Wrapped(build(m, s)))
    assert "capabilities.create is lookup, and the connector lacks find()" in problems(blind, "K1")


def test_settings_that_nobody_checks_are_found(subject: Subject) -> None:
    def lenient(manifest: Manifest, settings: Settings) -> Any:
        try:
            return build(manifest, settings)
        except ConfigurationError:
            return build(manifest, subject.settings)

    found = problems(replace(subject, make=lenient), "K2")
    assert "setting url is wrong and nobody says so" in found
    assert "setting n0_such_setting is wrong and nobody says so" in found


def test_every_check_has_a_broken_connector() -> None:
    assert {check for check, _, _ in BROKEN} | {"K1"} == CHECKS.keys()
