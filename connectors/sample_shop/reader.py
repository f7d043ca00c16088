"""Reads the shop: accounts and orders, page by page, in the order of their last change."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from connectors.sample_shop.record import found_record, shop_record, sound_records
from onevoice.sdk import Json, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.rest import AnswerKind, Rest, document


class ShopReader:
    """Reads accounts and orders through one client."""

    def __init__(self, rest: Rest, settings: Settings, manifest: Manifest) -> None:
        self._rest = rest
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Prove that the token lets us read."""
        for stream in self._manifest.streams:
            answer = self._rest.get(f"api/{stream}", stream=stream, params={"limit": "1"})
            document(answer, place(self._settings.system, stream))

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`, oldest first."""
        spec = self._manifest.stream(stream)
        where = place(self._settings.system, stream)
        after = Keyset.of(cursor)
        params = {"limit": str(spec.page_size)}
        if after is not None:
            params["updated_since"] = after.back(spec.overlap_seconds).time
        pages = self._rest.pages(
            f"api/{stream}", stream=stream, params=params, next_cursor=lambda page: page.get("next_cursor")
        )
        for page in pages:
            records = [found_record(stream, row) for row in page.get(stream, ())]
            for sound in sound_records(records, where)[-1:]:
                after = furthest(after, Keyset(sound.version, sound.key))
            if records:
                yield Page(records=records, cursor=after.cursor() if after else {})

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the shop does not have come back as deleted, as of now.

        One without id or `updated_at` does not come back: nothing can be proven of it.
        """
        self._manifest.stream(stream)
        return [record for key in keys if (record := self._one(stream, key)) is not None]

    def _one(self, stream: str, key: str) -> SourceRecord | None:
        answer = self._rest.get(f"api/{stream}/{quote(key, safe='')}", stream=stream)
        if answer.kind is AnswerKind.MISSING:
            version = version_text(self._settings.now())
            return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
        where = place(self._settings.system, stream, key)
        return shop_record(stream, document(answer, where))
