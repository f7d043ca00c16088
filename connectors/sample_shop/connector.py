"""The connector to the sample web shop: what the manifest declares, and the shop's signed webhooks."""

from collections.abc import Mapping

from connectors.sample_shop.receiver import ShopReceiver
from onevoice.sdk import Settings, SourceRecord
from onevoice.sdk.declarative.rest import DeclarativeRest
from onevoice.sdk.manifest import Manifest


class SampleShop(DeclarativeRest):
    """Accounts (both ways) and orders of one shop, polled and pushed."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        super().__init__(settings, manifest)
        self._receiver = ShopReceiver(settings, manifest, self.record)

    def receive(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a signed webhook."""
        return self._receiver.receive(headers, body)

    def parse(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a webhook that was proven when it came."""
        return self._receiver.parse(headers, body)
