"""A file connector without code: which files, their form, key and version as `manifest.yaml` declares them.

The setting is `folder`. A stream reads the files of a pattern: each one is news by itself, or, with `complete: true`,
the newest one holds every record there is. A record whose file has no column for a version has the file's own time.
"""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError, OperatorError, RecordError
from onevoice.messages import Json, ListEntry, SourceRecord
from onevoice.sdk.declarative.file_lists import FileLists
from onevoice.sdk.declarative.file_writer import FileWriter
from onevoice.sdk.declarative.version import NO_VERSION_FIELD, is_marked, version_of
from onevoice.sdk.draft import drafted_schema
from onevoice.sdk.files import read_whole
from onevoice.sdk.folder import Folder, Found
from onevoice.sdk.formats import LINE, Csv, FixedWidth, Format, Ndjson, Xml
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.list_file import Triples
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.paging import inside
from onevoice.sdk.place import place
from onevoice.sdk.ports import Connector, Page, Settings
from onevoice.sdk.sound import sound_records
from onevoice.sdk.two_way import TwoWay
from onevoice.versions import version_text


def declared_files(settings: Settings, manifest: Manifest) -> Connector:
    """Return the connector for one folder: to its records, to its suppression lists, or to both.

    Raises:
        ConfigurationError: an encoding is none.
    """
    if not manifest.polled():
        return FileLists(settings, manifest)
    return FilesAndLists(settings, manifest) if manifest.lists else DeclarativeFile(settings, manifest)


class DeclarativeFile(TwoWay):
    """One folder, as the manifest declares its files."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        self._files = FileReader(settings, manifest)
        super().__init__(self._files, FileWriter(self._files, settings, manifest), close=_nothing)

    def discover(self, stream: str) -> Json:
        """Return a schema of the rows in the stream's newest file."""
        return self._files.discover(stream)


class FilesAndLists(DeclarativeFile):
    """A folder with files of records, that suppression lists are handed over in as well."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        super().__init__(settings, manifest)
        self._lists = FileLists(settings, manifest)

    def check(self) -> None:
        """Prove that the files can be read and lists be handed over."""
        super().check()
        self._lists.check()

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list; see `ListWriter.write_list`."""
        self._lists.write_list(name, entries)

    def readback_list(self, name: str) -> Triples | None:
        """Return what the system has in force; None: no proof yet."""
        return self._lists.readback_list(name)


class FileReader:
    """Reads the files of each stream that is polled."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        self._settings = settings
        self._manifest = manifest
        self._streams = manifest.polled()
        self._formats = {spec.name: _format(manifest, spec.name) for spec in self._streams}

    def check(self) -> None:
        """Prove that the folder can be used and that the newest file of each stream can be read.

        Raises:
            OperatorError: it cannot.
            TransientError: the newest file is still being written, or the disk fails.
        """
        for spec in self._streams:
            self.folder(spec.name).check(writable=spec.writable)
            for found in self.whole(spec.name)[-1:]:
                self.rows(spec.name, found)

    def discover(self, stream: str) -> Json:
        """Return a schema of the rows in the newest file."""
        declared = self._manifest.stream(stream).declared
        rows = [
            self._data(declared, row, found)
            for found in self.whole(stream)[-1:]
            for row in self.rows(stream, found)
            if LINE not in row
        ]
        required = [declared["key"], declared.get("version", NO_VERSION_FIELD)]
        return drafted_schema(stream, rows, required=required if rows else [])

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the rows of the files that came since `cursor`; the cursor moves with the last row of a file."""
        spec = self._manifest.stream(stream)
        after = Keyset.of(cursor)
        start = after.back(spec.overlap_seconds) if after and spec.overlap_seconds else after
        for found in self.whole(stream):
            if start is not None and found.place <= start:
                continue
            records = self._records(stream, found)
            sound_records(records, self._where(stream, found), named=self._named(stream))
            for at in range(0, len(records), spec.page_size):
                some = records[at : at + spec.page_size]
                if at + spec.page_size >= len(records):
                    after = furthest(after, found.place)
                yield Page(records=some, cursor=after.cursor() if after else {})

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as the newest file that holds them has them.

        Only a file with every record proves that one is gone; else a record that is in no file does not come back.
        """
        found: dict[str, SourceRecord] = {}
        files = self.whole(stream)
        for file in reversed(files):
            for record in self._records(stream, file):
                if record.key in keys and record.version:
                    found.setdefault(record.key, record)
            if len(found) == len(set(keys)):
                break
        if files and self._manifest.stream(stream).declared.get("complete"):
            version = version_text(self._settings.now())
            for key in keys:
                gone = SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
                found.setdefault(key, gone)
        return [found[key] for key in keys if key in found]

    def folder(self, stream: str) -> Folder:
        """Return the folder with the stream's files."""
        declared = self._manifest.stream(stream).declared
        return Folder(
            path=Path(str(self._settings.values["folder"])),
            pattern=declared["pattern"],
            where=place(self._settings.system, stream),
            settled_seconds=declared.get("settled_seconds", 0.0 if "writable" in declared else 2.0),
            marker=declared.get("marker", ""),
        )

    def whole(self, stream: str) -> list[Found]:
        """Return the files to read, in the order of their coming; of complete ones the newest alone."""
        found = self.folder(stream).whole(self._settings.now())
        return found[-1:] if self._manifest.stream(stream).declared.get("complete") else found

    def rows(self, stream: str, found: Found) -> list[Json]:
        """Return a file's rows.

        Raises:
            OperatorError: the file is damaged or of another form.
            TransientError: it ends in the middle.
        """
        where = self._where(stream, found)
        try:
            return self._formats[stream].parse(read_whole(found.path, where=where) or b"", where=where)
        except RecordError as damage:
            raise OperatorError(f"{damage}; then put it there again and 'onevoice system resume'") from None

    def dumped(self, stream: str, rows: Sequence[Json], where: str) -> bytes:
        """Return a file with these rows; errors as `Format.dump`."""
        return self._formats[stream].dump(rows, where=where)

    def version(self, stream: str, row: Json) -> str:
        """Return a row's version as sortable text; empty where it has none of the declared form."""
        declared = self._manifest.stream(stream).declared
        return version_of(inside(row, declared["version"]), declared.get("version_as", "iso"))

    def _records(self, stream: str, found: Found) -> list[SourceRecord]:
        """Return a file's records; of several of one key at one version the last counts."""
        records = [self._record(stream, row, found) for row in self.rows(stream, found)]
        last = {(one.key, one.version): one for one in records if one.key and one.version}
        return [one for one in records if not (one.key and one.version) or last[one.key, one.version] is one]

    def _record(self, stream: str, row: Json, found: Found) -> SourceRecord:
        if LINE in row:
            return SourceRecord(stream=stream, key="", version="", data=row)
        declared = self._manifest.stream(stream).declared
        value = inside(row, declared["key"])
        key = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        version = self.version(stream, row) if "version" in declared else found.place.time
        if is_marked(row, declared.get("deleted")):
            return SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
        return SourceRecord(stream=stream, key=key, version=version, data=self._data(declared, row, found))

    def _data(self, declared: Json, row: Json, found: Found) -> Json:
        return row if "version" in declared else {**row, NO_VERSION_FIELD: found.place.time}

    def _named(self, stream: str) -> str:
        declared = self._manifest.stream(stream).declared
        return " or ".join(declared[name] for name in ("key", "version") if name in declared)

    def _where(self, stream: str, found: Found) -> str:
        return f"{place(self._settings.system, stream)}, file {found.path.name}"


def _format(manifest: Manifest, stream: str) -> Format:
    declared: dict[str, Any] = manifest.stream(stream).declared
    encoding = declared.get("encoding", "utf-8")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ConfigurationError(
            f"connector {manifest.id}: streams.{stream}.file.encoding: {encoding!r} is no encoding; write e.g. cp1252"
        ) from None
    match declared["format"]:
        case "fixed":
            return FixedWidth(widths=declared["widths"], encoding=encoding)
        case "ndjson":
            return Ndjson(encoding=encoding)
        case "xml":
            return Xml(record=declared["element"])
    needed = [declared["key"], *([declared["version"]] if "version" in declared else []), *declared.get("columns", ())]
    return Csv(columns=list(dict.fromkeys(needed)), encoding=encoding, delimiter=declared.get("delimiter", ","))


def _nothing() -> None:
    """Nothing is kept open."""
