"""The connector to Asterisk: listens to calls, and hands the do-not-call file over to the dialler."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.asterisk.calls import STREAM
from connectors.asterisk.line import AmiLine
from connectors.asterisk.reader import CallReader
from onevoice.sdk import ConfigurationError, Json, ListEntry, Page, Settings, SourceRecord
from onevoice.sdk.list_file import ListFile, Triples
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place


class Asterisk:
    """One Asterisk and the dialler beside it."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        values = settings.values
        self._where = place(settings.system)
        self._reader = CallReader(
            lambda: AmiLine(
                str(values["host"]),
                int(str(values["port"])),
                str(values["username"]),
                settings.secrets["secret"],
                tls=bool(values["tls"]),
                where=place(settings.system, STREAM),
            ),
            settings,
            manifest,
        )
        folder = Path(str(values["folder"]))
        self._lists = {name: ListFile(folder, name, place(settings.system, name)) for name in manifest.lists}

    def check(self) -> None:
        """Log in, and prove that the list can be handed over."""
        self._reader.check()
        for one in self._lists.values():
            one.check()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield calls as they come; see `CallReader.read`."""
        return self._reader.read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return nothing: Asterisk keeps no calls."""
        return self._reader.readback(stream, keys)

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list."""
        self._list(name).write(entries)

    def readback_list(self, name: str) -> Triples | None:
        """Return what the dialler has in force; None: no proof yet."""
        return self._list(name).read()

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def _list(self, name: str) -> ListFile:
        if name not in self._lists:
            raise ConfigurationError(f"{self._where}: there is no list {name!r}; there is {', '.join(self._lists)}")
        return self._lists[name]
