"""The streams of one database behind one reader: parties and sales, each read in its own way."""

from collections.abc import Iterator, Sequence

from connectors.tryton import party, sale
from connectors.tryton.reader import PartyReader
from connectors.tryton.sale import SaleReader
from onevoice.sdk import Json, Page, SourceRecord
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.two_way import ReaderPart


class Streams:
    """Asks the reader that a stream has."""

    def __init__(self, parties: PartyReader, sales: SaleReader, manifest: Manifest) -> None:
        self._readers: dict[str, ReaderPart] = {party.STREAM: parties, sale.STREAM: sales}
        self._manifest = manifest

    def check(self) -> None:
        """Prove that each stream may be read."""
        for reader in self._readers.values():
            reader.check()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`."""
        return self._readers[self._manifest.stream(stream).name].read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now."""
        return self._readers[self._manifest.stream(stream).name].readback(stream, keys)
