"""Makes records over REST: one call a record, under the hub's reference.

The reference goes where the manifest says: into a header that makes a repeat harmless, into the path of an upsert, or
into a field. A key comes out of the record in the answer.
"""

from collections.abc import Sequence
from urllib.parse import quote

from onevoice.errors import ConfigurationError, RefusedError, TransientError
from onevoice.messages import Creation, CreationResult, Json, WriteOutcome
from onevoice.sdk.batches import created_in_batches
from onevoice.sdk.declarative.rest_writer import RestWriter, body_of, reason_of
from onevoice.sdk.paging import inside
from onevoice.sdk.place import place
from onevoice.sdk.rest import AnswerKind, document


class RestCreator(RestWriter):
    """Writes and makes the records of one API."""

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the records one by one.

        Raises:
            ConfigurationError: the manifest does not say how.
            TransientError, OperatorError: see `Rest`.
        """
        declared = self._manifest.creatable(stream).declared
        return created_in_batches(creations, 1, lambda batch: [self._create(stream, declared, one) for one in batch])

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        """Return reference -> key of those that the service has.

        Raises:
            ConfigurationError: the manifest does not say how to ask.
            TransientError, OperatorError: see `Rest`.
            RefusedError: the service does not take the question.
        """
        declared = self._manifest.creatable(stream).declared
        asked: str | None = declared["create"].get("find")
        if asked is None:
            raise ConfigurationError(f"connector {self._manifest.id}: streams.{stream}.rest.create.find is missing")
        found = {one: self._found(stream, declared, asked, one) for one in references}
        return {one: key for one, key in found.items() if key}

    def _create(self, stream: str, declared: Json, creation: Creation) -> CreationResult:
        create: Json = declared["create"]
        body = body_of(creation.fields, {})
        if "reference" in create:
            body[create["reference"]] = creation.reference
        header = create.get("idempotency_header")
        answer = self._rest.write(
            create.get("method", "POST"),
            str(create.get("path", declared["list"])).replace("{reference}", quote(creation.reference, safe="")),
            {create["wrap"]: body} if "wrap" in create else body,
            stream=stream,
            headers={header: creation.reference} if header else None,
        )
        where = place(self._settings.system, stream)
        if answer.kind is AnswerKind.OK:
            made = self._records.record(stream, self._records.unwrapped(stream, document(answer, where)))
            return CreationResult(reference=creation.reference, outcome=WriteOutcome.APPLIED, key=made.key)
        if answer.kind is AnswerKind.CONFLICT:  # the first attempt may be under way still
            raise TransientError(f"{where}: HTTP {answer.status} to a record to be made; it is tried again")
        reason = reason_of(creation.fields, answer)
        return CreationResult(reference=creation.reference, outcome=WriteOutcome.REFUSED, reason=reason)

    def _found(self, stream: str, declared: Json, asked: str, reference: str) -> str | None:
        answer = self._rest.get(declared["list"], stream=stream, params={asked: reference})
        where = place(self._settings.system, stream)
        if answer.kind is not AnswerKind.OK:
            raise RefusedError(f"{where}: HTTP {answer.status} to a question for a reference; check create.find")
        rows = inside(answer.data, declared.get("records", ""))
        if not isinstance(rows, list):
            raise TransientError(f"{where}: no list to a question for a reference; it is asked again")
        shown = self._manifest.creatable(stream).create
        path = shown.reference if shown is not None else None
        # A service that does not know the parameter gives everybody.
        mine = [row for row in rows if path is None or inside(row, path) == reference]
        if len(mine) > 1:
            raise RefusedError(f"{where}: a question for a reference gives several records; check create.find")
        return self._records.record(stream, mine[0]).key if mine else None
