"""The connector to Salesforce: reader and writer over one session."""

from connectors.salesforce.reader import SObjectReader
from connectors.salesforce.session import PartnerSession
from connectors.salesforce.writer import SObjectWriter
from onevoice.sdk import Settings, TwoWay
from onevoice.sdk.exchange import Exchange
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.throttle import Throttle


class Salesforce(TwoWay):
    """One organisation, both ways."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(throttle=Throttle(manifest.capabilities.requests_per_second), now=settings.now)
        session = PartnerSession(settings, manifest, exchange)
        reader = SObjectReader(session, settings, manifest)
        super().__init__(reader, SObjectWriter(session, reader, settings, manifest), close=session.close)
