"""Under a real scheduler, as an installation runs it: API server, scheduler with LocalExecutor, DAG processor, a hub.

Only this proves what a task may touch: it has no access to Airflow's database and runs in a process of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import sqlalchemy as sa

from onevoice.store import open_store
from onevoice.store.tables import source_record
from onevoice.testing.servers.account import free_port, write_private
from onevoice.testing.servers.process import Launch, ServerProcess
from samples.erp.database import open_engine
from samples.erp.schema import CUSTOMERS
from tests.airflow.installation import MARKED, Installation

BIN = Path(sys.executable).parent
START_SECONDS = 120.0
RUN_SECONDS = 180.0
NEWS = "newname.marked@personal.example"
pytestmark = pytest.mark.timeout(420)


@dataclass(slots=True)
class Airflow:
    """A running Airflow, asked through its public REST API."""

    base: str
    password: str
    _token: str = field(default="", repr=False)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        if not self._token:
            login = {"username": "admin", "password": self.password}
            answer = requests.post(f"{self.base}/auth/token", json=login, timeout=10)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = requests.request(method, f"{self.base}/api/v2/{path}", json=body, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def healthy(self) -> bool:
        try:
            parts = requests.get(f"{self.base}/api/v2/monitor/health", timeout=10).json()
        except (requests.RequestException, ValueError):
            return False
        return all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def dags(self) -> set[str]:
        return {dag["dag_id"] for dag in self.call("GET", "dags")["dags"]}

    def trigger(self, dag_id: str) -> str:
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """State of the run's only task."""
        (task,) = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return str(task["state"])

    def run_states(self, dag_id: str) -> list[str]:
        """States of all runs, the newest first."""
        return [run["state"] for run in self.call("GET", f"dags/{dag_id}/dagRuns?order_by=-run_after")["dag_runs"]]


def start(stack: ExitStack, installation: Installation, name: str, words: list[str], env: Any) -> ServerProcess:
    launch = Launch(
        command=[str(BIN / words[0]), *words[1:]],
        env=dict(env),
        folder=installation.folder,
        log=installation.folder / f"{name}.log",
        account=None,
    )
    process = ServerProcess(launch, leash=True)
    stack.callback(process.stop)
    return process


def stop_at_once(processes: list[ServerProcess]) -> None:
    """Stop all at the same time: each takes its seconds to drain."""
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(ServerProcess.stop, processes))


def until(condition: Callable[[], bool], seconds: float, what: str, installation: Installation) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            logs = {path.name: path.read_text("utf-8", "replace")[-2500:] for path in installation.folder.glob("*.log")}
            pytest.fail(f"{what}: not within {seconds:.0f} s\n" + "\n".join(f"--- {n}\n{t}" for n, t in logs.items()))
        time.sleep(0.5)


@pytest.fixture(scope="module")
def airflow(installation: Installation) -> Iterator[Airflow]:
    """Airflow and the hub's API run; no worker of the hub does."""
    port = free_port()
    # As containers have it: the connections are in a file that is mounted as a secret.
    connections = {
        name.removeprefix("AIRFLOW_CONN_").lower(): value
        for name, value in installation.environment.items()
        if name.startswith("AIRFLOW_CONN_")
    }
    file = write_private(installation.folder / "connections.json", json.dumps(connections), None)
    env = {
        **{name: value for name, value in installation.environment.items() if not name.startswith("AIRFLOW_CONN_")},
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(file)}),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
    }
    here = Airflow(base=f"http://127.0.0.1:{port}", password=installation.airflow_password)
    with ExitStack() as stack:
        server = ["airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)]
        processes = [
            start(stack, installation, "hub-api", ["onevoice", "run", "--role", "api"], installation.hub_environment),
            start(stack, installation, "airflow-api", server, env),
            start(stack, installation, "airflow-scheduler", ["airflow", "scheduler"], env),
            start(stack, installation, "airflow-dag-processor", ["airflow", "dag-processor"], env),
        ]
        until(here.healthy, START_SECONDS, "Airflow is healthy", installation)
        until(lambda: "sync__erp" in here.dags(), START_SECONDS, "the DAGs are known", installation)
        yield here
        stop_at_once(processes)
    left = [process for process in psutil.process_iter() if belongs(process, installation)]
    assert left == []


def belongs(process: psutil.Process, installation: Installation) -> bool:
    try:
        return process.environ().get("AIRFLOW_HOME") == installation.environment["AIRFLOW_HOME"]
    except psutil.Error:
        return False


def address_in_store(installation: Installation, key: str) -> str | None:
    """The e-mail address that the hub has taken in for a customer of the ERP."""
    store = open_store(str(installation.config.store_url))
    try:
        with store.transaction() as connection:
            record = sa.select(source_record.c.payload).where(
                source_record.c.system == "erp", source_record.c.stream == "customers", source_record.c.key == key
            )
            payload = connection.execute(record).scalar_one_or_none()
            return payload["email"] if payload else None
    finally:
        store.close()


def change_a_customer(installation: Installation) -> str:
    engine = open_engine(installation.erp_database)
    with engine.begin() as connection:
        key = str(connection.execute(sa.select(sa.func.max(CUSTOMERS.c.customer_no))).scalar_one())
        connection.execute(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_no == key).values(email=NEWS))
    engine.dispose()
    return key


def test_tasks_do_their_work_and_keep_nothing_of_a_customer(installation: Installation, airflow: Airflow) -> None:
    key = change_a_customer(installation)

    # Nobody works for the hub yet: the watch, by its schedule, is red and says so.
    until(lambda: "failed" in airflow.run_states("watch__erp"), RUN_SECONDS, "watch__erp is red", installation)
    assert "worker_heartbeat" in installation.everything_kept()

    runs = {dag_id: airflow.trigger(dag_id) for dag_id in ("sync__erp", "sync__leaky", "sync__away")}
    wanted = {"sync__erp": "success", "sync__leaky": "failed", "sync__away": "up_for_retry"}

    def states() -> dict[str, str]:
        return {dag_id: airflow.state(dag_id, run_id) for dag_id, run_id in runs.items()}

    until(lambda: states() == wanted, RUN_SECONDS, f"tasks end as {wanted}", installation)

    # What the task published is on the bus: a worker takes it in, and then the watch is green.
    with ExitStack() as stack:
        roles = [word for role in ("ingest", "relay", "delivery") for word in ("--role", role)]
        start(stack, installation, "hub-worker", ["onevoice", "run", *roles], installation.hub_environment)
        until(lambda: address_in_store(installation, key) == NEWS, 60, "the change has arrived", installation)
        until(
            lambda: airflow.run_states("watch__erp")[0] == "success", RUN_SECONDS, "watch__erp is green", installation
        )

    kept = installation.everything_kept()
    assert "stream customers: " in kept, "the task's log is among what is looked through"
    assert "a defect, ValueError at connector.py:" in kept
    for value in (*MARKED.values(), NEWS, *installation.secrets):
        assert value not in kept
