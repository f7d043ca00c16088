"""Asks once more, within seconds, where giving up would throw away a long read: a page that failed in passing.

What takes longer is not waited for here: the caller's own schedule, or an obligation's `next_attempt_at`, has that
time. Only for requests that change nothing.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from onevoice.errors import TransientError
from onevoice.sdk.exchange import limits_now

_Result = TypeVar("_Result")
LONGEST_SECONDS = 5.0


def patiently(ask: Callable[[], _Result], *, sleep: Callable[[float], None] = time.sleep) -> _Result:
    """Return what `ask` gives, at the third try at the latest; waits 0.2 s, then 1 s, or as long as it was told.

    The waits are those of `Limits`.

    Raises:
        TransientError: the last try failed, or the system asked for a wait of more than five seconds.
    """
    for wait in limits_now().again_seconds:
        try:
            return ask()
        except TransientError as error:
            asked = wait if error.retry_after is None else error.retry_after
            if asked > LONGEST_SECONDS:
                raise
            sleep(asked)
    return ask()
