"""What failed goes back into the ledger of obligations with its reason, due again or for a person."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from onevoice.errors import OnevoiceError, PausedError, TransientError
from onevoice.obligations import Due, fail, put_back
from onevoice.store import Store

LEASE = timedelta(seconds=60)
SOON_SECONDS = 0.3


def put_off_over(store: Store, dues: Sequence[Due], error: OnevoiceError, *, retry_seconds: float) -> None:
    """Make due again what was not written since contact failed; where none was tried, no attempt is counted."""
    if isinstance(error, PausedError):
        until = datetime.now(UTC) + timedelta(seconds=error.retry_after or 0.0)
        with store.transaction() as connection:
            put_back(connection, dues, reason=str(error), until=until)
        return
    wait = error.retry_after if isinstance(error, TransientError) else None
    put_off(store, dues, str(error), "due", retry_after=wait, retry_seconds=retry_seconds)


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
