"""Runs one server program and ends it when whoever asked for it is gone.

Started as a script (standard library only) with the folder of the server as its argument. The first line of standard
input is the order, a JSON object; standard output gives the server's process id, or ``error: ...``.

The one rule: the server never outlives its asker. Standard input is the leash: when it ends, however the asker died,
the keeper sends the end signal to the server, after ``grace`` seconds SIGKILL to its whole process group, and removes
the folder named in ``remove``. With ``leash`` false the keeper stays until SIGTERM, which does the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

POLL_SECONDS = 0.05


def main() -> int:
    """Start the server of the order read from standard input, and keep it until it or its asker ends."""
    order = json.loads(sys.stdin.readline())
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    asked_to_end = False

    def note_end(_signum: int, _frame: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True

    signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
    signal.signal(signal.SIGTERM, note_end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = _launch(order)
    except OSError as error:
        _answer(f"error: {error.strerror}: {order['command'][0]}")
        _clean(order)
        return 1
    _answer(str(child.pid))

    watched = [sys.stdin.fileno(), wake_read] if order["leash"] else [wake_read]
    while not _has_ended(child.pid):
        ready, _, _ = select.select(watched, [], [])
        if sys.stdin.fileno() in ready or asked_to_end:
            _end(child.pid, order)
            break
        os.read(wake_read, 512)
    else:
        _kill_group(child.pid)
        return child.wait()
    child.wait()
    _clean(order)
    return 0


def _launch(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    account = order["account"]
    with open(order["log"], "ab") as log:
        return subprocess.Popen(
            order["command"],
            env=order["env"],
            cwd=order["cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=account and account["uid"],
            group=account and account["gid"],
            extra_groups=[] if account else None,
        )


def _answer(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    # From here on nobody listens: whatever is still written must not hold the asker's pipe or terminal.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())


def _has_ended(pid: int) -> bool:
    """True once the process is dead; it stays unreaped, so that its id cannot pass to a stranger."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(pid: int, order: dict[str, Any]) -> None:
    os.kill(pid, order["end_signal"])
    deadline = time.monotonic() + order["grace"]
    while time.monotonic() < deadline and not _has_ended(pid):
        time.sleep(POLL_SECONDS)
    _kill_group(pid)


def _kill_group(pid: int) -> None:
    # Nobody of the group may be left (macOS says PermissionError for a group of zombies).
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _clean(order: dict[str, Any]) -> None:
    if order["after"]:
        subprocess.run(order["after"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    if order["remove"]:
        shutil.rmtree(order["remove"], ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
