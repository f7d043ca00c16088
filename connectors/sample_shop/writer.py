"""Writes the shop: single fields of an account, if it is still the one that the change was computed on.

The shop knows entity tags, the hub knows `updated_at`: the account is fetched, compared, and changed over the tag that
came with it. The shop takes addresses as a whole only, so that parts of one are put into the one that was fetched.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from connectors.sample_shop.record import shop_record
from onevoice.sdk import Change, Json, Settings, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.rest import Answer, AnswerKind, Rest, document

_ADDRESS = "default_address"
_OUTCOMES = {
    AnswerKind.MISSING: WriteOutcome.MISSING,
    AnswerKind.CONFLICT: WriteOutcome.CONFLICT,
    AnswerKind.REFUSED: WriteOutcome.REFUSED,
}


class ShopWriter:
    """Writes accounts through one client."""

    def __init__(self, rest: Rest, settings: Settings, manifest: Manifest) -> None:
        self._rest = rest
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `Rest`.
        """
        self._manifest.writable(stream)
        return in_batches(changes, 1, lambda batch: [self._write(stream, change) for change in batch])

    def _write(self, stream: str, change: Change) -> WriteResult:
        path = f"api/{stream}/{quote(change.key, safe='')}"
        fetched = self._rest.get(path, stream=stream)
        if fetched.kind is not AnswerKind.OK:
            return _result(change, fetched)
        where = place(self._settings.system, stream, change.key)
        present = document(fetched, where)
        standing = shop_record(stream, present)
        if change.expected_version is not None and standing is None:
            return WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason="the record has no updated_at")
        if standing is not None and change.expected_version not in (None, standing.version):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        body = _body(change.fields, present)
        patched = self._rest.patch(path, body, stream=stream, if_match=fetched.etag)
        if patched.kind is not AnswerKind.OK:
            return _result(change, patched)
        written = shop_record(stream, document(patched, where))
        version = written.version if written is not None else None
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version)


def _body(fields: Mapping[str, Any], present: Json) -> Json:
    body = {path: value for path, value in fields.items() if not path.startswith(f"{_ADDRESS}.")}
    parts = {path.removeprefix(f"{_ADDRESS}."): value for path, value in fields.items() if path not in body}
    if parts:
        address = {**(present.get(_ADDRESS) or {}), **parts}
        body[_ADDRESS] = address if any(value is not None for value in address.values()) else None
    return body


def _result(change: Change, answer: Answer) -> WriteResult:
    # The names of the fields at fault, taken from what was sent: the answer's own words may quote values.
    faults = answer.data.get("errors") if isinstance(answer.data, dict) else None
    sent = {path.partition(".")[0] for path in change.fields}
    named = sorted(sent & set(faults)) if isinstance(faults, dict) else []
    reason = f"HTTP {answer.status}" + (f": {', '.join(named)}" if named else "")
    return WriteResult(key=change.key, outcome=_OUTCOMES.get(answer.kind, WriteOutcome.TRANSIENT), reason=reason)
