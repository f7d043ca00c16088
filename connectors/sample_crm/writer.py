"""Writes the CRM: partial upserts by Id under the condition that the record is still the one that was read.

Gives one result per change, in order. The one rule: it changes records and never makes any.
"""

from collections.abc import Sequence
from typing import Any

from onevoice.sdk import Change, Settings, TransientError, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.soap import SoapSession

_OUTCOMES = {
    "CONFLICT": WriteOutcome.CONFLICT,
    "INVALID_ID": WriteOutcome.MISSING,
    "FIELD_INVALID": WriteOutcome.REFUSED,
    "REQUIRED_FIELD_MISSING": WriteOutcome.REFUSED,
}


class CrmWriter:
    """Writes contacts through one session."""

    def __init__(self, session: SoapSession, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes, at most `max_batch` in a call.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: as `Soap.call`; also when the CRM does not answer for each record.
        """
        self._manifest.writable(stream)
        return in_batches(changes, self._manifest.capabilities.max_batch, lambda batch: self._batch(stream, batch))

    def _batch(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        records = [self._record(stream, change) for change in changes]
        answer = self._session.call("upsert", stream=stream, objectType=stream, records=records)
        rows: list[dict[str, Any]] = answer or []
        if len(rows) != len(changes):
            # Trying again is safe: what was applied is now newer than its condition and answers CONFLICT.
            raise TransientError(
                f"{place(self._settings.system, stream)}: not one result for each record; it is tried again"
            )
        return [_result(change, row) for change, row in zip(changes, rows, strict=True)]

    def _record(self, stream: str, change: Change) -> dict[str, object]:
        record: dict[str, object] = {"sObject": self._session.typed(stream, {**change.fields, "Id": change.key})}
        if change.expected_version is not None:
            record["ifUnmodifiedSince"] = change.expected_version
        return record


def _result(change: Change, row: dict[str, Any]) -> WriteResult:
    if row["success"]:
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED)
    code = str(row["errorCode"])
    outcome = _OUTCOMES.get(code, WriteOutcome.TRANSIENT)
    return WriteResult(key=change.key, outcome=outcome, reason=code if code in _OUTCOMES else "unknown error code")
