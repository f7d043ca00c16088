"""Suppression lists as files, without code: each one that the manifest names is handed over whole and proven.

The setting `folder` has `inbox/` and `outbox/` in it; see `onevoice.sdk.list_file`.
"""

from collections.abc import Sequence
from pathlib import Path

from onevoice.errors import ConfigurationError
from onevoice.messages import ListEntry
from onevoice.sdk.list_file import ListFile, Triples
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Settings


class FileLists:
    """The lists of one system; its records, if it has any, come by themselves."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        folder = Path(str(settings.values["folder"]))
        self._lists = {name: ListFile(folder, name, place(settings.system, name)) for name in manifest.lists}
        self._where = place(settings.system)

    def check(self) -> None:
        """Prove that lists can be handed over and receipts be read; errors as `Connector.check`."""
        for one in self._lists.values():
            one.check()

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list; see `ListWriter.write_list`."""
        self._list(name).write(entries)

    def readback_list(self, name: str) -> Triples | None:
        """Return what the system has in force; None: no proof yet."""
        return self._list(name).read()

    def close(self) -> None:
        """Nothing is kept open."""

    def _list(self, name: str) -> ListFile:
        if name not in self._lists:
            raise ConfigurationError(f"{self._where}: there is no list {name!r}; there is {', '.join(self._lists)}")
        return self._lists[name]
