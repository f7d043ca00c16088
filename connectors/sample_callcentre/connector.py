"""The connector to the sample call centre: hands over its suppression list and reads the receipt.

Calls and do-not-call requests need nothing from here: the call centre publishes them itself.
"""

from collections.abc import Sequence
from pathlib import Path

from onevoice.sdk import ConfigurationError, ListEntry, Settings
from onevoice.sdk.list_file import ListFile, Triples
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place


class SampleCallCentre:
    """One call centre's folder for lists."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        folder = Path(str(settings.values["folder"]))
        self._lists = {name: ListFile(folder, name, place(settings.system, name)) for name in manifest.lists}
        self._where = place(settings.system)

    def check(self) -> None:
        """Prove that lists can be handed over and receipts be read."""
        for one in self._lists.values():
            one.check()

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list."""
        self._list(name).write(entries)

    def readback_list(self, name: str) -> Triples | None:
        """Return what the call centre has in force; None: no proof yet."""
        return self._list(name).read()

    def close(self) -> None:
        """Nothing is kept open."""

    def _list(self, name: str) -> ListFile:
        if name not in self._lists:
            raise ConfigurationError(f"{self._where}: there is no list {name!r}; there is {', '.join(self._lists)}")
        return self._lists[name]
