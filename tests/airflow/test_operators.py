"""How a task goes through the streams of a system: in order, each by itself, and never into a parked system."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from onevoice.airflow import SyncOperator
from onevoice.airflow.operators import HubOperator
from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.workers.sync import SyncReport


def hub(*streams: str, parked: bool = False) -> Any:
    """What the operator sees of a hub; `push` is not polled."""
    listed = [SimpleNamespace(name=name, polled=name != "push") for name in streams]
    return SimpleNamespace(
        systems=SimpleNamespace(parked=lambda: {"erp"} if parked else set()),
        catalog=SimpleNamespace(streams_of=lambda _system: listed),
    )


def each(there: Any, outcomes: Mapping[str, Exception | bool]) -> list[str]:
    """Run all streams; an outcome is an error, or whether somebody else was at it. Gives the streams that were read."""
    read: list[str] = []

    def one(stream: str) -> SyncReport:
        read.append(stream)
        outcome = outcomes.get(stream, False)
        if isinstance(outcome, Exception):
            raise outcome
        return SyncReport(system="erp", stream=stream, busy=outcome)

    try:
        SyncOperator(task_id="sync", system="erp", config_path="onevoice.toml").each_stream(there, one)
    finally:
        there.read = read
    return read


def test_streams_are_read_in_the_order_of_the_catalogue() -> None:
    assert each(hub("customers", "push", "orders"), {}) == ["customers", "orders"]


def test_one_streams_trouble_does_not_stop_the_next() -> None:
    there = hub("customers", "orders", "notes")
    with pytest.raises(TransientError) as caught:
        each(
            there, {"customers": TransientError("a", retry_after=5.0), "orders": TransientError("b", retry_after=60.0)}
        )
    assert there.read == ["customers", "orders", "notes"]
    assert caught.value.retry_after == 60.0


def test_what_needs_a_person_goes_before_what_passes() -> None:
    with pytest.raises(RefusedError, match="are gone"):
        each(hub("customers", "orders"), {"customers": TransientError("away"), "orders": RefusedError("9 are gone")})


def test_a_system_that_lets_us_in_no_more_is_left_alone() -> None:
    there = hub("customers", "orders")
    with pytest.raises(OperatorError):
        each(there, {"customers": OperatorError("HTTP 401")})
    assert there.read == ["customers"]


def test_a_parked_system_is_not_touched() -> None:
    there = hub("customers", parked=True)
    with pytest.raises(OperatorError, match=r"parked.*onevoice system resume erp"):
        each(there, {})
    assert there.read == []


@pytest.mark.parametrize(
    ("streams", "busy"), [(("push",), {}), (("customers", "orders"), {"customers": True, "orders": True})]
)
def test_nothing_to_do_is_skipped(streams: tuple[str, ...], busy: dict[str, bool]) -> None:
    with pytest.raises(AirflowSkipException):
        each(hub(*streams), busy)


def test_half_of_it_done_is_no_skip() -> None:
    assert each(hub("customers", "orders"), {"customers": True}) == ["customers", "orders"]


def test_what_all_tasks_share_is_no_task_itself() -> None:
    with pytest.raises(TypeError, match="abstract"):
        HubOperator(task_id="any", system="erp", config_path="onevoice.toml")  # type: ignore[abstract]
