"""The connector to Tryton: joins reader and writer over one session."""

from collections.abc import Iterator, Sequence

from connectors.tryton.catalogue import Catalogue
from connectors.tryton.reader import PartyReader
from connectors.tryton.rpc import TrytonRpc
from connectors.tryton.writer import PartyWriter
from onevoice.sdk import Change, Json, Page, Settings, SourceRecord, WriteResult
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.throttle import Throttle


class Tryton:
    """Parties of one Tryton database, both ways."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        exchange = Exchange(throttle=Throttle(manifest.capabilities.requests_per_second), now=settings.now)
        self._rpc = TrytonRpc(
            checked_address(settings.values["url"], "url"),
            str(settings.values["database"]),
            str(settings.values["username"]),
            settings.secrets["password"],
            exchange=exchange,
        )
        catalogue = Catalogue(self._rpc, settings)
        self._reader = PartyReader(self._rpc, catalogue, settings, manifest)
        self._writer = PartyWriter(self._rpc, catalogue, self._reader, settings, manifest)

    def check(self) -> None:
        """Log in, and prove the rights and that the categories for opt-outs exist."""
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
        self._rpc.close()
