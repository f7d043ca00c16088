"""Reads the shop: each read asks for a whole list, which is all that its API has, and passes on what changed.

The one rule: a record is gone only when the API itself says so of its address. A page of some other program with the
same status says nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from connectors.oscar.shape import shop_record
from onevoice.sdk import Json, OperatorError, Page, Settings, SourceRecord, TransientError
from onevoice.sdk.declarative.version import NO_VERSION
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.paging import SinglePage
from onevoice.sdk.place import place
from onevoice.sdk.rest import Answer, AnswerKind, Rest, document
from onevoice.sdk.sound import sound_records
from onevoice.sdk.sweep import swept_pages


class ShopReader:
    """Reads the streams of one shop."""

    def __init__(self, rest: Rest, settings: Settings, manifest: Manifest) -> None:
        self._rest = rest
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Ask for a record that is in no shop: whoever may not see the others is refused, and is told so."""
        for stream in self._manifest.streams:
            answer = self._one(stream, "0")
            if answer.kind is AnswerKind.MISSING and not _is_apis_own(answer):
                raise OperatorError(f"{place(self._settings.system, stream)}: no API at this address; check url")

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what differs from what `cursor` saw."""
        spec = self._manifest.stream(stream)
        records: list[SourceRecord] = []
        for rows in self._rest.pages(spec.declared["list"], stream=stream, params={}, paging=SinglePage()):
            records += [record for row in rows if (record := shop_record(stream, row))]
        sound_records(records, place(self._settings.system, stream), named="an address")
        yield from swept_pages(records, cursor, size=spec.page_size)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those of which the API itself says that it has none come back as deleted."""
        found = [self._readback(stream, key) for key in keys]
        return [record for record in found if record is not None]

    def unwrapped(self, _stream: str, body: Json) -> Json:
        """Return the record in the answer for a single one: it is the answer."""
        return body

    def record(self, stream: str, data: Json) -> SourceRecord:
        """Return a record as it is read."""
        return shop_record(stream, data) or SourceRecord(stream=stream, key="", version="", data=None, deleted=True)

    def _readback(self, stream: str, key: str) -> SourceRecord | None:
        where = place(self._settings.system, stream, key)
        answer = self._one(stream, key)
        if answer.kind is not AnswerKind.MISSING:
            return shop_record(stream, document(answer, where))
        if not _is_apis_own(answer):
            raise TransientError(f"{where}: HTTP {answer.status}, and not from the shop's API; it is tried again")
        return SourceRecord(stream=stream, key=key, version=NO_VERSION, data=None, deleted=True)

    def _one(self, stream: str, key: str) -> Answer:
        path = str(self._manifest.stream(stream).declared["one"])
        return self._rest.get(path.replace("{key}", key if key.isdecimal() else "0"), stream=stream)


def _is_apis_own(answer: Answer) -> bool:
    data: Any = answer.data
    return isinstance(data, dict) and "detail" in data
