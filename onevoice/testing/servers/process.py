"""One server process on a leash: started through the keeper, which ends it when this process is gone.

Takes a `Launch` (what to run), gives a `ServerProcess` that can be asked to stop, killed and ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onevoice.errors import OperatorError
from onevoice.testing.servers import keeper
from onevoice.testing.servers.account import Account

GRACE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to run, under which account, and how it is ended.

    Attributes:
        stop_signal: asks the server for an orderly shutdown, data safe.
        end_signal: ends it quickly when its data is not wanted any more.
        kill_command: kills it from outside where a signal does not reach it (a container); runs after the end too.
        remove: folder that goes away with the server when it is ended (not when it is stopped or killed).
    """

    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    log: Path
    account: Account | None
    stop_signal: signal.Signals = signal.SIGTERM
    end_signal: signal.Signals = signal.SIGKILL
    kill_command: Sequence[str] = ()
    remove: Path | None = None


class ServerProcess:
    """A running server program and its keeper.

    Args:
        launch: what to run.
        leash: True ends the server with this process; False lets it run on until the keeper gets SIGTERM.

    Raises:
        OperatorError: the program could not be started.
    """

    def __init__(self, launch: Launch, *, leash: bool) -> None:
        self._launch = launch
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(launch.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert self._keeper.stdin is not None  # noqa: S101 - both are pipes by construction
        assert self._keeper.stdout is not None  # noqa: S101
        self._keeper.stdin.write(json.dumps(self._order(leash)) + "\n")
        self._keeper.stdin.flush()
        if not leash:
            self._keeper.stdin.close()
        answer = self._keeper.stdout.readline().strip()
        self._keeper.stdout.close()
        if not answer.isdigit():
            self._keeper.wait(timeout=GRACE_SECONDS)
            raise OperatorError(f"server not started: {answer or 'its keeper ended at once'}")
        self.pid = int(answer)

    def _order(self, leash: bool) -> dict[str, object]:
        launch = self._launch
        account = launch.account
        return {
            "command": list(launch.command),
            "env": dict(launch.env),
            "cwd": str(launch.folder),
            "log": str(launch.log),
            "account": account and {"uid": account.uid, "gid": account.gid},
            "end_signal": int(launch.end_signal),
            "grace": GRACE_SECONDS,
            "leash": leash,
            "after": list(launch.kill_command),
            "remove": str(launch.remove) if launch.remove else None,
        }

    @property
    def keeper_pid(self) -> int:
        """Process id of the keeper: SIGTERM to it ends the server and cleans up."""
        return self._keeper.pid

    def is_running(self) -> bool:
        """Tell whether the server program still runs."""
        return self._keeper.poll() is None

    def stop(self) -> None:
        """Ask for an orderly shutdown and wait for it; data and folder stay. After a bounded wait it is killed."""
        if self.is_running():
            os.kill(self.pid, self._launch.stop_signal)
            try:
                self._keeper.wait(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close_leash()

    def kill(self) -> None:
        """SIGKILL the server program, as a crash would end it, and wait until it is gone; data and folder stay."""
        if self.is_running():
            if self._launch.kill_command:
                subprocess.run(self._launch.kill_command, stdout=subprocess.DEVNULL, timeout=60, check=False)
            else:
                os.killpg(self.pid, signal.SIGKILL)
            self._keeper.wait(timeout=GRACE_SECONDS)
        self._close_leash()

    def end(self) -> None:
        """End the server quickly and remove its folder, if it is one to remove."""
        if self.is_running():
            self._keeper.terminate()
            self._keeper.wait(timeout=2 * GRACE_SECONDS)
        self._close_leash()

    def _close_leash(self) -> None:
        if self._keeper.stdin is not None and not self._keeper.stdin.closed:
            self._keeper.stdin.close()
