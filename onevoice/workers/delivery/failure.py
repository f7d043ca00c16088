"""What failed goes back into the ledger of obligations with its reason, due again or for a person."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from onevoice.errors import OnevoiceError, TransientError
from onevoice.obligations import Due, fail
from onevoice.store import Store

LEASE = timedelta(seconds=60)
SOON_SECONDS = 0.3


def asked_wait(error: OnevoiceError) -> float | None:
    """Return the seconds that a system asked to wait, if it did."""
    return error.retry_after if isinstance(error, TransientError) else None


def put_off(
    store: Store,
    dues: Sequence[Due],
    reason: str,
    state: str,
    *,
    retry_seconds: float,
    retry_after: float | None = None,
) -> None:
    """Note a failure in a transaction of its own; see `onevoice.obligations.fail`."""
    with store.transaction() as connection:
        fail(
            connection,
            dues,
            reason=reason,
            state=state,
            now=datetime.now(UTC),
            retry_seconds=retry_seconds,
            retry_after=retry_after,
        )
