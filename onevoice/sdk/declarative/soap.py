"""A SOAP connector without code: operations, paging, versions and results as `manifest.yaml` declares them.

The setting `endpoint` is where the service is; the pinned WSDL says what its operations take. A read begins with what
was deleted, where the service tells, then what changed, each from its own place on the service's clock: a record that
changed later must not carry the cursor past a delete that nobody was told of.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, RefusedError, TransientError
from onevoice.messages import Json, SourceRecord
from onevoice.sdk.declarative.soap_writer import SoapWriter
from onevoice.sdk.declarative.version import NO_VERSION, NO_VERSION_FIELD, is_marked, version_of
from onevoice.sdk.draft import drafted_schema
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.paging import PageGuard, inside
from onevoice.sdk.place import place
from onevoice.sdk.plain import plain
from onevoice.sdk.ports import Page, Settings
from onevoice.sdk.soap import Headers, Soap, SoapSession
from onevoice.sdk.sound import sound_records
from onevoice.sdk.throttle import Throttle
from onevoice.sdk.two_way import Maker
from onevoice.versions import version_text

_Rows = list[Mapping[str, Any]]
_BEGINNING = Keyset("1970-01-01T00:00:00.000000Z", "")
_CLASSES: Mapping[str, type[OnevoiceError]] = {
    "operator": OperatorError,
    "refused": RefusedError,
    "transient": TransientError,
}


class Session(Protocol):
    """Calls operations within a session; see `SoapSession`."""

    def call(self, operation: str, *, stream: str = "", **arguments: object) -> Any:
        """Call an operation."""


class DeclarativeSoap(Maker):
    """One SOAP service, as its manifest declares it."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        session = _session(settings, manifest)
        self._records = SoapReader(session, settings, manifest)
        writer = SoapWriter(session, self._records, settings, manifest)
        super().__init__(self._records, writer, close=session.close)

    def discover(self, stream: str) -> Json:
        """Return a schema of the records on the stream's first page."""
        return self._records.discover(stream)


class SoapReader:
    """Reads the streams of one service."""

    def __init__(self, session: Session, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Prove that the login works and the records of each stream may be read."""
        for stream in (spec.name for spec in self._manifest.polled()):
            next(self._pages(stream, None, size=1), None)

    def discover(self, stream: str) -> Json:
        """Return a schema of the records on the first page."""
        declared = self._manifest.stream(stream).declared
        records = [self.record(stream, row).data or {} for row in next(self._pages(stream, None), [])]
        return drafted_schema(stream, records, required=[declared["key"], declared.get("version", NO_VERSION_FIELD)])

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the deletes since the cursor's place for deletes, then the changes since its place for changes."""
        overlap = self._manifest.stream(stream).overlap_seconds
        declared = self._manifest.stream(stream).declared
        after = Keyset.of(cursor)
        told = None
        if "deleted" in declared:
            told = Keyset.of({"after": [cursor["deleted_after"], ""]} if cursor and "deleted_after" in cursor else None)
            deleted = self._deleted(stream, told.back(overlap) if told else _BEGINNING)
            told = furthest(told, _BEGINNING, *(Keyset(record.version, "") for record in deleted))
            if deleted:
                yield Page(records=deleted, cursor=_cursor(after, told))
        yield from self._changed(stream, after, told)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the service does not have come back as deleted, as of now.

        One without key or version does not come back: nothing can be proven of it.
        """
        declared = self._manifest.stream(stream).declared
        one = declared["one"]
        most = one.get("most", 200) if "keys" in one else 1
        found: list[SourceRecord] = []
        for at in range(0, len(keys), most):
            asked = keys[at : at + most]
            arguments = {one["keys"]: list(asked)} if "keys" in one else {one["key"]: asked[0]}
            answer = self._session.call(one["operation"], stream=stream, **one.get("arguments", {}), **arguments)
            records = [self.record(stream, row) for row in _rows(answer, one.get("records", ""))]
            found += [record for record in records if record.key and record.version]
            there = {record.key for record in records}
            said = inside(answer, one["missing"]) or () if "missing" in one else asked
            version = version_text(self._settings.now()) if "version" in declared else NO_VERSION
            found += [_gone(stream, key, version) for key in asked if key not in there and key in said]
        return found

    def record(self, stream: str, row: Mapping[str, Any]) -> SourceRecord:
        """Return one record; what it lacks of key and version is empty, for quarantine."""
        declared = self._manifest.stream(stream).declared
        data = {name: plain(value) for name, value in row.items()}
        key = inside(data, declared["key"])
        version = NO_VERSION
        if "version" in declared:
            version = version_of(inside(data, declared["version"]), declared.get("version_as", "iso"))
        else:
            data[NO_VERSION_FIELD] = 0
        named = "" if key is None or isinstance(key, bool | list | dict) else str(key)
        if is_marked(data, declared.get("marked_deleted")):
            return _gone(stream, named, version)
        return SourceRecord(stream=stream, key=named, version=version, data=data)

    def _changed(self, stream: str, after: Keyset | None, told: Keyset | None) -> Iterator[Page]:
        """A list that is not declared to be in the order of change moves the cursor at its end only."""
        spec = self._manifest.stream(stream)
        since: Mapping[str, Any] = spec.declared.get("since", {})
        where = place(self._settings.system, stream)
        named = " or ".join(spec.declared[name] for name in ("key", "version") if name in spec.declared)
        start = after = after if since else None
        held: list[SourceRecord] = []
        for rows in filter(None, self._pages(stream, start.back(spec.overlap_seconds) if start else None)):
            if held:
                yield Page(records=held, cursor=_cursor(after if since.get("ordered") else start, told))
            held = [self.record(stream, row) for row in rows]
            places = [Keyset(one.version, one.key) for one in sound_records(held, where, named=named)]
            if since and places:
                after = furthest(after, *places)
        if held:
            yield Page(records=held, cursor=_cursor(after, told))

    def _deleted(self, stream: str, since: Keyset) -> list[SourceRecord]:
        declared = self._manifest.stream(stream).declared["deleted"]
        arguments = {**declared.get("arguments", {}), declared["since"]: since.time}
        rows = _rows(self._session.call(declared["operation"], stream=stream, **arguments), declared.get("records", ""))
        return [_gone(stream, str(row[declared["key"]]), version_text(row[declared["time"]])) for row in rows]

    def _pages(self, stream: str, since: Keyset | None, *, size: int | None = None) -> Iterator[_Rows]:
        spec = self._manifest.stream(stream)
        declared, where = spec.declared, place(self._settings.system, stream)
        own = dict(declared["list"].get("arguments", {}))
        if "page_size_argument" in declared:
            own[declared["page_size_argument"]] = size or spec.page_size
        asked = {declared["since"]["argument"]: since.time} if since else {}
        paging: Mapping[str, str] | None = declared.get("paging")
        guard = PageGuard(where)
        while True:
            answer = self._session.call(declared["list"]["operation"], stream=stream, **own, **asked)
            rows = _rows(answer, declared["list"].get("records", ""))
            locator = inside(answer, paging["at"]) if paging else None
            done = bool(inside(answer, paging["done"])) if paging and "done" in paging else not locator
            guard.admit([dict(row) for row in rows], None if done else str(locator))
            yield rows
            if paging is None or done:
                return
            if not locator:
                raise TransientError(f"{where}: a page that is not the last has no locator")
            asked = {paging["argument"]: locator}


def _session(settings: Settings, manifest: Manifest) -> SoapSession:
    """Return a session that logs in when it is first used; one without a login calls as it is.

    Raises:
        ConfigurationError: the endpoint is no address, or the WSDL is not the pinned one.
    """
    declared = manifest.declared
    login: Json = declared.get("login", {})
    soap = Soap(
        manifest.wsdl(),
        checked_address(settings.values["endpoint"], "endpoint"),
        system=settings.system,
        exchange=Exchange(throttle=Throttle(manifest.capabilities.requests_per_second), now=settings.now),
        faults={code: _CLASSES[name] for code, name in declared.get("faults", {}).items()},
        expired=login.get("expired", ""),
    )

    _known(manifest, soap.operations)

    def value(name: str) -> object:
        if name in settings.secrets:
            return settings.secrets[name]
        if name not in settings.values:
            raise ConfigurationError(f"system {settings.system}: {name!r} is missing; the manifest's login names it")
        return settings.values[name]

    def opened(service: Soap) -> Headers:
        if not login:
            return {}
        named: dict[str, Any] = {argument: value(name) for argument, name in login["arguments"].items()}
        answer = service.call(login["operation"], **named)
        header, _, field = login["header"].partition(".")
        return {header: {field: inside(answer, login.get("result", ""))}}

    return SoapSession(soap, opened)


def _known(manifest: Manifest, operations: frozenset[str]) -> None:
    parts = {f"streams.{name}.soap.": spec.declared for name, spec in manifest.streams.items()}
    for place_, declared in {"soap.": manifest.declared, **parts}.items():
        for word, part in declared.items():
            named = part.get("operation") if isinstance(part, dict) else None
            if named is not None and named not in operations:
                raise ConfigurationError(
                    f"connector {manifest.id}: {place_}{word}: the WSDL has no operation {named}; it has "
                    f"{', '.join(sorted(operations))}"
                )


def _rows(answer: Any, at: str) -> _Rows:
    """Return the records in an answer; one alone, which some services do not put in a list, as a list."""
    found = inside(answer, at)
    if found is None:
        return []
    return list(found) if isinstance(found, list) else [found]


def _gone(stream: str, key: str, version: str) -> SourceRecord:
    return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)


def _cursor(after: Keyset | None, told: Keyset | None) -> Json:
    return {**(after.cursor() if after else {}), **({"deleted_after": told.time} if told else {})}
