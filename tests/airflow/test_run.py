"""Each kind of DAG by `dag.test()`: its effect in the hub, how its task ends, and what its log holds."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from onevoice.store import open_store
from onevoice.store.tables import source_record, stream_state
from onevoice.workers.hub import opened
from onevoice.workers.loops import Loops
from tests.airflow.installation import MARKED, Installation
from tests.airflow.stand_in import answering
from tests.airflow.test_verdict import LATE, WELL, answer

RUN_DAGS = str(Path(__file__).with_name("run_dags.py"))
CUSTOMERS_AND_ORDERS = 2
pytestmark = pytest.mark.timeout(240)


def run_dags(installation: Installation, *dag_ids: str) -> tuple[dict[str, dict[str, str]], str]:
    said = installation.run([sys.executable, RUN_DAGS, *dag_ids], seconds=200)
    return json.loads(said.splitlines()[-1]), said


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def counted(installation: Installation) -> dict[str, int]:
    """Records of the ERP in the store, by stream."""
    store = open_store(str(installation.config.store_url))
    try:
        with store.transaction() as connection:
            rows = connection.execute(
                sa.select(source_record.c.stream, sa.func.count().label("number"))
                .where(source_record.c.system == "erp")
                .group_by(source_record.c.stream)
            )
            return {row.stream: row.number for row in rows}
    finally:
        store.close()


def test_a_sync_brings_the_systems_records_into_the_hub(installation: Installation) -> None:
    ended, said = run_dags(installation, "sync__erp", "reconcile__erp")
    assert ended == {"sync__erp": {"sync": "success"}, "reconcile__erp": {"reconcile": "success"}}, said
    expected = installation.erp_counts
    assert f"stream customers: {expected['customers']} read, {expected['customers']} published, 0 deleted" in said
    assert f"stream orders: {expected['orders']} read, 0 published, 0 deleted" in said  # reconciled, nothing new
    assert said.index("stream customers: ") < said.index("stream orders: ")
    with opened(installation.config) as hub:
        loops = Loops(hub)
        loops.start(frozenset({"ingest"}))
        arrived = eventually(lambda: counted(installation) == expected)
        assert loops.join()
        with hub.store.transaction() as connection:
            states = connection.execute(sa.select(stream_state).where(stream_state.c.system == "erp")).all()
    assert arrived, counted(installation)
    assert [bool(state.succeeded_at and state.reconciled_at) for state in states] == [True] * CUSTOMERS_AND_ORDERS


def test_a_defect_turns_the_sync_red_without_a_value(installation: Installation) -> None:
    ended, said = run_dags(installation, "sync__leaky")
    assert ended == {"sync__leaky": {"sync": "failed"}}
    assert "system leaky, sync: a defect, ValueError at connector.py:" in said
    for value in MARKED.values():
        assert value not in said


def test_a_watch_is_red_when_and_only_when_the_hub_says_so(installation: Installation) -> None:
    answers = {
        "/v1/watch/erp": (200, answer(WELL)),
        "/v1/watch/leaky": (200, answer(WELL, LATE)),
        "/v1/watch/away": (401, {"detail": MARKED["email"]}),
    }
    with answering(installation.api_port, answers) as asked:
        ended, said = run_dags(installation, "watch__erp", "watch__leaky", "watch__away")
    assert ended == {
        "watch__erp": {"watch": "success"},
        "watch__leaky": {"watch": "failed"},
        "watch__away": {"watch": "failed"},
    }
    key = installation.environment["AIRFLOW_API_KEY"]
    assert asked == [(path, f"Bearer {key}") for path in answers]
    assert "system leaky: backlog_age is 1300, its limit is 900 (seconds); look" in said
    assert "the key is the password of Airflow connection onevoice_api" in said
    assert MARKED["email"] not in said
    for secret in installation.secrets:
        assert secret not in said
