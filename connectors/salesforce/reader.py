"""Reads objects: all of them by query and queryMore; later what getDeleted and getUpdated name, by retrieve.

A cursor is the time up to which the API says that it has told all changes, and during a first read the last record's
place besides. The API forgets changes after about 30 days and a place in a query when it likes: then everything behind
the last known place is queried, in the order (SystemModstamp, Id).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from connectors.salesforce.session import LocatorLostError, PartnerSession, WindowError
from connectors.salesforce.sobject import FIELDS, VERSION, sobject_record
from onevoice.sdk import Json, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.plain import instant
from onevoice.sdk.sound import sound_records

RETRIEVED = 200
_MOST_LOST = 5


class SObjectReader:
    """Reads the streams of one organisation."""

    def __init__(self, session: PartnerSession, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Log in, and ask for one object of each stream."""
        for stream in self._manifest.streams:
            self._session.call("query", stream=stream, queryString=_soql(stream, None, most=1))

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield everything where the cursor is none or of a first read, then what changed and what was deleted."""
        self._manifest.stream(stream)
        covered = str((cursor or {}).get("covered", "")) or self._server_time(stream)
        after = Keyset.of(cursor)
        if cursor is None or after is not None:
            yield from self._everything(stream, after, covered)
            return
        try:
            yield from self._changes(stream, covered)
        except WindowError:
            start = Keyset(covered, "").back(self._manifest.stream(stream).overlap_seconds)
            yield from self._everything(stream, start, self._server_time(stream))

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the organisation does not have come back as deleted, as of now."""
        found = self._retrieved(stream, keys)
        version = version_text(self._settings.now())
        return [
            found.get(key) or SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
            for key in keys
        ]

    def _everything(self, stream: str, after: Keyset | None, covered: str) -> Iterator[Page]:
        """Yield all behind a place; a place in the query that is lost costs a new query from the last record."""
        lost = 0
        while True:
            try:
                for rows in self._query(stream, after):
                    records = [sobject_record(stream, row) for row in rows]
                    sound = sound_records(records, self._where(stream), named=f"Id or {VERSION}")
                    if sound:
                        after = Keyset(sound[-1].version, sound[-1].key)
                    yield Page(records=records, cursor={**(after.cursor() if after else {}), "covered": covered})
            except LocatorLostError:
                lost += 1
                if lost > _MOST_LOST:
                    raise
                continue
            yield Page(records=[], cursor={"covered": covered})
            return

    def _query(self, stream: str, after: Keyset | None) -> Iterator[list[Any]]:
        result = self._session.call("query", stream=stream, queryString=_soql(stream, after))
        while True:
            if rows := result["records"] or []:
                yield rows
            if result["done"]:
                return
            result = self._session.call("queryMore", stream=stream, queryLocator=result["queryLocator"])

    def _changes(self, stream: str, covered: str) -> Iterator[Page]:
        start = Keyset(covered, "").back(self._manifest.stream(stream).overlap_seconds).moment()
        window: dict[str, datetime] = {"startDate": start, "endDate": instant(self._server_time(stream))}
        deleted = self._session.call("getDeleted", stream=stream, sObjectType=stream, **window)
        gone = [
            SourceRecord(
                stream=stream, key=one["id"], version=version_text(one["deletedDate"]), data=None, deleted=True
            )
            for one in deleted["deletedRecords"] or []
        ]
        updated = self._session.call("getUpdated", stream=stream, sObjectType=stream, **window)
        if gone:
            yield Page(records=gone, cursor={"covered": covered})
        ids = updated["ids"] or []
        for at in range(0, len(ids), RETRIEVED):
            found = self._retrieved(stream, ids[at : at + RETRIEVED])
            yield Page(records=list(found.values()), cursor={"covered": covered})
        # What a long transaction still holds back is not covered: the earlier of the two is where to go on.
        last = version_text(min(deleted["latestDateCovered"], updated["latestDateCovered"]))
        yield Page(records=[], cursor={"covered": max(covered, last)})

    def _retrieved(self, stream: str, keys: Sequence[str]) -> dict[str, SourceRecord]:
        found: dict[str, SourceRecord] = {}
        for at in range(0, len(keys), RETRIEVED):
            ids = list(keys[at : at + RETRIEVED])
            asked = {"fieldList": ", ".join(FIELDS[stream]), "sObjectType": stream, "ids": ids}
            rows = self._session.call("retrieve", stream=stream, **asked) or []
            records = [sobject_record(stream, row) for row in rows if row is not None]
            found |= {record.key: record for record in records if record.key and record.version}
        return found

    def _server_time(self, stream: str) -> str:
        return version_text(self._session.call("getServerTimestamp", stream=stream)["timestamp"])

    def _where(self, stream: str) -> str:
        return place(self._settings.system, stream)


def _soql(stream: str, after: Keyset | None, *, most: int | None = None) -> str:
    """Return the query for all behind a place. Nothing in it is anybody's input: its names are ours."""
    query = f"SELECT {', '.join(FIELDS[stream])} FROM {stream}"  # noqa: S608
    if after is not None:
        time = f"{after.moment():%Y-%m-%dT%H:%M:%SZ}"
        key = "".join(sign for sign in after.key if sign.isalnum())
        query += f" WHERE {VERSION} > {time} OR ({VERSION} = {time} AND Id > '{key}')"
    return query + f" ORDER BY {VERSION}, Id" + (f" LIMIT {most}" if most else "")
