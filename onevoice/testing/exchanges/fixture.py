"""One recording as a file of a connector's folder: what was asked for, each exchange in order, and what came of it.

`fixtures/read-<stream>.json` is the beginning of a first read, `fixtures/readback-<stream>.json` a look-up of single
records. The address of the system is `ADDRESS` in all of it, secrets are their own names.
"""

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from onevoice.errors import ConfigurationError
from onevoice.messages import Json
from onevoice.sdk import Reader, Settings, SourceRecord
from onevoice.sdk.manifest import Manifest

FOLDER = "fixtures"
ADDRESS = "http://system.invalid"
PAGES = 2
PAGE_SIZE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer.

    Attributes:
        target: path and query.
        headers: those of the answer that a client may act on.
    """

    method: str
    target: str
    body: str
    status: int
    headers: Mapping[str, str]
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """One recording.

    Attributes:
        values: the settings at the time, with `ADDRESS` in them.
        keys: of a look-up; empty: it is a read.
        database: of a recording of SQL: the script that makes the rows.
        gives: key, version and whether it is deleted, of each record in order.
    """

    stream: str
    values: Mapping[str, object]
    exchanges: Sequence[Exchange]
    gives: Sequence[tuple[str, str, bool]]
    keys: Sequence[str] = field(default_factory=tuple)
    database: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{'readback' if self.keys else 'read'}-{self.stream}.json"

    def settings(self, system: Settings, manifest: Manifest, address: str) -> Settings:
        """Return settings with which the recording is played back from another address."""
        values = {
            name: value.replace(ADDRESS, address) if isinstance(value, str) else value
            for name, value in self.values.items()
        }
        return replace(system, values=values, secrets={name: name for name in manifest.secrets()})

    def run(self, reader: Reader) -> list[SourceRecord]:
        """Do what was recorded: two pages of a read, or the look-up."""
        if self.keys:
            return list(reader.readback(self.stream, self.keys))
        return [record for page in islice(reader.read(self.stream, None), PAGES) for record in page.records]

    @contextmanager
    def rows(self) -> Iterator[Path]:
        """Give a SQLite file with the rows of a recording of SQL."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.sqlite"
            with closing(sqlite3.connect(file)) as database:
                database.executescript(self.database)
            yield file

    def dump(self) -> bytes:
        """Return the file."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def small(manifest: Manifest) -> Manifest:
    """Return the manifest with pages so small that a recording shows how paging goes on."""
    return replace(
        manifest, streams={name: replace(spec, page_size=PAGE_SIZE) for name, spec in manifest.streams.items()}
    )


def fixtures_of(folder: Path) -> Iterator[Fixture]:
    """Yield the recordings in a connector's folder, by name.

    Raises:
        ConfigurationError: a file is none.
    """
    for path in sorted((folder / FOLDER).glob("*.json")):
        try:
            yield _fixture(orjson.loads(path.read_bytes()))
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(f"{folder.name}/{FOLDER}/{path.name} is no recording; record it again") from None


def addresses(values: Mapping[str, object]) -> dict[str, str]:
    """Return scheme and host of each setting that is an http address, by the setting's name."""
    found = {}
    for name, value in values.items():
        parts = urlsplit(value) if isinstance(value, str) else None
        if parts is not None and parts.scheme in ("http", "https") and parts.netloc:
            found[name] = f"{parts.scheme}://{parts.netloc}"
    return found


def _fixture(raw: Json) -> Fixture:
    return Fixture(
        stream=raw["stream"],
        values=raw["values"],
        keys=tuple(raw["keys"]),
        database=raw["database"],
        exchanges=tuple(Exchange(**one) for one in raw["exchanges"]),
        gives=tuple((key, version, deleted) for key, version, deleted in raw["gives"]),
    )
