"""The sample company with a hub between its systems, started as a user would start it.

`embedded` is one hub process on one SQLite file. `real` is the hub on a private RabbitMQ and PostgreSQL, the ERP on
PostgreSQL too. The one rule: leaving the `with` leaves nothing running, unless it was asked to stay.
"""

import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from onevoice.errors import OperatorError
from onevoice.testing.servers import PrivatePostgres, PrivateRabbit
from samples.company import CRM_USERNAME, Company, Hub
from samples.erp.database import grant_hub
from samples.server import PROJECT

OPERATOR = "demo"
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
CLOCK_BOUND = timedelta(milliseconds=200)
"""All systems and the hub run on one machine, so that a word counts as later than another very soon."""
_CLOCK_BOUND = f'clock_bound = "{CLOCK_BOUND // timedelta(milliseconds=1)}ms"'
HUB_ROLE = "erp_hub"


class StackError(OperatorError):
    """The stack did not come up."""


@dataclass(slots=True)
class Stack:
    """Four systems and a hub under one directory.

    Args:
        kind: `embedded` or `real`.
        poll: how often each polled system is asked.
        scheduler: who asks: `builtin` (the hub itself) or `airflow`.
    """

    directory: Path
    kind: str = "embedded"
    people: int = 2000
    seed: int = 1
    poll: str = "1s"
    scheduler: str = "builtin"
    company: Company = field(init=False)
    url: str = field(init=False, default="")
    store_url: str = field(init=False, default="")
    servers: dict[str, Any] = field(init=False, default_factory=dict)
    _hub: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _exit: ExitStack = field(init=False, default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self.start_systems()
            self.start_hub()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def config(self) -> Path:
        """The hub's `onevoice.toml`."""
        return self.directory / "hub" / "onevoice.toml"

    def start_systems(self) -> None:
        """Start the carriers of the real stack, then the company, and write the hub's configuration."""
        self.directory.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        urls = self._start_carriers() if self.kind == "real" else {"store": "sqlite:///hub.db", "bus": "embedded:"}
        given = {"CALLCENTRE_API_KEY": secrets.token_urlsafe(24), "CALLCENTRE_AMQP_PASSWORD": secrets.token_urlsafe(24)}
        hub = Hub(url=self.url, webhook_url=f"{self.url}/v1/webhooks/shop", amqp_url=urls.get("amqp"))
        self.company = Company(
            self.directory / "company",
            people=self.people,
            seed_number=self.seed,
            erp_url=urls.get("erp"),
            hub=hub,
            publish_history=True,
            given=given,
        )
        self._exit.enter_context(self.company)
        if "erp" in urls:
            self._secret("ERP_PASSWORD", secrets.token_urlsafe(24))
            grant_hub(urls["erp"], HUB_ROLE, self.company.secret("ERP_PASSWORD"))
        self._write_config(port, urls)

    def start_hub(self) -> None:
        """Start `onevoice run` and wait until it answers that it is ready."""
        if self.kind == "real":
            self.onevoice("db", "upgrade")
            self.onevoice("init")
        with (self.directory / "hub" / "hub.log").open("ab") as log:
            self._hub = subprocess.Popen(
                [sys.executable, "-m", "onevoice", "run", "--config", str(self.config)],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._hub.poll() is not None:
                break
            if self._ready():
                return
            time.sleep(0.1)
        raise StackError(f"the hub did not start: see {self.directory / 'hub' / 'hub.log'}")

    def onevoice(self, *arguments: str) -> str:
        """Run one `onevoice` command on this stack's configuration and return what it printed.

        Raises:
            StackError: it failed; the text says what it printed.
        """
        command = [sys.executable, "-m", "onevoice", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise StackError(f"onevoice {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def ask(self, path: str, **query: str) -> Any:
        """Ask the hub's HTTP API as operator; returns its JSON answer."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {self.company.secret('OPERATOR_API_KEY')}"}
            answer = session.get(f"{self.url}{path}", params=query, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def kill_hub(self) -> None:
        """End the hub as a power cut would."""
        if self._hub is not None:
            self._hub.kill()
            self._hub.wait()
            self._hub = None

    def stop_hub(self) -> int | None:
        """Ask the hub to end and wait; returns its exit code, None when it did not run."""
        hub, self._hub = self._hub, None
        if hub is None:
            return None
        hub.send_signal(signal.SIGTERM)
        try:
            return hub.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            hub.kill()
            return hub.wait()

    def stop(self) -> None:
        """Stop everything that this stack started."""
        try:
            self.stop_hub()
        finally:
            self._exit.close()

    def wait(self) -> None:
        """Stay until Ctrl-C or SIGTERM."""
        stop = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        signal.sigwait(stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    def _start_carriers(self) -> dict[str, str]:
        postgres = self._exit.enter_context(PrivatePostgres())
        rabbit = self._exit.enter_context(PrivateRabbit())
        self.servers = {"postgres": postgres, "rabbit": rabbit}
        broker = rabbit.url()
        return {
            "store": postgres.url(postgres.create_database("onevoice")),
            "bus": broker,
            "management": rabbit.management_url(),
            "erp": postgres.url(postgres.create_database("erp")),
            "amqp": f"amqp://callcentre@{broker.rpartition('@')[2]}",
        }

    def _secret(self, name: str, value: str) -> Path:
        self.company.set_secret(name, value)
        return self.company.directory / "secrets" / name

    def _write_config(self, port: int, urls: dict[str, str]) -> None:
        store = self._secret("STORE_URL", urls["store"]) if self.kind == "real" else None
        bus = self._secret("BUS_URL", urls["bus"]) if self.kind == "real" else None
        self._secret("OPERATOR_API_KEY", secrets.token_urlsafe(24))
        folder = self.company.directory / "secrets"
        erp = self.company.erp_url
        if self.kind == "real":
            erp = f"postgresql+psycopg://{HUB_ROLE}@{erp.rpartition('@')[2]}"
        lines = [
            "# The hub of the sample company, written by its stack.",
            "[hub]",
            f'root = "{PROJECT}"',
            'name = "sample company"',
            f'scheduler = "{self.scheduler}"',
            'retry_after = "1s"',
            "[store]",
            f'url = {{file = "{store}"}}' if store else 'url = "sqlite:///hub.db"',
            "[bus]",
            f'url = {{file = "{bus}"}}' if bus else 'url = "embedded:"',
            *([f'management_url = "{urls["management"]}"'] if "management" in urls else []),
            "[api]",
            f"port = {port}",
            f"[operators.{OPERATOR}]",
            f'api_key = {{file = "{folder}/OPERATOR_API_KEY"}}',
            *self._system("crm", endpoint=self.company.urls["crm"], username=CRM_USERNAME),
            "[systems.crm.secrets]",
            f'password = {{file = "{folder}/CRM_PASSWORD"}}',
            *self._system("erp", database=erp),
            *(
                ["[systems.erp.secrets]", f'password = {{file = "{folder}/ERP_PASSWORD"}}']
                if self.kind == "real"
                else []
            ),
            *self._system("shop", url=self.company.urls["shop"]),
            "[systems.shop.secrets]",
            f'token = {{file = "{folder}/SHOP_API_TOKEN"}}',
            f'webhook_secret = {{file = "{folder}/SHOP_WEBHOOK_SECRET"}}',
            "[systems.callcentre]",
            'connector = "sample_callcentre"',
            _CLOCK_BOUND,
            f'api_key = {{file = "{folder}/CALLCENTRE_API_KEY"}}',
            *([f'amqp_password = {{file = "{folder}/CALLCENTRE_AMQP_PASSWORD"}}'] if self.kind == "real" else []),
            "[systems.callcentre.settings]",
            f'folder = "{self.company.directory / "callcentre"}"',
        ]
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.store_url = urls["store"] if self.kind == "real" else f"sqlite:///{self.config.parent / 'hub.db'}"

    def _system(self, name: str, **settings: str) -> list[str]:
        return [
            f"[systems.{name}]",
            f'connector = "sample_{name}"',
            f'poll_every = "{self.poll}"',
            _CLOCK_BOUND,
            f"[systems.{name}.settings]",
            *(f'{key} = "{value}"' for key, value in settings.items()),
        ]

    def _ready(self) -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return bool(session.get(f"{self.url}/ready", timeout=2).ok)
        except requests.RequestException:
            return False


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
