"""The connector to the sample ERP: joins reader and writer over one engine."""

from collections.abc import Iterator, Sequence

from connectors.sample_erp.reader import ErpReader
from connectors.sample_erp.writer import ErpWriter
from onevoice.sdk import Change, Json, Page, Settings, SourceRecord, WriteResult
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.sql import open_engine


class SampleErp:
    """Customers with their main address (both ways) and orders of one ERP."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        self._engine = open_engine(str(settings.values["database"]), password=settings.secrets.get("password"))
        self._reader = ErpReader(self._engine, settings, manifest)
        self._writer = ErpWriter(self._engine, settings, manifest)

    def check(self) -> None:
        """Read one row of each stream."""
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

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
