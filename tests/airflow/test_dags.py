"""The generated DAGs: which there are, what they say of themselves, and what parsing them touches."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG

from onevoice.airflow.dags import TAGS, build_dags
from onevoice.airflow.failure import RetryByErrorClass
from onevoice.config import load_config

ROOT = Path(__file__).parents[2]
DAG_FILE = ROOT / "dags" / "onevoice_dags.py"
SYSTEMS = ("erp", "callcentre")
PARSE = """
import json, runpy, sys
import airflow.sdk, airflow.sdk.exceptions, airflow.sdk.bases.operator, airflow.sdk.definitions.dag
from airflow.sdk import DAG, BaseHook, BaseOperator, Connection, Context, Param, RetryDecision, RetryPolicy
with DAG("warm", schedule=None):
    BaseOperator(task_id="warm")

CODE = (".py", ".pyc", ".so")
WATCHED = ("socket.", "sqlite3.", "subprocess.", "os.system", "os.exec", "os.fork")
touched = []

def note(event, arguments):
    if event == "open" and not str(arguments[0]).endswith(CODE):
        touched.append(f"open {arguments[0]}")
    elif event.startswith(WATCHED) and event != "socket.gethostname":
        touched.append(event)

sys.addaudithook(note)
found = runpy.run_path(sys.argv[1])
done = list(touched)
loaded = sorted(name for name in ("pika", "psycopg", "zeep", "requests", "onevoice.workers") if name in sys.modules)
dags = sorted(key for key, value in found.items() if isinstance(value, DAG))
print(json.dumps({"touched": done, "loaded": loaded, "dags": dags}))
"""


JOBS = {"learn": timedelta(hours=1), "rejudge": timedelta(hours=1), "housekeeping": timedelta(days=1)}


def write_config(folder: Path, scheduler: str = "airflow", extra: str = "") -> Path:
    path = folder / "onevoice.toml"
    path.write_text(
        f"""
[hub]
scheduler = "{scheduler}"
[store]
url = {{file = "secrets/not-there"}}
[bus]
url = {{file = "secrets/not-there"}}
[systems.erp]
connector = "sample_erp"
title = "The ERP"
owner = "finance"
poll_every = "2m"
reconcile_every = "12h"
api_key = {{file = "secrets/not-there"}}
[systems.erp.secrets]
password = {{env = "NOT_THERE"}}
[systems.callcentre]
connector = "sample_callcentre"
{extra}
""",
        encoding="utf-8",
    )
    return path


def dags(folder: Path, scheduler: str = "airflow") -> dict[str, DAG]:
    return dict(build_dags(load_config(write_config(folder, scheduler))))


def parse(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PARSE, str(DAG_FILE)],
        env={**os.environ, "ONEVOICE_CONFIG": str(config), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_each_system_has_one_dag_of_each_kind(tmp_path: Path) -> None:
    made = dags(tmp_path)
    assert set(made) == {f"{kind}__{name}" for kind in ("sync", "reconcile", "watch") for name in SYSTEMS} | JOBS.keys()
    for job, every in JOBS.items():
        assert made[job].schedule == every
        assert made[job].tags == {"onevoice", job}
        assert "When it is red" in (made[job].doc_md or "")
    assert made["rejudge"].params["approve_regrouping"] is False


def test_every_dag_says_what_it_is_and_whom_it_belongs_to(tmp_path: Path) -> None:
    for dag_id, dag in dags(tmp_path).items():
        if dag_id in JOBS:
            continue
        kind, _, system = dag_id.partition("__")
        assert dag.tags == {"onevoice", kind}
        assert dag.tags <= TAGS
        assert dag.owner == {"erp": "finance", "callcentre": "integration"}[system]
        assert dag.doc_md is not None
        assert f"`{system}`" in dag.doc_md
        assert "When it is red" in dag.doc_md
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        (task,) = dag.tasks
        assert task.do_xcom_push is False
        assert task.retries
        assert isinstance(task.retry_policy, RetryByErrorClass)


@pytest.mark.parametrize(
    ("scheduler", "sync", "reconcile"),
    [("airflow", timedelta(minutes=2), timedelta(hours=12)), ("builtin", None, None)],
)
def test_exactly_one_scheduler_does_what_is_periodic(
    tmp_path: Path, scheduler: str, sync: timedelta | None, reconcile: timedelta | None
) -> None:
    made = dags(tmp_path, scheduler)
    assert made["sync__erp"].schedule == sync
    assert made["reconcile__erp"].schedule == reconcile
    assert made["watch__erp"].schedule == timedelta(minutes=1)
    told = made["sync__erp"].doc_md or ""
    assert ("every 2 minutes" in told, "by hand" in told) == (True, scheduler == "builtin")


def test_parsing_reads_the_configuration_and_nothing_else(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    done = parse(config)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["touched"] == [f"open {config}"]
    assert said["loaded"] == []
    assert len(said["dags"]) == 3 * len(SYSTEMS) + len(JOBS)


def test_a_wrong_configuration_is_an_import_error_that_names_the_key(tmp_path: Path) -> None:
    done = parse(write_config(tmp_path, extra='poll_evry = "1m"'))
    assert done.returncode != 0
    assert "ConfigurationError: systems.callcentre.poll_evry: unknown" in done.stderr


def test_the_dag_file_imports_onevoice_airflow_only() -> None:
    tree = ast.parse(DAG_FILE.read_text(encoding="utf-8"))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["from onevoice.airflow import configured_dags"]
