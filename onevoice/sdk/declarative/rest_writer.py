"""Writes records over REST: single fields, if the record is still the one that the change was computed on.

The record is fetched, its version compared, and changed under the declared condition. An object within a record is sent
whole, with the changed parts put into the one that was fetched; it is cleared when no part is left.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from onevoice.errors import ConfigurationError, OperatorError
from onevoice.messages import Change, Json, SourceRecord, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Settings
from onevoice.sdk.rest import Answer, AnswerKind, Rest, document

_OUTCOMES = {
    AnswerKind.MISSING: WriteOutcome.MISSING,
    AnswerKind.CONFLICT: WriteOutcome.CONFLICT,
    AnswerKind.REFUSED: WriteOutcome.REFUSED,
}


class Records(Protocol):
    """What makes records of answers."""

    def unwrapped(self, stream: str, body: Json) -> Json:
        """Return the record in the answer for a single one."""

    def record(self, stream: str, data: Json) -> SourceRecord:
        """Return one record."""


class RestWriter:
    """Writes the streams of one API."""

    def __init__(self, rest: Rest, records: Records, settings: Settings, manifest: Manifest) -> None:
        self._rest = rest
        self._records = records
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `Rest`.
        """
        spec = self._manifest.writable(stream)
        if "update" not in spec.declared:
            raise ConfigurationError(
                f"connector {self._manifest.id}: streams.{stream}.rest.update is missing; write it"
            )
        return in_batches(changes, 1, lambda batch: [self._write(stream, spec.declared, change) for change in batch])

    def _write(self, stream: str, declared: Json, change: Change) -> WriteResult:
        update: Json = declared["update"]
        key = quote(change.key, safe="")
        where = place(self._settings.system, stream, change.key)
        fetched = self._rest.get(declared["one"].replace("{key}", key), stream=stream)
        if fetched.kind is not AnswerKind.OK:
            return _result(change, fetched)
        present = self._records.unwrapped(stream, document(fetched, where))
        standing = self._records.record(stream, present)
        if change.expected_version is not None and not standing.version:
            return WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason="the record has no version")
        if standing.deleted:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="marked as deleted")
        if change.expected_version not in (None, standing.version):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        if update["condition"] == "etag" and change.expected_version is not None and fetched.etag is None:
            raise OperatorError(
                f"{where}: the answer has no ETag to write on; declare another condition in the manifest"
            )
        body = body_of(change.fields, present)
        if update.get("body") == "whole":
            body = {**present, **body}
        elif update["condition"] == "field" and "version" in declared:
            body = {**body, declared["version"]: present.get(declared["version"])}
        header = update.get("idempotency_header")
        answer = self._rest.write(
            update.get("method", "PATCH"),
            str(update.get("path", declared["one"])).replace("{key}", key),
            {update["wrap"]: body} if "wrap" in update else body,
            stream=stream,
            if_match=fetched.etag if update["condition"] == "etag" else None,
            headers={header: change.idempotency_key} if header else None,
        )
        if answer.kind is not AnswerKind.OK:
            return _result(change, answer)
        written = self._written(stream, answer)
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=written)

    def _written(self, stream: str, answer: Answer) -> str | None:
        """Return the version that the write made, where the answer shows the record."""
        if not isinstance(answer.data, dict):
            return None
        return self._records.record(stream, self._records.unwrapped(stream, answer.data)).version or None


def body_of(fields: Mapping[str, Any], present: Json) -> Json:
    """Return what is sent: an object within a record whole, with the changed parts put into the one that is there."""
    body: Json = {}
    for path, value in fields.items():
        head, _, rest = path.partition(".")
        if rest:
            given = body.get(head, present.get(head))
            body[head] = _put(given if isinstance(given, dict) else {}, rest, value)
        else:
            body[head] = value
    nested = {path.partition(".")[0] for path in fields if "." in path}
    return {name: None if name in nested and _is_empty(value) else value for name, value in body.items()}


def _put(data: Json, path: str, value: Any) -> Json:
    name, _, rest = path.partition(".")
    inner = data.get(name)
    return {**data, name: _put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _is_empty(value: Any) -> bool:
    return all(map(_is_empty, value.values())) if isinstance(value, dict) else value is None


def _result(change: Change, answer: Answer) -> WriteResult:
    outcome = _OUTCOMES.get(answer.kind, WriteOutcome.TRANSIENT)
    return WriteResult(key=change.key, outcome=outcome, reason=reason_of(change.fields, answer))


def reason_of(fields: Mapping[str, Any], answer: Answer) -> str:
    """Return why a service takes something not: the names of the fields at fault, since its own words may quote values.

    Args:
        fields: what was sent.
    """
    faults = answer.data.get("errors") if isinstance(answer.data, dict) else None
    sent = {path.partition(".")[0] for path in fields}
    named = sorted(sent & set(faults)) if isinstance(faults, dict) else []
    return f"HTTP {answer.status}" + (f": {', '.join(named)}" if named else "")
