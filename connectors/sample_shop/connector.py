"""The connector to the sample web shop: joins reader, writer and receiver over one client."""

from collections.abc import Iterator, Mapping, Sequence

from connectors.sample_shop.reader import ShopReader
from connectors.sample_shop.receiver import ShopReceiver
from connectors.sample_shop.writer import ShopWriter
from onevoice.sdk import Change, Json, Page, Settings, SourceRecord, WriteResult
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.rest import BearerAuth, Rest
from onevoice.sdk.throttle import Throttle


class SampleShop:
    """Accounts (both ways) and orders of one shop, polled and pushed."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(
            throttle=Throttle(manifest.capabilities.requests_per_second),
            now=settings.now,
            auth=BearerAuth(settings.secrets["token"]),
        )
        url = checked_address(settings.values["url"], "url")
        self._rest = Rest(url, system=settings.system, exchange=exchange)
        self._reader = ShopReader(self._rest, settings, manifest)
        self._writer = ShopWriter(self._rest, settings, manifest)
        self._receiver = ShopReceiver(settings, manifest)

    def check(self) -> None:
        """Ask for one record of each stream."""
        self._reader.check()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`."""
        return self._reader.read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now."""
        return self._reader.readback(stream, keys)

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Change records that have not changed since; one result each."""
        return self._writer.write(stream, changes)

    def receive(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a signed webhook."""
        return self._receiver.receive(headers, body)

    def parse(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a webhook that was proven when it came."""
        return self._receiver.parse(headers, body)

    def close(self) -> None:
        """Give the connections back."""
        self._rest.close()
