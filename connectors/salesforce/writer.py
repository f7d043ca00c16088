"""Writes objects by upsert, up to 200 in a call, one result each, over the versions that were read just before.

The API has no conditional write: what somebody changes between that reading and the call is overwritten. The one rule:
the external id is `Id`, so that an object that is gone is refused and never made anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.salesforce.reader import SObjectReader
from connectors.salesforce.session import PartnerSession
from connectors.salesforce.sobject import changed_sobject
from onevoice.sdk import Change, Json, RefusedError, Settings, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

_BUSY = frozenset({"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "QUERY_TIMEOUT"})
_GONE = frozenset({"ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "MALFORMED_ID", "INVALID_ID_FIELD"})


class SObjectWriter:
    """Writes the streams of one organisation."""

    def __init__(self, session: PartnerSession, reader: SObjectReader, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._reader = reader
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes; one result each.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `PartnerSession.call`.
        """
        self._manifest.writable(stream)
        size = min(200, self._manifest.capabilities.max_batch)
        return in_batches(changes, size, lambda batch: self._write(stream, batch))

    def _write(self, stream: str, batch: Sequence[Change]) -> list[WriteResult]:
        keys = list(dict.fromkeys(change.key for change in batch))
        standing = {record.key: record for record in self._reader.readback(stream, keys)}
        results: dict[int, WriteResult] = {}
        sent: list[tuple[int, Json]] = []
        seen: set[str] = set()
        for number, change in enumerate(batch):
            where = place(self._settings.system, stream, change.key)
            refusal = _refusal(change, standing[change.key], again=change.key in seen)
            seen.add(change.key)
            if refusal is not None:
                results[number] = refusal
                continue
            try:
                sent.append((number, changed_sobject(stream, change.key, change.fields, where)))
            except RefusedError as error:
                results[number] = WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason=str(error))
        if sent:
            objects = [one for _, one in sent]
            answers = self._session.call("upsert", stream=stream, externalIDFieldName="Id", sObjects=objects)
            for (number, _), answer in zip(sent, answers, strict=True):
                results[number] = _result(batch[number], answer)
        return [results[number] for number in range(len(batch))]


def _refusal(change: Change, standing: SourceRecord, *, again: bool) -> WriteResult | None:
    if standing.deleted:
        return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such object")
    if again:  # the API refuses a call that names an object twice
        return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed twice in one call")
    if change.expected_version not in (None, standing.version):
        return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
    return None


def _result(change: Change, answer: Mapping[str, Any]) -> WriteResult:
    if answer["success"]:
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED)
    errors = answer["errors"] or []
    codes = [str(error["statusCode"]) for error in errors]
    named = sorted({name for error in errors for name in error["fields"] or () if name in change.fields})
    # Codes and our own field names; the API's messages quote values.
    reason = ", ".join(["; ".join(code for code in codes if code.isidentifier()), *named]) or "refused"
    if any(code in _BUSY for code in codes):
        return WriteResult(key=change.key, outcome=WriteOutcome.TRANSIENT, reason=reason)
    outcome = WriteOutcome.MISSING if any(code in _GONE for code in codes) else WriteOutcome.REFUSED
    return WriteResult(key=change.key, outcome=outcome, reason=reason)
