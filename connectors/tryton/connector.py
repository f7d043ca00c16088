"""The connector to Tryton: readers and a writer over one session."""

from collections.abc import Sequence

from connectors.tryton.catalogue import Catalogue
from connectors.tryton.reader import PartyReader
from connectors.tryton.rpc import TrytonRpc
from connectors.tryton.sale import SaleReader
from connectors.tryton.streams import Streams
from connectors.tryton.writer import PartyWriter
from onevoice.sdk import Maker, Settings
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.throttle import Throttle


class Tryton(Maker):
    """Parties of one Tryton database, both ways, and its sales."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(throttle=Throttle(manifest.capabilities.requests_per_second), now=settings.now)
        rpc = TrytonRpc(
            checked_address(settings.values["url"], "url"),
            str(settings.values["database"]),
            str(settings.values["username"]),
            settings.secrets["password"],
            exchange=exchange,
        )
        catalogue = Catalogue(rpc, settings)
        parties = PartyReader(rpc, catalogue, settings, manifest)
        streams = Streams(parties, SaleReader(rpc, settings, manifest), manifest)
        self._parties = PartyWriter(rpc, catalogue, parties, settings, manifest)
        super().__init__(streams, self._parties, close=rpc.close)

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        """Return reference -> key of the parties that were made; see `RecordFinder`."""
        return self._parties.find(stream, references)
