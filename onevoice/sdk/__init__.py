"""All that a connector may import."""

from onevoice.errors import ConfigurationError, ConflictError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.messages import Change, Json, ListEntry, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.ports import Connector, ListWriter, Page, Reader, Receiver, RecordWriter, Settings
from onevoice.versions import version_text

__all__ = [
    "Change",
    "ConfigurationError",
    "ConflictError",
    "Connector",
    "Json",
    "ListEntry",
    "ListWriter",
    "OperatorError",
    "Page",
    "Reader",
    "Receiver",
    "RecordError",
    "RecordWriter",
    "RefusedError",
    "Settings",
    "SourceRecord",
    "TransientError",
    "WriteOutcome",
    "WriteResult",
    "version_text",
]
