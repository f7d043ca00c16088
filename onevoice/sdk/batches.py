"""Splits changes into what a system takes at once, and gives one result for each, whatever happens on the way."""

from collections.abc import Callable, Sequence

from onevoice.errors import ConflictError, RefusedError, TransientError
from onevoice.messages import Change, Creation, CreationResult, WriteOutcome, WriteResult

WriteBatch = Callable[[Sequence[Change]], Sequence[WriteResult]]
CreateBatch = Callable[[Sequence[Creation]], Sequence[CreationResult]]


def in_batches(changes: Sequence[Change], size: int, write: WriteBatch) -> list[WriteResult]:
    """Write `size` changes at a time and return exactly one result each, in order.

    A batch that the system refuses as a whole is written again one by one, so that only the change at fault is
    refused, or a CONFLICT where the system itself noticed that somebody was faster. What follows a transient
    failure is not tried; it comes back as TRANSIENT.

    Raises:
        TransientError: the first batch failed; nothing is known to have been applied.
    """
    results: list[WriteResult] = []
    for at in range(0, len(changes), size):
        try:
            results += _batch(changes[at : at + size], write)
        except TransientError:
            if not results:
                raise
            results += [_result(change, WriteOutcome.TRANSIENT, "not reached") for change in changes[at:]]
            break
    return results


def _batch(batch: Sequence[Change], write: WriteBatch) -> Sequence[WriteResult]:
    try:
        return write(batch)
    except RefusedError as refused:
        if len(batch) == 1:
            outcome = WriteOutcome.CONFLICT if isinstance(refused, ConflictError) else WriteOutcome.REFUSED
            return [_result(batch[0], outcome, str(refused))]
    return in_batches(batch, 1, write)


def _result(change: Change, outcome: WriteOutcome, reason: str) -> WriteResult:
    return WriteResult(key=change.key, outcome=outcome, reason=reason)


def created_in_batches(creations: Sequence[Creation], size: int, create: CreateBatch) -> list[CreationResult]:
    """Make `size` records at a time and return exactly one result each, in order; as `in_batches` of changes.

    An answer without a key counts as none: nobody knows what was made.

    Raises:
        TransientError: the first batch failed.
    """
    results: list[CreationResult] = []
    for at in range(0, len(creations), size):
        try:
            results += _created(creations[at : at + size], create)
        except TransientError as error:
            if not results:
                raise
            results += [_not_made(one, WriteOutcome.TRANSIENT, str(error)) for one in creations[len(results) :]]
            break
    return results


def _created(batch: Sequence[Creation], create: CreateBatch) -> Sequence[CreationResult]:
    try:
        made = create(batch)
    except RefusedError as refused:
        if len(batch) == 1:
            return [_not_made(batch[0], WriteOutcome.REFUSED, str(refused))]
        return created_in_batches(batch, 1, create)
    if any(one.outcome is WriteOutcome.APPLIED and not one.key for one in made):
        raise TransientError("a record was made and the answer has no key for it")
    return made


def _not_made(creation: Creation, outcome: WriteOutcome, reason: str) -> CreationResult:
    return CreationResult(reference=creation.reference, outcome=outcome, reason=reason)
