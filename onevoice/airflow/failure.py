"""What a failure of the hub means to Airflow: which are tried again and when, and a text that is safe to keep.

The one rule: an error leaves a task without its causes and without the text of any library, since Airflow keeps the
whole chain in its log and libraries quote values.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import TypeVar

from airflow.sdk import Context, RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from onevoice.errors import OnevoiceError, TransientError

LONGEST_WAIT = timedelta(hours=1)
"""However long a system asks to be left alone, it is looked at again after this time."""

_LIBRARIES = ("alembic", "pika", "psycopg", "requests", "sqlalchemy", "urllib3", "zeep")
_Result = TypeVar("_Result")


class RetryByErrorClass(RetryPolicy):
    """Tries again what passes by itself, after the time that the other side asked for; nothing else."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the class of the error; without a wished wait the task's own back-off counts."""
        if not isinstance(exception, TransientError):
            return RetryDecision.fail(reason=f"{type(exception).__name__} does not pass by itself")
        wished = exception.retry_after
        delay = None if wished is None else timedelta(seconds=min(max(0.0, wished), LONGEST_WAIT.total_seconds()))
        return RetryDecision.retry(delay=delay, reason="it passes by itself")


def shielded(work: Callable[[], _Result], subject: str) -> _Result:
    """Run `work`; whatever it raises comes out as an error that may be kept.

    Args:
        subject: what is being done, e.g. `system erp, sync`; opens the text of an error that has none of ours.

    Raises:
        TransientError: it passes by itself.
        AirflowFailException: a person must act, or the hub has a defect.
        AirflowSkipException: there was nothing to do.
    """
    for name in _LIBRARIES:  # their lines quote what they were given, and Airflow keeps every line
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        return work()
    except AirflowSkipException as skipped:
        failure: Exception = AirflowSkipException(*skipped.args)
    except (Exception, AirflowTaskTimeout) as error:  # noqa: BLE001 - nothing may leave a task as it is
        failure = _kept(error, subject)
    raise failure  # outside the handler: what is raised in one carries the original along as its context


def _kept(error: BaseException, subject: str) -> Exception:
    if isinstance(error, TransientError):
        return TransientError(str(error), retry_after=error.retry_after)
    if isinstance(error, OnevoiceError):
        return AirflowFailException(str(error))
    if isinstance(error, AirflowTaskTimeout):
        return TransientError(f"{subject}: took longer than the task may; the next try goes on where this one stopped")
    return AirflowFailException(
        f"{subject}: a defect, {type(error).__name__} at {_origin(error.__traceback__)}; report it with this line"
    )


def _origin(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else "an unknown place"
