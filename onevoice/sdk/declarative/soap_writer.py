"""Writes records over SOAP: single fields, under the condition that the record is still the one that was read.

Where the service compares versions itself, the condition goes along with the record. Where it does not, the record is
read and compared first, which leaves a moment in which a change of somebody else is overwritten.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from onevoice.errors import ConfigurationError, TransientError
from onevoice.messages import Change, Creation, CreationResult, Json, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.batches import created_in_batches, in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.paging import inside
from onevoice.sdk.place import place
from onevoice.sdk.ports import Settings


class Session(Protocol):
    """Calls operations and makes typed values; see `SoapSession`."""

    def call(self, operation: str, *, stream: str = "", **arguments: object) -> Any:
        """Call an operation."""

    def typed(self, name: str, fields: Mapping[str, object]) -> Any:
        """Return a value of a named type."""


class Records(Protocol):
    """Reads single records."""

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records."""


class SoapWriter:
    """Writes the streams of one service."""

    def __init__(self, session: Session, records: Records, settings: Settings, manifest: Manifest) -> None:
        self._session = session
        self._records = records
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes, as many in a call as the service takes.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: as `Soap.call`; also when the service does not answer for each record.
        """
        spec = self._manifest.writable(stream)
        update = spec.declared.get("update")
        if update is None:
            raise ConfigurationError(
                f"connector {self._manifest.id}: streams.{stream}.soap.update is missing; write it"
            )
        size = self._manifest.capabilities.max_batch if "records" in update else 1
        if "condition" in update:
            return in_batches(changes, size, lambda batch: self._batch(stream, update, batch))
        return in_batches(changes, 1, lambda batch: [self._compared(stream, update, batch[0])])

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the records, as many in a call as the service takes.

        Raises:
            ConfigurationError: the manifest does not say how.
            TransientError, OperatorError: as `Soap.call`; also when the service does not answer for each record.
        """
        create = self._manifest.creatable(stream).declared["create"]
        size = self._manifest.capabilities.max_batch if "records" in create else 1
        return created_in_batches(creations, size, lambda batch: self._created(stream, create, batch))

    def _created(self, stream: str, create: Json, creations: Sequence[Creation]) -> list[CreationResult]:
        reference = create.get("reference")
        records = [
            self._typed(create, {**one.fields, **({reference: one.reference} if reference else {})})
            for one in creations
        ]
        given = {create["records"]: records} if "records" in create else {create["record"]: records[0]}
        answer = self._session.call(create["operation"], stream=stream, **create.get("arguments", {}), **given)
        rows = self._answers(stream, create, answer, len(creations))
        return [_creation(create, one, row) for one, row in zip(creations, rows, strict=True)]

    def _compared(self, stream: str, update: Json, change: Change) -> WriteResult:
        found = [record for record in self._records.readback(stream, [change.key]) if not record.deleted]
        if not found:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such record")
        if change.expected_version not in (None, found[0].version):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        return self._batch(stream, update, [change])[0]

    def _batch(self, stream: str, update: Json, changes: Sequence[Change]) -> list[WriteResult]:
        records = [self._record(stream, update, change) for change in changes]
        given = {update["records"]: records} if "records" in update else {update["record"]: records[0]}
        answer = self._session.call(update["operation"], stream=stream, **update.get("arguments", {}), **given)
        if "success" not in update:
            return [WriteResult(key=change.key, outcome=WriteOutcome.APPLIED) for change in changes]
        # Where not each has its answer, trying again is safe: what was applied is now newer than its condition.
        rows = self._answers(stream, update, answer, len(changes))
        return [_result(update, change, row) for change, row in zip(changes, rows, strict=True)]

    def _answers(self, stream: str, declared: Json, answer: Any, count: int) -> list[Mapping[str, Any]]:
        found = inside(answer, declared.get("results", ""))
        rows = found if isinstance(found, list) else [] if found is None else [found]
        if len(rows) != count:
            where = place(self._settings.system, stream)
            raise TransientError(f"{where}: not one result for each record; it is tried again")
        return rows

    def _record(self, stream: str, update: Json, change: Change) -> Any:
        fields = {**change.fields, self._manifest.stream(stream).declared["key"]: change.key}
        record = self._typed(update, fields)
        if "condition" in update and change.expected_version is not None:
            record[update["condition"]] = change.expected_version
        return record

    def _typed(self, declared: Json, fields: Mapping[str, Any]) -> Any:
        record = self._session.typed(declared["type"], fields)
        return {declared["wrap"]: record} if "wrap" in declared else record


def _result(update: Json, change: Change, row: Mapping[str, Any]) -> WriteResult:
    if row[update["success"]]:
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED)
    errors: Mapping[str, str] = update.get("errors", {})
    code = str(row.get(update.get("error", "")))
    outcome = WriteOutcome(errors.get(code, "transient"))
    return WriteResult(key=change.key, outcome=outcome, reason=code if code in errors else "unknown error code")


def _creation(create: Json, creation: Creation, row: Any) -> CreationResult:
    if "success" in create and not row[create["success"]]:
        code = str(row.get(create.get("error", "")))
        errors: Mapping[str, str] = create.get("errors", {})
        reason = code if code in errors else "unknown error code"
        outcome = WriteOutcome(errors.get(code, "transient"))
        return CreationResult(reference=creation.reference, outcome=outcome, reason=reason)
    return CreationResult(
        reference=creation.reference, outcome=WriteOutcome.APPLIED, key=str(inside(row, create["created"]) or "")
    )
