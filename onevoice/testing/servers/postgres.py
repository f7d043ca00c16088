"""A private PostgreSQL server: `PrivatePostgres`.

Listens on a free port of 127.0.0.1 only, asks for a random password, writes no statement and no row detail into its
log. Crash tests keep `fsync` on; tests that only need a database switch it off.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from onevoice.errors import OperatorError
from onevoice.testing.servers import docker
from onevoice.testing.servers.account import free_port, own, run_as, server_account, write_private
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

ADMIN = "onevoice"
INIT_SECONDS = 120
CONNECT_SECONDS = 5
SHARED_MEMORY_LINE = 6
BINARY_FOLDERS = Path("/usr/lib/postgresql")


class PrivatePostgres(PrivateServer):
    """A PostgreSQL server of our own.

    Args:
        fsync: False trades crash safety for speed (throw-away tests only).
        keep: let it run on after this process (see `end_kept`).

    Raises:
        OperatorError: no PostgreSQL was found; says what to type.
    """

    name = "postgres"
    start_seconds = 60.0

    def __init__(self, *, fsync: bool = True, keep: bool = False) -> None:
        self._binaries = find_postgres()
        if self._binaries is None and (os.geteuid() == 0 or not docker.docker_answers()):
            raise OperatorError("PostgreSQL not found: run scripts/install-servers (as root), or install postgresql")
        super().__init__(server_account("postgres"), keep=keep)
        self.port = free_port()
        self.password = secrets.token_urlsafe(24)
        self._fsync = fsync
        self._shared_memory: str | None = None
        self._container = f"onevoice-{self.folder.name}"

    def url(self, database: str = "postgres", *, user: str = ADMIN, password: str | None = None) -> str:
        """Return the SQLAlchemy URL (``postgresql+psycopg://...``) of `database`, for the administrator by default."""
        secret = quote(password if password is not None else self.password, safe="")
        return f"postgresql+psycopg://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """Create a database as a copy of `template` and return its name (a new one where none is given)."""
        name = name or f"test_{uuid.uuid4().hex[:16]}"
        self._administrate(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return name

    def drop_database(self, name: str) -> None:
        """Drop database `name` at once, ending whatever is still connected to it."""
        self._administrate(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would; its own children notice and end. Data stays for `start`."""
        self._shared_memory = self._shared_memory_id()
        super().kill()

    def _administrate(self, statement: sql.Composed) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMIN,
            password=self.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
        )

    def _answers(self) -> bool:
        try:
            with self._connect():
                return True
        except psycopg.OperationalError:
            return False

    def _launch(self) -> ServerProcess:
        launch = self._container_launch() if self._binaries is None else self._program_launch(self._binaries)
        process = ServerProcess(launch, leash=not self.keep)
        self._shared_memory = None
        return process

    def _settings(self) -> dict[str, str]:
        switch = "on" if self._fsync else "off"
        return {
            "fsync": switch,
            "full_page_writes": switch,
            "max_connections": "100",
            # Files in the data folder instead of /dev/shm: nothing outside the folder survives a SIGKILL.
            "dynamic_shared_memory_type": "mmap",
            "timezone": "UTC",
            "log_timezone": "UTC",
            # A statement or a row detail in the log would be personal data in a log.
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }

    def _program_launch(self, binaries: Path) -> Launch:
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        settings = self._settings() | {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Launch(
            command=[str(binaries / "postgres"), "-D", str(data), *options],
            env=self._env(),
            folder=self.folder,
            log=self.log,
            account=self.account,
            stop_signal=signal.SIGINT,
            end_signal=signal.SIGQUIT,
            remove=self.folder,
        )

    def _initialise(self, binaries: Path, data: Path) -> None:
        secret = write_private(self.folder / "password", self.password, self.account)
        command = [str(binaries / "initdb"), "-D", str(data), "-U", ADMIN, "--auth=scram-sha-256"]
        command += [f"--pwfile={secret}", "-E", "UTF8", "--no-locale", "--no-sync"]
        done = run_as(self.account, command, env=self._env(), folder=self.folder, seconds=INIT_SECONDS)
        secret.unlink()
        if done.returncode != 0:
            raise OperatorError(f"initdb failed in {self.folder}:\n{done.stderr.strip()}")

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C", "TZ": "UTC"}

    def _container_launch(self) -> Launch:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        own(data, self.account)
        secret = write_private(self.folder / "password", self.password, self.account)
        command = docker.run_command(
            self._container,
            docker.POSTGRES_IMAGE,
            ports={self.port: 5432},
            mounts={data: "/var/lib/postgresql/data", secret: "/run/onevoice-password"},
            env={"POSTGRES_USER": ADMIN, "POSTGRES_PASSWORD_FILE": "/run/onevoice-password"},
            arguments=[word for key, value in self._settings().items() for word in ("-c", f"{key}={value}")],
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

    def _shared_memory_id(self) -> str | None:
        """Return the id of the small System V segment that the postmaster holds, from its pid file."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        words = lines[SHARED_MEMORY_LINE].split() if len(lines) > SHARED_MEMORY_LINE else []
        return words[1] if len(words) == 2 else None  # the line says: key, id

    def _after_end(self) -> None:
        # Only a killed postmaster that was never started again leaves its segment behind.
        remove = shutil.which("ipcrm")
        if self._shared_memory is not None and remove is not None:
            subprocess.run([remove, "-m", self._shared_memory], capture_output=True, timeout=10, check=False)
            self._shared_memory = None


def find_postgres() -> Path | None:
    """Return the folder with the newest PostgreSQL server programs on this machine, or None."""
    found = [path.parent for path in BINARY_FOLDERS.glob("*/bin/postgres") if (path.parent / "initdb").exists()]
    if found:
        return max(found, key=lambda path: [int(part) for part in re.findall(r"\d+", path.parent.name)])
    on_path = shutil.which("initdb")
    if on_path is None:
        return None
    folder = Path(on_path).resolve().parent
    return folder if (folder / "postgres").exists() else None
