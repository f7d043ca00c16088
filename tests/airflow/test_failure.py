"""What leaves a task: the class that decides on retries, and no text but the hub's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
import structlog
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout

from onevoice.airflow.failure import LONGEST_WAIT, RetryByErrorClass, shielded
from onevoice.errors import (
    ConfigurationError,
    FencedError,
    OperatorError,
    RecordError,
    RefusedError,
    TransientError,
)

MARKED = "marked.person@personal.example"


def failing(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        try:
            raise KeyError(MARKED)
        except KeyError as cause:
            raise error from cause

    return work


def left_by(error: BaseException) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is what the tests look at
        shielded(failing(error), "system erp, sync")
    return caught.value


def as_airflow_logs(error: BaseException) -> str:
    """Render an error as Airflow's task log does: the whole chain of causes and contexts."""
    transform = structlog.tracebacks.ExceptionDictTransformer(use_rich=False, show_locals=False)
    return repr(transform((type(error), error, error.__traceback__)))


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"cannot read {MARKED}"),
        KeyError(MARKED),
        TransientError("system erp: away"),
        OperatorError("system erp: HTTP 401"),
        AirflowTaskTimeout("Timeout"),
        AirflowSkipException("somebody else is at it"),
    ],
)
def test_no_value_leaves_a_task_by_its_error(error: BaseException) -> None:
    left = left_by(error)
    assert MARKED not in as_airflow_logs(left)
    assert left.__cause__ is None
    assert left.__context__ is None


def test_a_defect_is_named_by_class_and_place() -> None:
    left = left_by(ValueError(f"cannot read {MARKED}"))
    assert isinstance(left, AirflowFailException)
    assert str(left).startswith("system erp, sync: a defect, ValueError at test_failure.py:")


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (TransientError("away"), None),
        (FencedError("lost the lease"), None),
        (TransientError("busy", retry_after=42.0), timedelta(seconds=42)),
        (TransientError("busy", retry_after=1e9), LONGEST_WAIT),
        (AirflowTaskTimeout("Timeout"), None),
    ],
)
def test_what_passes_by_itself_is_tried_again_when_asked_for(error: BaseException, wait: timedelta | None) -> None:
    decision = RetryByErrorClass().evaluate(left_by(error), 1, 3)
    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, wait)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("systems: none"),
        OperatorError("no rights"),
        RefusedError("too many"),
        RecordError("bad"),
        ValueError("x"),
    ],
)
def test_what_needs_a_person_is_not_tried_again(error: Exception) -> None:
    left = left_by(error)
    assert isinstance(left, AirflowFailException)
    assert RetryByErrorClass().evaluate(left, 1, 3).action is RetryAction.FAIL


def test_libraries_say_nothing_in_a_task(caplog: pytest.LogCaptureFixture) -> None:
    def work() -> str:
        logging.getLogger("zeep.transports").error("sent %s", MARKED)
        logging.getLogger("urllib3.connectionpool").warning("GET /?email=%s", MARKED)
        return "done"

    assert shielded(work, "system erp, sync") == "done"
    assert MARKED not in caplog.text
