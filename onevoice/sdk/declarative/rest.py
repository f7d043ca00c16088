"""A REST connector without code: paths, paging, versions and conditions as `manifest.yaml` declares them.

Settings and secrets are the manifest's own; `url` is the address that all paths are under. A connector with code may
extend it, for instance by a port for webhooks.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import requests

from onevoice.errors import ConfigurationError
from onevoice.messages import Json, SourceRecord
from onevoice.sdk.declarative.rest_creator import RestCreator
from onevoice.sdk.declarative.version import NO_VERSION, NO_VERSION_FIELD, asked, is_marked, version_of
from onevoice.sdk.draft import drafted_schema
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.oauth import OAuth2, RefreshToken
from onevoice.sdk.paging import (
    AddressPaging,
    CursorPaging,
    LinkPaging,
    NumberPaging,
    OffsetPaging,
    Paging,
    SinglePage,
    inside,
)
from onevoice.sdk.place import place
from onevoice.sdk.ports import Page, Settings
from onevoice.sdk.rest import AnswerKind, BearerAuth, HeaderAuth, Rest, basic_auth, document
from onevoice.sdk.sound import sound_records
from onevoice.sdk.throttle import Throttle
from onevoice.sdk.two_way import Maker


class DeclarativeRest(Maker):
    """One REST API, as its manifest declares it."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        url = checked_address(settings.values["url"], "url")
        throttle = Throttle(manifest.capabilities.requests_per_second)
        auth = _auth(manifest.declared.get("auth", {}), url, settings, throttle)
        rest = Rest(url, system=settings.system, exchange=Exchange(throttle=throttle, now=settings.now, auth=auth))
        self._records = RestReader(rest, settings, manifest)
        self._making = RestCreator(rest, self._records, settings, manifest)
        super().__init__(self._records, self._making, close=rest.close)

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        """Return reference -> key of those that the service has; see `RecordFinder`."""
        return self._making.find(stream, references)

    def discover(self, stream: str) -> Json:
        """Return a schema of the records on the stream's first page."""
        return self._records.discover(stream)

    def record(self, stream: str, data: Json) -> SourceRecord:
        """Return a record of a stream as it is read; what it lacks of key and version is empty."""
        return self._records.record(stream, data)


class RestReader:
    """Reads the streams of one API."""

    def __init__(self, rest: Rest, settings: Settings, manifest: Manifest) -> None:
        self._rest = rest
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Ask for the beginning of each stream that is polled."""
        for stream in (spec.name for spec in self._manifest.polled()):
            next(self._pages(stream, {}, size=1), None)

    def discover(self, stream: str) -> Json:
        """Return a schema of the records on the first page."""
        declared = self._manifest.stream(stream).declared
        rows = next(self._pages(stream, {}), [])
        required = [declared["key"], declared.get("version", NO_VERSION_FIELD)]
        tops = [name for name in required if "." not in name]
        return drafted_schema(stream, [self._data(declared, row) for row in rows], required=tops)

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`; everything for a stream whose list cannot be asked so.

        A list that is not declared to be in the order of change moves the cursor at its end only.
        """
        spec = self._manifest.stream(stream)
        where = place(self._settings.system, stream)
        since: Mapping[str, Any] = spec.declared.get("since", {})
        after = start = Keyset.of(cursor) if since else None
        params = {since["parameter"]: asked(after.back(spec.overlap_seconds), since.get("as", "iso"))} if after else {}
        held: list[SourceRecord] = []
        for rows in filter(None, self._pages(stream, params)):
            if held:
                yield Page(records=held, cursor=_cursor(after if since.get("ordered") else start))
            held = [self.record(stream, row) for row in rows]
            if since:
                after = _latest(after, sound_records(held, where, named=self._named(stream)))
            else:
                sound_records(held, where, named=self._named(stream))
        if held:
            yield Page(records=held, cursor=_cursor(after))

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the system does not have come back as deleted.

        One without key or version does not come back: nothing can be proven of it.
        """
        found = [self.one(stream, key) for key in keys]
        return [record for record in found if record is not None and record.key and record.version]

    def one(self, stream: str, key: str) -> SourceRecord | None:
        """Return one record as it stands now."""
        declared = self._manifest.stream(stream).declared
        answer = self._rest.get(declared["one"].replace("{key}", quote(key, safe="")), stream=stream)
        if answer.kind is AnswerKind.MISSING:
            version = NO_VERSION if "version" not in declared else _now(self._settings)
            return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
        where = place(self._settings.system, stream, key)
        return self.record(stream, self.unwrapped(stream, document(answer, where)))

    def unwrapped(self, stream: str, body: Json) -> Json:
        """Return the record in the answer for a single one."""
        found = inside(body, self._manifest.stream(stream).declared.get("record", ""))
        return found if isinstance(found, dict) else {}

    def record(self, stream: str, data: Json) -> SourceRecord:
        """Return one record; what it lacks of key and version is empty, for quarantine."""
        declared = self._manifest.stream(stream).declared
        found = inside(data, declared["key"])
        key = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
        version = NO_VERSION
        if "version" in declared:
            version = version_of(inside(data, declared["version"]), declared.get("version_as", "iso"))
        if is_marked(data, declared.get("deleted")):
            return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
        return SourceRecord(stream=stream, key=key, version=version, data=self._data(declared, data))

    def _data(self, declared: Json, data: Json) -> Json:
        return data if "version" in declared else {**data, NO_VERSION_FIELD: 0}

    def _named(self, stream: str) -> str:
        declared = self._manifest.stream(stream).declared
        return " or ".join(declared[name] for name in ("key", "version") if name in declared)

    def _pages(self, stream: str, params: Mapping[str, str], *, size: int | None = None) -> Iterator[list[Json]]:
        spec = self._manifest.stream(stream)
        declared = spec.declared
        own = {name: str(value) for name, value in declared.get("parameters", {}).items()}
        if "page_size_parameter" in declared:
            own[declared["page_size_parameter"]] = str(size or spec.page_size)
        return self._rest.pages(
            declared["list"],
            stream=stream,
            params={**own, **params},
            paging=_paging(declared.get("paging", {})),
            rows=declared.get("records", ""),
        )


def _latest(after: Keyset | None, sound: Sequence[SourceRecord]) -> Keyset | None:
    places = [Keyset(record.version, record.key) for record in sound]
    return furthest(after, *places) if places else after


def _cursor(position: Keyset | None) -> Json:
    return position.cursor() if position else {}


def _now(settings: Settings) -> str:
    return Keyset(settings.now().isoformat(), "").back(0).time


def _paging(declared: Json) -> Paging:
    parameter = {"parameter": declared["parameter"]} if "parameter" in declared else {}
    match declared.get("by"):
        case "cursor":
            return CursorPaging(declared["at"], **parameter)
        case "number":
            return NumberPaging(begin=declared.get("begin", 1), **parameter)
        case "offset":
            return OffsetPaging(**parameter)
        case "link":
            return LinkPaging()
        case "address":
            return AddressPaging(declared["at"])
    return SinglePage()


def _refresh_token(name: str, settings: Settings) -> RefreshToken:
    return RefreshToken(stands=lambda: settings.secrets[name], keep=partial(settings.keep, name))


def _auth(declared: Json, url: str, settings: Settings, throttle: Throttle) -> requests.auth.AuthBase | None:
    """Return the declared proof, made from the secrets and settings that it names."""

    def secret(name: str) -> str:
        try:
            return settings.secrets.get(name) or str(settings.values[name])
        except KeyError:
            raise ConfigurationError(
                f"system {settings.system}: {name!r} is missing; auth in the manifest names it"
            ) from None

    match declared:
        case {"bearer": name}:
            return BearerAuth(secret(name))
        case {"basic": {"user": user, "password": password}}:
            return basic_auth(secret(user), secret(password))
        case {"header": {"name": header, "secret": name}}:
            return HeaderAuth(header, secret(name))
        case {"oauth2": given}:
            return OAuth2(
                f"{url}/{given['token_path'].lstrip('/')}",
                secret(given["client_id"]),
                secret(given["client_secret"]),
                system=settings.system,
                exchange=Exchange(throttle=throttle, now=settings.now),
                now=settings.now,
                scope=given.get("scope", ""),
                refresh_token=_refresh_token(given["refresh_token"], settings) if "refresh_token" in given else None,
            )
    return None
