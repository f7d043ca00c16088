"""A connected system that holds its records in memory, so that the hub's own work is what a run measures.

It refuses a write on a version that is not the standing one, stamps a new version and gives records back, as the
sample systems do. Its folder has one file a stream, `<stream>.tsv`: key, version and record, as of the end of the mix.
"""

import threading
from collections.abc import Iterator, Sequence
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

STAMPS = {"crm": ("SystemModstamp",), "erp": ("updated_at", "changed_at"), "shop": ("updated_at",)}
Line = tuple[str, bytes]


def write_lines(path: Path, lines: Iterator[tuple[str, str, Json]]) -> None:
    """Write the records that a target shall hold: (key, version, record)."""
    with path.open("wb") as file:
        for key, version, data in lines:
            file.write(b"%s\t%s\t%s\n" % (key.encode(), version.encode(), orjson.dumps(data)))


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
            for key, (version, data) in ((key, held.lines[key]) for key in keys)
        ]

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Apply the changes whose version still stands."""
        held = _held(self._folder / f"{stream}.tsv")
        with held.lock:
            return [self._write(held.lines, change) for change in changes]

    def _write(self, lines: dict[str, Line], change: Change) -> WriteResult:
        if change.key not in lines:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING)
        version, text = lines[change.key]
        if change.expected_version not in (None, version):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        data = orjson.loads(text)
        for path, value in change.fields.items():
            data = put_source(data, path, value)
        stamp = max(datetime.now(UTC), datetime.fromisoformat(version) + timedelta(microseconds=1))
        data |= dict.fromkeys(STAMPS[self._system], version_text(stamp))
        lines[change.key] = version_text(stamp), orjson.dumps(data)
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version_text(stamp))


class _Held:
    def __init__(self, path: Path) -> None:
        self.lock = threading.Lock()
        self.lines: dict[str, Line] = {}
        for line in path.read_bytes().splitlines():
            key, version, data = line.split(b"\t", 2)
            self.lines[key.decode()] = (version.decode(), data)


@lru_cache
def _held(path: Path) -> _Held:
    return _Held(path)
