"""The account that a private server runs under, and folders and ports for it.

PostgreSQL refuses to run as root. As root, servers therefore run under an unprivileged account that exists (the
server's own, otherwise ``nobody``); as a normal user they run under that user.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onevoice.errors import OperatorError

# Below the range from which the kernel hands out ports for outgoing connections: a port chosen here is still free
# when a killed server is started again.
PORTS = range(18000, 32000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A Unix account by number."""

    name: str
    uid: int
    gid: int


def server_account(*names: str) -> Account | None:
    """Return the first account of `names` (then ``nobody``) that exists when running as root, otherwise None."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise OperatorError(f"no unprivileged account found: create one, for example: adduser --system {names[0]}")


def make_folder(purpose: str, account: Account | None) -> Path:
    """Make a new private folder (mode 0700) in the temporary directory, owned by `account`."""
    path = Path(tempfile.mkdtemp(prefix=f"onevoice-{purpose}-"))
    own(path, account)
    return path


def own(path: Path, account: Account | None) -> None:
    """Give `path` to `account`; without one (not root) it already has the right owner."""
    if account is not None:
        shutil.chown(path, account.uid, account.gid)


def write_private(path: Path, text: str, account: Account | None) -> Path:
    """Write `text` into a new file that only `account` can read, and return its path."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    own(path, account)
    return path


def run_as(
    account: Account | None, command: Sequence[str], *, env: Mapping[str, str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a folder, as an account; None is whoever we are."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=env,
        cwd=folder,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nobody listens at this moment."""
    for port in random.SystemRandom().sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OperatorError(f"no free port found on 127.0.0.1 between {PORTS.start} and {PORTS.stop}")
