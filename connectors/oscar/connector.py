"""The connector to django-oscar: full sweeps in, single fields of a user out."""

from connectors.oscar.reader import ShopReader
from onevoice.sdk import Settings, TwoWay
from onevoice.sdk.declarative.rest_writer import RestWriter
from onevoice.sdk.exchange import Exchange, Limits, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.rest import Rest, basic_auth
from onevoice.sdk.throttle import Throttle

_WHOLE_LISTS = Limits(read_seconds=120.0, total_seconds=600.0, max_bytes=256 * 1024 * 1024)


class Oscar(TwoWay):
    """One shop, both ways."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(
            throttle=Throttle(manifest.capabilities.requests_per_second),
            now=settings.now,
            auth=basic_auth(str(settings.values["username"]), settings.secrets["password"]),
            limits=_WHOLE_LISTS,
        )
        rest = Rest(checked_address(settings.values["url"], "url"), system=settings.system, exchange=exchange)
        reader = ShopReader(rest, settings, manifest)
        super().__init__(reader, RestWriter(rest, reader, settings, manifest), close=rest.close)
