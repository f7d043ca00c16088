"""The connector to the sample ERP: reader and writer over one engine."""

from connectors.sample_erp.reader import ErpReader
from connectors.sample_erp.writer import ErpWriter
from onevoice.sdk import Maker, Settings
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.sql import open_engine


class SampleErp(Maker):
    """Customers with their main address (both ways) and orders of one ERP."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        engine = open_engine(str(settings.values["database"]), password=settings.secrets.get("password"))
        super().__init__(
            ErpReader(engine, settings, manifest), ErpWriter(engine, settings, manifest), close=engine.dispose
        )
