"""All that a connector may import."""

from onevoice.errors import ConfigurationError, ConflictError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.messages import (
    Change,
    Creation,
    CreationResult,
    Json,
    ListEntry,
    SourceRecord,
    WriteOutcome,
    WriteResult,
)
from onevoice.sdk.ports import (
    Connector,
    Discoverer,
    ListWriter,
    Page,
    Reader,
    Receiver,
    RecordCreator,
    RecordFinder,
    RecordWriter,
    Settings,
)
from onevoice.sdk.two_way import Maker, OneWay, TwoWay
from onevoice.versions import version_text

__all__ = [
    "Change",
    "ConfigurationError",
    "ConflictError",
    "Connector",
    "Creation",
    "CreationResult",
    "Discoverer",
    "Json",
    "ListEntry",
    "ListWriter",
    "Maker",
    "OneWay",
    "OperatorError",
    "Page",
    "Reader",
    "Receiver",
    "RecordCreator",
    "RecordError",
    "RecordFinder",
    "RecordWriter",
    "RefusedError",
    "Settings",
    "SourceRecord",
    "TransientError",
    "TwoWay",
    "WriteOutcome",
    "WriteResult",
    "version_text",
]
