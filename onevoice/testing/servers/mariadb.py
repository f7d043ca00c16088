"""A private MariaDB server: `PrivateMariadb`.

Listens on a free port of 127.0.0.1 only and asks for a random password. Not for crash tests: a crash may lose writes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import uuid
from pathlib import Path
from urllib.parse import quote

import pymysql

from onevoice.errors import OperatorError
from onevoice.testing.servers.account import free_port, run_as, server_account, write_private
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

ADMIN = "onevoice"
INIT_SECONDS = 120
CONNECT_SECONDS = 5
_PLACES = ":/usr/sbin:/usr/local/sbin"


class PrivateMariadb(PrivateServer):
    """A MariaDB server of our own.

    Raises:
        OperatorError: no MariaDB was found; says what to type.
    """

    name = "mariadb"
    start_seconds = 60.0

    def __init__(self) -> None:
        self._server = _program("mariadbd", "mysqld")
        self._install = _program("mariadb-install-db", "mysql_install_db")
        super().__init__(server_account("mysql"), keep=False)
        self.port = free_port()
        self.password = secrets.token_urlsafe(24)

    def url(self, database: str, *, user: str = ADMIN) -> str:
        """Return the address of a database for the administrator: `mariadb://user:password@…`."""
        return f"mariadb://{user}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self._administrate(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database."""
        self._administrate(f"DROP DATABASE IF EXISTS `{name}`")

    def _administrate(self, statement: str) -> None:
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def _connect(self) -> pymysql.connections.Connection:
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user=ADMIN,
            password=self.password,
            connect_timeout=CONNECT_SECONDS,
            autocommit=True,
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def _launch(self) -> ServerProcess:
        data = self.folder / "data"
        if not data.exists():
            self._initialise(data)
        start = write_private(
            self.folder / "start.sql",
            f"CREATE USER IF NOT EXISTS '{ADMIN}'@'127.0.0.1' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{ADMIN}'@'127.0.0.1' WITH GRANT OPTION;\n",
            self.account,
        )
        options = {
            "datadir": data,
            "socket": self.folder / "socket",
            "pid-file": self.folder / "pid",
            "tmpdir": self.folder,
            "init-file": start,
            "port": self.port,
            "bind-address": "127.0.0.1",
            "skip-name-resolve": "1",
            "default-time-zone": "+00:00",
            "innodb-flush-log-at-trx-commit": "0",
            "innodb-buffer-pool-size": "32M",
        }
        launch = Launch(
            command=[self._server, "--no-defaults", *(f"--{name}={value}" for name, value in options.items())],
            env=self._env(),
            folder=self.folder,
            log=self.log,
            account=self.account,
            stop_signal=signal.SIGTERM,
            end_signal=signal.SIGKILL,
            remove=self.folder,
        )
        return ServerProcess(launch, leash=True)

    def _initialise(self, data: Path) -> None:
        command = [self._install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        command += ["--auth-root-authentication-method=socket"]
        done = run_as(self.account, command, env=self._env(), folder=self.folder, seconds=INIT_SECONDS)
        if done.returncode != 0:
            raise OperatorError(f"mariadb-install-db failed in {self.folder}:\n{done.stderr.strip()[-2000:]}")

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath) + _PLACES, "HOME": str(self.folder), "LC_ALL": "C"}


def _program(*names: str) -> str:
    path = os.environ.get("PATH", os.defpath) + _PLACES
    found = next((place for name in names if (place := shutil.which(name, path=path))), None)
    if found is None:
        raise OperatorError("MariaDB not found: run scripts/install-servers (as root), or install mariadb-server")
    return found
