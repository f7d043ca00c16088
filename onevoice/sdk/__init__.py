"""All that a connector may import."""

from onevoice.errors import ConfigurationError, ConflictError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.messages import Change, Json, ListEntry, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.ports import Connector, Discoverer, ListWriter, Page, Reader, Receiver, RecordWriter, Settings
from onevoice.sdk.two_way import OneWay, TwoWay
from onevoice.versions import version_text

__all__ = [
    "Change",
    "ConfigurationError",
    "ConflictError",
    "Connector",
    "Discoverer",
    "Json",
    "ListEntry",
    "ListWriter",
    "OneWay",
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
    "TwoWay",
    "WriteOutcome",
    "WriteResult",
    "version_text",
]
