"""Reads the CRM: first what was deleted, then what changed, each from its own place on the CRM's clock.

The cursor is `{"after": [SystemModstamp, Id], "deleted_after": time}`. Deletes come first and have their own place,
since a record that changed later must not carry the cursor past a delete that nobody was told of. One odd record is
set aside by itself: it never keeps its neighbours, or an opt-out, from being read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from onevoice.sdk import Json, Page, Settings, SourceRecord, TransientError, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.paging import PageGuard
from onevoice.sdk.place import place
from onevoice.sdk.plain import plain
from onevoice.sdk.soap import SoapSession
from onevoice.sdk.sound import sound_records

_BEGINNING = Keyset("1970-01-01T00:00:00.000000Z", "")
_IDS_PER_CALL = 200


class CrmReader:
    """Reads contacts and cases through one session."""

    def __init__(self, session: SoapSession, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Prove that the login works and records may be read."""
        for stream in self._manifest.streams:
            self._session.call("query", stream=stream, objectType=stream, batchSize=1)

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the deletes since the cursor's place for deletes, then the changes since its place for changes."""
        overlap = self._manifest.stream(stream).overlap_seconds
        where = place(self._settings.system, stream)
        after = Keyset.of(cursor)
        told = Keyset.of({"after": [cursor["deleted_after"], ""]} if cursor and "deleted_after" in cursor else None)
        deleted = self._deleted(stream, told.back(overlap) if told else _BEGINNING)
        told = furthest(told, _BEGINNING, *(Keyset(record.version, "") for record in deleted))
        if deleted:
            yield Page(records=deleted, cursor=_cursor(after, told))
        for records in self._changed(stream, after.back(overlap) if after else None):
            for sound in sound_records(records, where, named="Id or SystemModstamp")[-1:]:
                after = furthest(after, Keyset(sound.version, sound.key))
            yield Page(records=records, cursor=_cursor(after, told))

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the CRM does not have come back as deleted, as of now.

        One without Id or SystemModstamp does not come back: nothing can be proven of it.
        """
        found: list[SourceRecord] = []
        for at in range(0, len(keys), _IDS_PER_CALL):
            answer = self._session.call("retrieve", stream=stream, objectType=stream, ids=keys[at : at + _IDS_PER_CALL])
            rows = [_record(stream, row) for row in answer["records"] or ()]
            found += [record for record in rows if record.key and record.version]
            version = version_text(self._settings.now())
            found += [_gone(stream, key, version) for key in answer["missingIds"] or ()]
        return found

    def _deleted(self, stream: str, since: Keyset) -> list[SourceRecord]:
        rows = self._session.call("getDeleted", stream=stream, objectType=stream, since=since.time)
        return [_gone(stream, row["id"], version_text(row["deletedDate"])) for row in rows or ()]

    def _changed(self, stream: str, since: Keyset | None) -> Iterator[list[SourceRecord]]:
        guard = PageGuard(place(self._settings.system, stream))
        size = self._manifest.stream(stream).page_size
        request: Json = {"objectType": stream, "batchSize": size}
        if since is not None:
            request["modifiedSince"] = since.time
        while True:
            answer = self._session.call("query", stream=stream, **request)
            records = [_record(stream, row) for row in answer["records"] or ()]
            locator = None if answer["done"] else answer["queryLocator"]
            guard.admit([(record.key, record.version) for record in records], locator)
            if records:
                yield records
            if answer["done"]:
                return
            if not locator:
                raise TransientError(
                    f"{place(self._settings.system, stream)}: a page that is not the last has no locator"
                )
            request = {"objectType": stream, "batchSize": size, "queryLocator": locator}


def _record(stream: str, row: dict[str, Any]) -> SourceRecord:
    """Return one record; what it lacks of Id and SystemModstamp is empty, for quarantine."""
    modified = row.get("SystemModstamp")
    data = {name: plain(value) for name, value in row.items()}
    version = version_text(modified) if modified is not None else ""
    return SourceRecord(stream=stream, key=row.get("Id") or "", version=version, data=data)


def _gone(stream: str, key: str, version: str) -> SourceRecord:
    return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)


def _cursor(after: Keyset | None, told: Keyset) -> Json:
    return {**(after.cursor() if after else {}), "deleted_after": told.time}
