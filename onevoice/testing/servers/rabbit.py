"""A private RabbitMQ node: `PrivateRabbit`.

Listens on free ports of 127.0.0.1 only (AMQP, distribution, management, Prometheus), with an epmd of its own on a
port of its own, both of which end with it. Has one administrator with a random password and no guest.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from onevoice.errors import OperatorError
from onevoice.testing.servers import docker
from onevoice.testing.servers.account import free_port, own, server_account, write_private
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

ADMIN = "onevoice-admin"
NODE = "onevoice@localhost"
PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."
# The distribution port listens on loopback too; epmd is ours; two schedulers that sleep when there is nothing to do.
ERLANG_FLAGS = (
    "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
)
HTTP_SECONDS = 10
ANSWER_SECONDS = 1
DEBIAN_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# Debian's wrapper of this name in /usr/sbin runs only as root or rabbitmq, on the system's own node.
DEBIAN_WRAPPER = Path("/usr/sbin/rabbitmq-server")
ERLANG_FOLDER = "/usr/lib/erlang/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of a cluster: what it shares with the others, and how they are called.

    Attributes:
        node: its own name.
        peers: the names of all nodes, its own included.
        leads: it runs the epmd that all of them use; it starts first and ends last.
    """

    node: str
    peers: Sequence[str]
    cookie: str
    password: str
    epmd_port: int
    leads: bool


class PrivateRabbit(PrivateServer):
    """A RabbitMQ node of our own, with the management and Prometheus plugins.

    Args:
        keep: let it run on after this process (see `end_kept`).
        member: of which cluster it is a node (see `PrivateRabbitCluster`); None: it stands alone.

    Raises:
        OperatorError: no RabbitMQ was found; says what to type.
    """

    name = "rabbitmq"
    start_seconds = 120.0
    user = ADMIN

    def __init__(self, *, keep: bool = False, member: Member | None = None) -> None:
        self._program = find_rabbit()
        if self._program is None and (os.geteuid() == 0 or not docker.docker_answers()):
            raise OperatorError("RabbitMQ not found: run scripts/install-servers (as root), or install rabbitmq-server")
        super().__init__(server_account("rabbitmq"), keep=keep)
        self._member = member
        self.password = member.password if member else secrets.token_urlsafe(24)
        self.port = free_port()
        self.management_port = free_port()
        self.prometheus_port = free_port()
        self._distribution_port = free_port()
        self._epmd_port = member.epmd_port if member else free_port()
        self._epmd: ServerProcess | None = None
        self._container = f"onevoice-{self.folder.name}"

    @property
    def node(self) -> str:
        """The node's name, as queues name their leader."""
        return self._member.node if self._member else NODE

    def url(self, vhost: str = "/", *, user: str = ADMIN, password: str | None = None) -> str:
        """Return the AMQP URL of `vhost`, for the administrator by default."""
        secret = quote(password if password is not None else self.password, safe="")
        return f"amqp://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(vhost, safe='')}"

    def management_url(self) -> str:
        """Return the address of the management HTTP API, without credentials (`user` and `password` hold them)."""
        return f"http://127.0.0.1:{self.management_port}"

    def prometheus_url(self) -> str:
        """Return the address of the node's own metrics."""
        return f"http://127.0.0.1:{self.prometheus_port}/metrics"

    def create_vhost(self, name: str | None = None) -> str:
        """Create a virtual host on which the administrator has all rights, and return its name."""
        name = name or f"test-{uuid.uuid4().hex[:16]}"
        self.management("PUT", f"/api/vhosts/{quote(name, safe='')}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.management("PUT", f"/api/permissions/{quote(name, safe='')}/{ADMIN}", everything)
        return name

    def delete_vhost(self, name: str) -> None:
        """Delete virtual host `name` with all its queues, closing its connections."""
        self.management("DELETE", f"/api/vhosts/{quote(name, safe='')}")

    def management(self, method: str, path: str, body: object = None) -> object:
        """Ask the management API as the administrator and return the decoded answer (None where it is empty).

        Raises:
            OperatorError: the API answers with an error status.
            OSError: the node does not answer.
        """
        status, content = self._request(method, path, body, HTTP_SECONDS)
        if status >= http.client.BAD_REQUEST:
            raise OperatorError(f"rabbitmq management API: {method} {path.partition('?')[0]} answered {status}")
        return json.loads(content) if content else None

    def _request(self, method: str, path: str, body: object, seconds: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.management_port, timeout=seconds)
        token = base64.b64encode(f"{ADMIN}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            status, _ = self._request("GET", "/api/overview", None, ANSWER_SECONDS)
            if status != http.client.OK:
                return False
            with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS):
                return True
        except (OSError, http.client.HTTPException):
            return False

    def _processes(self) -> list[ServerProcess]:
        # The node goes first: it is registered with the epmd that serves it.
        return super()._processes() + ([self._epmd] if self._epmd is not None else [])

    def _launch(self) -> ServerProcess:
        if self._program is None:
            return ServerProcess(self._container_launch(), leash=not self.keep)
        self._write_files("127.0.0.1", self.port, self.management_port, self.prometheus_port)
        if (self._member is None or self._member.leads) and (self._epmd is None or not self._epmd.is_running()):
            self._epmd = ServerProcess(self._epmd_launch(), leash=not self.keep)
            self._wait_for_epmd()
        return ServerProcess(self._program_launch(self._program), leash=not self.keep)

    def _wait_for_epmd(self) -> None:
        def listens() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self._epmd_port), timeout=ANSWER_SECONDS):
                    return True
            except OSError:
                return False

        self._wait_until(listens)

    def _write_files(self, address: str, amqp: int, management: int, prometheus: int) -> None:
        lines = [
            f"listeners.tcp.1 = {address}:{amqp}",
            f"management.tcp.ip = {address}",
            f"management.tcp.port = {management}",
            f"prometheus.tcp.ip = {address}",
            f"prometheus.tcp.port = {prometheus}",
            f"default_user = {ADMIN}",
            f"default_pass = {self.password}",
            "log.console = true",
            "log.console.level = info",
            "log.file = false",
            "disk_free_limit.absolute = 50MB",
            # Whoever reads queue lengths from the management API sees them a second old, not five.
            "collect_statistics_interval = 1000",
        ]
        if self._member is not None:
            lines.append("cluster_formation.peer_discovery_backend = classic_config")
            names = enumerate(self._member.peers, start=1)
            lines += [f"cluster_formation.classic_config.nodes.{number} = {name}" for number, name in names]
        write_private(self.folder / "rabbitmq.conf", "\n".join(lines) + "\n", self.account)
        write_private(self.folder / "enabled_plugins", PLUGINS + "\n", self.account)
        cookie = self.folder / ".erlang.cookie"
        if not cookie.exists():
            shared = self._member.cookie if self._member else secrets.token_hex(20)
            write_private(cookie, shared, self.account).chmod(0o400)

    def _env(self) -> dict[str, str]:
        path = os.environ.get("PATH", os.defpath)
        return {
            "PATH": f"{path}:{ERLANG_FOLDER}",
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
        }

    def _epmd_launch(self) -> Launch:
        program = shutil.which("epmd", path=self._env()["PATH"])
        if program is None:
            raise OperatorError("epmd not found: install erlang-base")
        return Launch(
            command=[program, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            env=self._env(),
            folder=self.folder,
            log=self.folder / "epmd.log",
            account=self.account,
        )

    def _program_launch(self, program: Path) -> Launch:
        folder = self.folder
        settings = {
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_FLAGS,
            # The start script then becomes the node, instead of staying as its parent and shell.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        return Launch(
            command=[str(program)],
            env=self._env() | settings,
            folder=folder,
            log=self.log,
            account=self.account,
            stop_signal=signal.SIGTERM,
            end_signal=signal.SIGKILL,
            remove=folder,
        )

    def _container_launch(self) -> Launch:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        own(data, self.account)
        self._write_files("0.0.0.0", 5672, 15672, 15692)  # noqa: S104 - inside the container; published on 127.0.0.1
        command = docker.run_command(
            self._container,
            docker.RABBIT_IMAGE,
            ports={self.port: 5672, self.management_port: 15672, self.prometheus_port: 15692},
            mounts={
                data: "/var/lib/rabbitmq",
                self.folder / "rabbitmq.conf": "/etc/rabbitmq/rabbitmq.conf:ro",
                self.folder / "enabled_plugins": "/etc/rabbitmq/enabled_plugins:ro",
            },
            env={},
        )
        return Launch(
            command=command,
            env=dict(os.environ),
            folder=self.folder,
            log=self.log,
            account=None,
            kill_command=docker.kill_command(self._container),
            remove=self.folder,
        )


def find_rabbit() -> Path | None:
    """Return the RabbitMQ start script of this machine that any account can run, or None (also without Erlang)."""
    path = f"{os.environ.get('PATH', os.defpath)}:{ERLANG_FOLDER}"
    if shutil.which("erl", path=path) is None:
        return None
    if os.access(DEBIAN_SERVER, os.X_OK):
        return DEBIAN_SERVER
    on_path = shutil.which("rabbitmq-server")
    if on_path is None or Path(on_path).resolve() == DEBIAN_WRAPPER:
        return None
    return Path(on_path).resolve()
