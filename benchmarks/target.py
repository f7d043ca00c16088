"""A connected system that holds its records in memory, so that the hub's own work is what a run measures.

It refuses a write on a version that is not the standing one, stamps a new version and gives records back, as the
sample systems do. Its folder has one file a stream, `<stream>.tsv`: since which message, key, version and record. The
one rule: a record stands as its system has told of it by now, or as the hub has written it since; how many messages
were told by now stands in the file `told` one folder up, where the feeder counts.
"""

import mmap
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import orjson

from onevoice.mapping.paths import put_source
from onevoice.sdk import (
    Change,
    ConfigurationError,
    Json,
    Page,
    Settings,
    SourceRecord,
    WriteOutcome,
    WriteResult,
    version_text,
)
from onevoice.sdk.manifest import Manifest

TOLD = "told"
_COUNT = struct.Struct("<Q")
STAMPS = {"crm": ("SystemModstamp",), "erp": ("updated_at", "changed_at"), "shop": ("updated_at",)}
Line = tuple[str, bytes]


def write_lines(path: Path, lines: Iterable[tuple[int, str, str, Json]]) -> None:
    """Write the records that a target shall hold: (since which message, key, version, record), in order."""
    with path.open("wb") as file:
        for since, key, version, data in lines:
            file.write(b"%d\t%s\t%s\t%s\n" % (since, key.encode(), version.encode(), orjson.dumps(data)))


class Told:
    """How many messages the systems have told by now; one process counts, others look."""

    def __init__(self, folder: Path) -> None:
        path = folder / TOLD
        if not path.exists():
            path.write_bytes(_COUNT.pack(0))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _COUNT.size)

    @property
    def count(self) -> int:
        """Messages told so far."""
        count: int = _COUNT.unpack_from(self._page)[0]
        return count

    @count.setter
    def count(self, number: int) -> None:
        _COUNT.pack_into(self._page, 0, number)


class Target:
    """Implements `RecordWriter` on records in memory; all lanes of a process share them."""

    def __init__(self, settings: Settings, _manifest: Manifest) -> None:
        self._system = settings.system
        self._folder = Path(str(settings.values["folder"]))

    def check(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing is kept open."""

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Nothing is polled in a run: the mix says all."""
        raise ConfigurationError(f"system {self._system}: {stream} tells of its changes itself; take role schedule out")

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand."""
        held = _held(self._folder / f"{stream}.tsv")
        return [
            SourceRecord(stream=stream, key=key, version=version, data=orjson.loads(data))
            for key, (version, data) in ((key, held.standing(key)) for key in keys if key in held.lines)
        ]

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Apply the changes whose version still stands."""
        held = _held(self._folder / f"{stream}.tsv")
        with held.lock:
            return [self._write(held, change) for change in changes]

    def _write(self, held: "_Held", change: Change) -> WriteResult:
        if change.key not in held.lines:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING)
        version, text = held.standing(change.key)
        if change.expected_version not in (None, version):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        data = orjson.loads(text)
        for path, value in change.fields.items():
            data = put_source(data, path, value)
        stamp = max(datetime.now(UTC), datetime.fromisoformat(version) + timedelta(microseconds=1))
        data |= dict.fromkeys(STAMPS[self._system], version_text(stamp))
        held.lines[change.key] = version_text(stamp), orjson.dumps(data)
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version_text(stamp))


class _Held:
    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.told = Told(path.parents[1])
        self.lines: dict[str, Line] = {}
        self._later: dict[str, deque[tuple[int, Line]]] = defaultdict(deque)
        for text in path.read_bytes().splitlines():
            since, key, version, data = text.split(b"\t", 3)
            line = version.decode(), data
            if int(since) == 0:
                self.lines[key.decode()] = line
            else:
                self._later[key.decode()].append((int(since), line))
                self.lines.setdefault(key.decode(), line)  # told of for the first time: nobody asks before

    def standing(self, key: str) -> Line:
        """Return the record as it stands now: the greatest version that was told or written."""
        later = self._later.get(key)
        while later and later[0][0] <= self.told.count:
            self.lines[key] = max(self.lines[key], later.popleft()[1])
        return self.lines[key]


@lru_cache
def _held(path: Path) -> _Held:
    return _Held(path)
