"""A real Tryton of our own: SQLite, a free loopback port, ended with the tests.

The database is initialised once (about 40 s), kept beside the environment that made it, and copied for each server.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from onevoice.errors import OperatorError
from onevoice.testing.servers.account import free_port, write_private
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-tryton"
DATABASE = "erp"
ADMIN = "admin"
ADMIN_PASSWORD = "a-throw-away-administrator"
MODULES = ("party", "sale")
INIT_SECONDS = 300


class PrivateTryton(PrivateServer):
    """A Tryton server with the modules `party` and `sale` and nobody in it but its administrator.

    Raises:
        OperatorError: there is no environment for it, or it does not start.
    """

    name = "tryton"
    start_seconds = 60.0

    def __init__(self) -> None:
        if not (VENV / ".stamp").exists():
            raise OperatorError(f"{VENV} is missing: run scripts/system-env tryton, which `make test-systems` does")
        super().__init__(None, keep=False)
        self.port = free_port()
        self.database = DATABASE
        self.user = ADMIN
        self.password = ADMIN_PASSWORD

    @property
    def url(self) -> str:
        """The server's address, without the database."""
        return f"http://127.0.0.1:{self.port}"

    def _launch(self) -> ServerProcess:
        database = self.folder / f"{DATABASE}.sqlite"
        if not database.exists():
            shutil.copyfile(_initialised(), database)
        config = _config(self.folder, f"[web]\nlisten = 127.0.0.1:{self.port}\n")
        return ServerProcess(
            Launch(
                command=[str(VENV / "bin" / "trytond"), "-c", str(config), "-d", DATABASE],
                env=_environment(),
                folder=self.folder,
                log=self.log,
                account=None,
                stop_signal=signal.SIGINT,
                remove=self.folder,
            ),
            leash=True,
        )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _initialised() -> Path:
    """Return a database with the modules activated; made when there is none for this installation yet."""
    made_of = (VENV / ".stamp").read_text(encoding="utf-8") + "|".join((*MODULES, ADMIN_PASSWORD))
    kept = VENV / "databases" / f"{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.sqlite"
    if kept.exists():
        return kept
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        folder = Path(scratch)
        (folder / f"{DATABASE}.sqlite").touch()  # trytond-admin takes no database that is not there
        password = write_private(folder / "password", ADMIN_PASSWORD, None)
        command = [str(VENV / "bin" / "trytond-admin"), "-c", str(_config(folder)), "-d", DATABASE]
        command += ["--email", "admin@example.com", "-u", *MODULES, "--activate-dependencies"]
        done = subprocess.run(
            command,
            env=_environment() | {"TRYTONPASSFILE": str(password)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INIT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise OperatorError(f"trytond-admin failed:\n{done.stderr[-2000:]}")
        (folder / f"{DATABASE}.sqlite").replace(kept)
    return kept


def _config(folder: Path, more: str = "") -> Path:
    text = f"[database]\nuri = sqlite://\npath = {folder}\n{more}"
    return write_private(folder / "trytond.conf", text, None)


def _environment() -> dict[str, str]:
    """What the server needs of ours; its own settings come from its file alone."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TRYTOND_", "PYTHON"))}
