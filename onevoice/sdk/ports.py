"""What a connector offers the hub: a few small ports, each optional but `check`.

A connector is built once per configured system. It keeps no state of its own beyond connections: cursors, versions
and what was written are the hub's to remember. It raises only the errors that `onevoice.sdk` exports.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from onevoice.messages import Change, Creation, CreationResult, Json, ListEntry, SourceRecord, WriteResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a connector is built from.

    Attributes:
        system: the configured system's name, for messages.
        values: plain settings as `manifest.yaml` declares them, checked before.
        secrets: secret settings, read when they are asked for; never in a repr.
        now: the clock, UTC.
        keep: takes the name and the new value of a secret that the system has changed, such as a refresh token.
    """

    system: str
    values: Mapping[str, object]
    secrets: Mapping[str, str] = field(repr=False)
    now: Callable[[], datetime]
    keep: Callable[[str, str], None] = field(default=lambda _name, _value: None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a read.

    Attributes:
        records: in cursor order.
        cursor: where to go on after this page once it is safe; JSON.
        total: how many records the whole read will give, if the system says so.
    """

    records: Sequence[SourceRecord]
    cursor: Json
    total: int | None = None


@runtime_checkable
class Connector(Protocol):
    """Every connector."""

    def check(self) -> None:
        """Prove that the system answers and lets us in.

        Raises:
            OperatorError: refused credentials or missing rights.
            TransientError: not reachable now.
        """

    def close(self) -> None:
        """Give back connections."""


@runtime_checkable
class Reader(Connector, Protocol):
    """A connector that can be asked for records."""

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`, oldest first; everything when it is None.

        The cursor is keyset (time, key) on the source's clock; a read re-reads the declared overlap.
        """

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records as they stand now; a record that is gone comes back with `deleted=True`."""


@runtime_checkable
class RecordWriter(Reader, Protocol):
    """A connector that can change records."""

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes and return exactly one result each, in order.

        Raises:
            TransientError: nothing is known to have been applied; all may be tried again.
            OperatorError: the system does not let us in.
        """


@runtime_checkable
class RecordCreator(RecordWriter, Protocol):
    """A connector that can make records. `capabilities.create` in its manifest says what makes a repeat harmless."""

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the records and return exactly one result each, in order.

        With `upsert_key` and `idempotency_key` a repeat under the same reference makes no second record and gives the
        key of the first.

        Raises:
            TransientError: nobody knows what was made; the hub repeats it, after a look with `lookup`, and with `none`
                only when a person says so.
            OperatorError: the system does not let us in.
        """


@runtime_checkable
class RecordFinder(RecordCreator, Protocol):
    """A connector that can find what it made; needed for `create: lookup`."""

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        """Return reference -> key of those of the records that the system has.

        Raises:
            TransientError, OperatorError: the system cannot be asked.
        """


@runtime_checkable
class Discoverer(Connector, Protocol):
    """A connector that can say what fields its system has."""

    def discover(self, stream: str) -> Json:
        """Return a JSON Schema of the stream's records as the system declares or shows them.

        Raises:
            OperatorError, TransientError: see `Connector.check`.
        """


@runtime_checkable
class ListWriter(Connector, Protocol):
    """A connector to a system that takes suppression lists as a whole."""

    def write_list(self, name: str, entries: Sequence[ListEntry]) -> None:
        """Hand over the complete list."""

    def readback_list(self, name: str) -> frozenset[tuple[str, str, str]] | None:
        """Return the (channel, point, purpose) triples that the system has proven to hold; None: no proof yet."""


@runtime_checkable
class Receiver(Connector, Protocol):
    """A connector that understands signed pushes of its system."""

    def receive(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Check the signature and return the records in the push.

        Raises:
            RefusedError: the signature is missing, wrong or too old.
            RecordError: the body is not what the system sends.
        """

    def parse(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the records in a push that was proven when it came; the second half of `receive`.

        Raises:
            RecordError: the body is not what the system sends.
        """
