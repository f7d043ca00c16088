"""The plant that is shot at: the sample company, private RabbitMQ and PostgreSQL, and the hub in a process per role.

The one rule: every process hangs on a leash, so that nothing outlives whoever runs this, however that ends.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from onevoice.testing.servers.process import Launch, ServerProcess
from samples.demo.stack import Stack
from samples.server import PROJECT

HUB: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest",),
    "relay": ("relay",),
    "delivery": ("delivery",),
    "doors": ("api", "schedule"),
}
CARRIERS = {"broker": "rabbit", "database": "postgres"}
SYSTEMS = ("crm", "shop", "callcentre")
VICTIMS = (*HUB, *CARRIERS, *SYSTEMS)
DOWN_SECONDS = 1.5


class Plant:
    """Starts everything at `with`; `kill` ends one victim as a crash would and starts it again."""

    def __init__(self, folder: Path, *, people: int, seed: int) -> None:
        self.stack = Stack(folder, "real", people, seed, poll="500ms")
        self._hub: dict[str, ServerProcess] = {}

    def __enter__(self) -> Self:
        try:
            self.stack.start_systems()
            self.stack.onevoice("db", "upgrade")
            self.stack.onevoice("init")
            for name in HUB:
                self._start(name)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def kill(self, victim: str, chance: random.Random) -> None:
        """Kill with SIGKILL, leave it down for a moment, start it again on the same data."""
        self._part(victim, "kill")()
        time.sleep(chance.uniform(0, DOWN_SECONDS))
        if victim in HUB:
            self._start(victim)
        else:
            self._part(victim, "start")()

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as a supervisor would; returns its names."""
        ended = [name for name, process in self._hub.items() if not process.is_running()]
        for name in ended:
            self._start(name)
        return ended

    def _part(self, victim: str, verb: str) -> Callable[[], object]:
        if victim in HUB:
            part: object = self._hub[victim]
        elif victim in CARRIERS:
            part = self.stack.servers[CARRIERS[victim]]
        else:
            part = self.stack.company.servers[victim]
        found: Callable[[], object] = getattr(part, verb)
        return found

    def _start(self, name: str) -> None:
        roles = [word for role in HUB[name] for word in ("--role", role)]
        self._hub[name] = ServerProcess(
            Launch(
                command=[sys.executable, "-m", "onevoice", "run", *roles, "--config", str(self.stack.config)],
                env=dict(os.environ),
                folder=PROJECT,
                log=self.stack.directory / "hub" / f"{name}.log",
                account=None,
            ),
            leash=True,
        )

    def _end(self) -> None:
        for process in self._hub.values():
            process.end()
        self.stack.stop()
