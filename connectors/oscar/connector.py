"""The connector to django-oscar: full sweeps in, single fields of a user out."""

from dataclasses import replace

from connectors.oscar.reader import ShopReader
from onevoice.sdk import Settings, TwoWay
from onevoice.sdk.declarative.rest_writer import RestWriter
from onevoice.sdk.exchange import Exchange, Limits, checked_address, limits_now
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.rest import Rest, basic_auth
from onevoice.sdk.throttle import Throttle


class Oscar(TwoWay):
    """One shop, both ways."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(
            throttle=Throttle(manifest.capabilities.requests_per_second),
            now=settings.now,
            auth=basic_auth(str(settings.values["username"]), settings.secrets["password"]),
            limits=_for_whole_lists(limits_now()),
        )
        rest = Rest(checked_address(settings.values["url"], "url"), system=settings.system, exchange=exchange)
        reader = ShopReader(rest, settings, manifest)
        super().__init__(reader, RestWriter(rest, reader, settings, manifest), close=rest.close)


def _for_whole_lists(usual: Limits) -> Limits:
    """Return what a whole list may take: 256 MiB and ten minutes, where 16 MiB and two minutes are usual."""
    return replace(
        usual,
        read_seconds=4 * usual.read_seconds,
        total_seconds=5 * usual.total_seconds,
        max_bytes=16 * usual.max_bytes,
    )
