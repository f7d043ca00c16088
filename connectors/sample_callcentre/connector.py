"""The connector to the sample call centre: hands over its suppression list and reads the receipt.

Calls and do-not-call requests need nothing from here: the call centre publishes them itself.
"""

from collections.abc import Sequence
from pathlib import Path

from connectors.sample_callcentre.reader import ReceiptReader, Triples
from connectors.sample_callcentre.writer import SuppressionWriter
from onevoice.sdk import ConfigurationError, ListEntry, Settings
from onevoice.sdk.files import check_folder
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place


class SampleCallCentre:
    """One call centre's folder for lists."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        folder = Path(str(settings.values["folder"]))
        self._where = place(settings.system, "suppression")
        self._lists = manifest.lists
        self._inbox, self._outbox = folder / "inbox", folder / "outbox"
        self._writer = SuppressionWriter(self._inbox, self._where)
        self._receipts = ReceiptReader(self._outbox, self._where)

    def check(self) -> None:
        """Prove that lists can be handed over and receipts be read."""
        check_folder(self._inbox, where=self._where, writable=True)
        check_folder(self._outbox, where=self._where, writable=False)

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list."""
        self._known(name)
        self._writer.write(entries)

    def readback_list(self, name: str) -> Triples | None:
        """Return what the call centre has in force; None: no proof yet."""
        self._known(name)
        return self._receipts.read()

    def close(self) -> None:
        """Nothing is kept open."""

    def _known(self, name: str) -> None:
        if name not in self._lists:
            raise ConfigurationError(f"{self._where}: there is no list {name!r}; there is {', '.join(self._lists)}")
