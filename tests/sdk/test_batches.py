"""Every change gets one result, in order, whatever happens to its batch."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from onevoice.errors import ConflictError, RefusedError, TransientError
from onevoice.messages import Change, WriteOutcome, WriteResult
from onevoice.sdk.batches import in_batches

CHANGES = [Change(key=str(number), fields={}) for number in range(5)]


def applied(batch: Sequence[Change]) -> list[WriteResult]:
    return [WriteResult(key=change.key, outcome=WriteOutcome.APPLIED) for change in batch]


def test_only_the_change_at_fault_is_refused() -> None:
    def write(batch: Sequence[Change]) -> list[WriteResult]:
        if any(change.key == "2" for change in batch):
            raise RefusedError("no")
        return applied(batch)

    results = in_batches(CHANGES, 3, write)
    assert [result.key for result in results] == ["0", "1", "2", "3", "4"]
    assert [result.outcome.value for result in results] == ["applied", "applied", "refused", "applied", "applied"]


def test_a_conflict_that_the_system_notices_is_redone_not_refused() -> None:
    def write(batch: Sequence[Change]) -> list[WriteResult]:
        if any(change.key == "2" for change in batch):
            raise ConflictError("somebody was faster")
        return applied(batch)

    results = in_batches(CHANGES, 3, write)
    assert [result.outcome.value for result in results] == ["applied", "applied", "conflict", "applied", "applied"]


def test_what_follows_a_transient_failure_is_left_for_later() -> None:
    seen: list[str] = []

    def write(batch: Sequence[Change]) -> list[WriteResult]:
        seen.extend(change.key for change in batch)
        if batch[0].key == "2":
            raise TransientError("later")
        return applied(batch)

    results = in_batches(CHANGES, 2, write)
    assert [result.outcome.value for result in results] == ["applied", "applied", "transient", "transient", "transient"]
    assert seen == ["0", "1", "2", "3"]


def test_when_the_first_batch_fails_nothing_was_applied() -> None:
    def write(_batch: Sequence[Change]) -> list[WriteResult]:
        raise TransientError("later", retry_after=3)

    with pytest.raises(TransientError) as caught:
        in_batches(CHANGES, 2, write)
    assert caught.value.retry_after == 3
