"""The connector to the sample CRM: joins reader and writer over one session."""

from collections.abc import Iterator, Sequence

from connectors.sample_crm.reader import CrmReader
from connectors.sample_crm.session import open_session
from connectors.sample_crm.writer import CrmWriter
from onevoice.sdk import Change, Json, Page, Settings, SourceRecord, WriteResult
from onevoice.sdk.manifest import Manifest


class SampleCrm:
    """Contacts (both ways) and cases of one CRM."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        self._session = open_session(settings, manifest)
        self._reader = CrmReader(self._session, settings, manifest)
        self._writer = CrmWriter(self._session, settings, manifest)

    def check(self) -> None:
        """Log in and ask for one record."""
        self._reader.check()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what was deleted and what changed since `cursor`."""
        return self._reader.read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now."""
        return self._reader.readback(stream, keys)

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Change records that have not changed since; one result each."""
        return self._writer.write(stream, changes)

    def close(self) -> None:
        """Give the session and the connections back."""
        self._session.close()
