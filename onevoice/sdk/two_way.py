"""A connector made of parts: a reader, or a reader and a writer, over one line to the system.

Takes the parts and what gives the line back; is the connector that the hub speaks to. A connector adds to it only what
is its own: how the parts are made, and a port such as `receive`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from onevoice.messages import Change, Creation, CreationResult, Json, SourceRecord, WriteResult
from onevoice.sdk.ports import Page


class ReaderPart(Protocol):
    """Reads the records of one system."""

    def check(self) -> None:
        """Prove that the records may be read."""

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`."""

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now."""


class WriterPart(Protocol):
    """Changes the records of one system."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes; one result each."""


class CreatorPart(WriterPart, Protocol):
    """Changes the records of one system and makes new ones."""

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the records; one result each."""


class OneWay:
    """A connector that is asked for records.

    Args:
        close: gives the line back.
    """

    def __init__(self, reader: ReaderPart, *, close: Callable[[], None]) -> None:
        self._reader = reader
        self._close = close

    def check(self) -> None:
        """Prove that the system answers and lets us in; errors as `Connector.check`."""
        self._reader.check()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`; see `Reader.read`."""
        return self._reader.read(stream, cursor)

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now; see `Reader.readback`."""
        return self._reader.readback(stream, keys)

    def close(self) -> None:
        """Give the line back."""
        self._close()


class TwoWay(OneWay):
    """A connector that is asked for records and changes them."""

    def __init__(self, reader: ReaderPart, writer: WriterPart, *, close: Callable[[], None]) -> None:
        super().__init__(reader, close=close)
        self._writer = writer

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes; exactly one result each, in order; see `RecordWriter.write`."""
        return self._writer.write(stream, changes)


class Maker(TwoWay):
    """A connector that is asked for records, changes them and makes new ones."""

    def __init__(self, reader: ReaderPart, writer: CreatorPart, *, close: Callable[[], None]) -> None:
        super().__init__(reader, writer, close=close)
        self._creator = writer

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the records; exactly one result each, in order; see `RecordCreator.create`."""
        return self._creator.create(stream, creations)
