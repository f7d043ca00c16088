"""Airflow beside the stack: API server, scheduler and DAG processor as plain processes on a database of their own."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from onevoice.testing.servers import PrivatePostgres
from samples.demo.stack import Stack, StackError, free_port
from samples.server import PROJECT

PROGRAM = PROJECT / ".venv-airflow" / "bin" / "airflow"
START_SECONDS = 120.0
STOP_SECONDS = 20.0
PARTS = (("api-server",), ("scheduler",), ("dag-processor",))


@dataclass(slots=True)
class Airflow:
    """One Airflow for one stack; `start` and `stop`."""

    stack: Stack
    url: str = field(init=False, default="")
    _processes: list[subprocess.Popen[bytes]] = field(init=False, default_factory=list)

    @property
    def home(self) -> Path:
        """Logs and the password of user `admin` are here."""
        return self.stack.directory / "airflow"

    @property
    def passwords(self) -> Path:
        """The file with the password of user `admin`."""
        return self.home / "passwords.json"

    def start(self) -> None:
        """Make the database, start all parts, wait until the interface answers.

        Raises:
            StackError: Airflow is not installed, or did not come up.
        """
        if not PROGRAM.exists():
            raise StackError(f"{PROGRAM} is missing: 'make up' installs Airflow, or run 'make .venv-airflow/.stamp'")
        self.home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = self._environment(port)
        with (self.home / "airflow.log").open("ab") as log:
            done = subprocess.run(
                [PROGRAM, "db", "migrate"], env=environment, stdout=log, stderr=log, timeout=START_SECONDS, check=False
            )
            if done.returncode != 0:
                raise StackError(f"airflow db migrate failed: see {self.home / 'airflow.log'}")
            for part in PARTS:
                self._processes.append(
                    subprocess.Popen(
                        [PROGRAM, *part],
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )
        self._await_answer()

    def stop(self) -> None:
        """End all parts with what they started."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            _end_group(process)
        self._processes.clear()

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and all(p.poll() is None for p in self._processes):
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    if session.get(f"{self.url}/api/v2/monitor/health", timeout=2).ok:
                        return
            except requests.RequestException:
                time.sleep(0.5)
        raise StackError(f"Airflow did not come up: see {self.home / 'airflow.log'}")

    def _environment(self, port: int) -> Mapping[str, str]:
        postgres: PrivatePostgres = self.stack.servers["postgres"]
        database = postgres.url(postgres.create_database("airflow"))
        self.passwords.touch(mode=0o600)
        self.passwords.write_text(json.dumps({"admin": secrets.token_urlsafe(16)}), encoding="utf-8")
        hub = urlsplit(self.stack.url)
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
            "AIRFLOW_CONN_ONEVOICE_STORE": self.stack.store_url.replace("postgresql+psycopg", "postgresql"),
            "AIRFLOW_CONN_ONEVOICE_BUS": self.stack.company.secret("BUS_URL"),
            "AIRFLOW_CONN_ONEVOICE_API": json.dumps(
                {
                    "conn_type": "http",
                    "host": hub.hostname,
                    "port": hub.port,
                    "password": self.stack.company.secret("OPERATOR_API_KEY"),
                }
            ),
            "ONEVOICE_CONFIG": str(self.stack.config),
            "PYTHONPATH": str(PROJECT),
        }


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever a part left behind; it began a session, so that its group is its own."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
    process.wait()
