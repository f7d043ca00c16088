"""The connector to Tryton: reader and writer over one session."""

from connectors.tryton.catalogue import Catalogue
from connectors.tryton.reader import PartyReader
from connectors.tryton.rpc import TrytonRpc
from connectors.tryton.writer import PartyWriter
from onevoice.sdk import Settings, TwoWay
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.throttle import Throttle


class Tryton(TwoWay):
    """Parties of one Tryton database, both ways."""

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
        reader = PartyReader(rpc, catalogue, settings, manifest)
        super().__init__(reader, PartyWriter(rpc, catalogue, reader, settings, manifest), close=rpc.close)
