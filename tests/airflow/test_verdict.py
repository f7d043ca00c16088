"""The hub's answer about a system, in words; what cannot be understood is not well."""

from __future__ import annotations

from typing import Any

import pytest

from onevoice.airflow.verdict import complaints
from onevoice.errors import RefusedError

WELL = {"name": "backlog_age", "value": 3.2, "limit": 900.0, "unit": "seconds", "ok": True, "advice": "look"}
LATE = {**WELL, "value": 1300.4, "ok": False}
UNKNOWN = {**WELL, "name": "worker_heartbeat", "value": None, "ok": False, "advice": "start 'onevoice run'"}


def answer(*checks: Any, ok: bool | None = None) -> dict[str, Any]:
    return {"system": "erp", "ok": all(c["ok"] for c in checks) if ok is None else ok, "checks": list(checks)}


def test_a_well_system_has_no_complaint() -> None:
    assert complaints("erp", answer(WELL)) == []


def test_every_passed_limit_is_named_with_the_next_step() -> None:
    assert complaints("erp", answer(WELL, LATE, UNKNOWN)) == [
        "system erp: backlog_age is 1300, its limit is 900 (seconds); look",
        "system erp: worker_heartbeat cannot be measured, its limit is 900 (seconds); start 'onevoice run'",
    ]


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"ok": True, "checks": []},
        {"ok": True, "checks": "all well"},
        answer(LATE, ok=True),
        answer(WELL, ok=False),
        answer({**LATE, "limit": None}),
        answer({**LATE, "advice": None}),
    ],
)
def test_a_strange_answer_is_not_well(strange: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="another form"):
        complaints("erp", strange)
