"""The plant that is shot at: the sample company, private RabbitMQ and PostgreSQL, and the hub in a process per role.

The one rule: every process hangs on a leash, so that nothing outlives whoever runs this, however that ends.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from onevoice.testing.servers.process import Launch, ServerProcess
from samples.demo.stack import Stack
from samples.server import PROJECT
from tests.faults.line import TROUBLES, Line
from tests.faults.post import Post

HUB: dict[str, tuple[str, ...]] = {
    "ingest": ("ingest",),
    "second ingest": ("ingest",),
    "relay": ("relay",),
    "delivery": ("delivery",),
    "second delivery": ("delivery",),
    "doors": ("api", "schedule"),
}
CARRIERS = {"broker": "rabbit", "database": "postgres"}
SYSTEMS = ("crm", "shop", "callcentre")
LINES = {"crm line": "crm", "erp line": "erp", "shop line": "shop"}
VICTIMS = (*HUB, *CARRIERS, *SYSTEMS, *LINES)
MADE_IN = ("sample_crm/Contact", "sample_erp/customers", "sample_shop/customers")
DOWN_SECONDS = 1.5
FROZEN = 0.2
"""Share of a hub's part that stops and goes on, instead of being killed: what it held has passed to others by then."""
FROZEN_SECONDS = (5.0, 25.0)
TROUBLE_SECONDS = (0.5, 3.0)
FLAKY_SECONDS = (4.0, 8.0)
"""Long enough for records to be asked for, made, and asked for again."""


class Plant:
    """Starts everything at `with`; `hurt` troubles one part of it and mends that again.

    Args:
        without: the guard that the hub runs without (`tests.faults.hub`), or `none`.
    """

    def __init__(self, folder: Path, *, people: int, seed: int, without: str) -> None:
        self.stack = Stack(folder, "real", people, seed, poll="500ms")
        self.post: Post
        self._seed = seed
        self._without = without
        self._hub: dict[str, ServerProcess] = {}
        self._lines: dict[str, Line] = {}
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.stack.start_systems()
            self._put_lines_between()
            self._let_everybody_be_made()
            self.stack.onevoice("db", "upgrade")
            self.stack.onevoice("init")
            self.post = self._exit.enter_context(Post(self.stack.servers["rabbit"].url(), self._seed))
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

    def hurt(self, victim: str, chance: random.Random) -> str:
        """Kill with SIGKILL, leave it down for a moment, start it again on the same data.

        A line is in trouble instead; a part of the hub may be frozen. Returns what was done to it.
        """
        if victim in self._lines:
            trouble = chance.choice(TROUBLES)
            self._lines[victim].fail(trouble)
            time.sleep(chance.uniform(*(FLAKY_SECONDS if trouble == "flaky" else TROUBLE_SECONDS)))
            self._lines[victim].mend()
            return trouble
        if victim in HUB and chance.random() < FROZEN:
            frozen = self._hub[victim].pid
            os.kill(frozen, signal.SIGSTOP)
            time.sleep(chance.uniform(*FROZEN_SECONDS))
            os.kill(frozen, signal.SIGCONT)
            return "frozen"
        self._part(victim, "kill")()
        time.sleep(chance.uniform(0, DOWN_SECONDS))
        if victim in HUB:
            self._start(victim)
        else:
            self._part(victim, "start")()
        return "killed"

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
        run = ["run", *roles, "--config", str(self.stack.config)]
        self._hub[name] = ServerProcess(
            Launch(
                command=[sys.executable, "-m", "tests.faults.hub", self._without, *run],
                env=dict(os.environ),
                folder=PROJECT,
                log=self.stack.directory / "hub" / f"{name}.log",
                account=None,
            ),
            leash=True,
        )

    def _let_everybody_be_made(self) -> None:
        """Give the hub a project of its own, by whose mappings each system gets the customers that it lacks."""
        root = self.stack.directory / "project"
        root.mkdir()
        for folder in ("connectors", "schemas", "rules"):
            (root / folder).symlink_to(PROJECT / folder)
        shutil.copytree(PROJECT / "mappings", root / "mappings")
        for name in MADE_IN:
            file = root / "mappings" / f"{name}.yaml"
            file.write_text(file.read_text().replace("writable: true\n", "writable: true\ncreate: all\n", 1))
        config = self.stack.config.read_text()
        self.stack.config.write_text(config.replace(f'root = "{PROJECT}"', f'root = "{root}"'))

    def _put_lines_between(self) -> None:
        """Let the hub reach the systems over lines that can fail."""
        text = self.stack.config.read_text(encoding="utf-8")
        for name, system in LINES.items():
            [setting] = re.findall(rf'^\[systems\.{system}\.settings\]\n(?:\w+ = .*\n)*?\w+ = "(.*//.*)"', text, re.M)
            address = urlsplit(setting)
            line = self._exit.enter_context(Line(str(address.hostname), int(address.port or 0)))
            self._lines[name] = line
            text = text.replace(setting, setting.replace(f":{address.port}", f":{line.port}"))
        self.stack.config.write_text(text, encoding="utf-8")

    def _end(self) -> None:
        for process in self._hub.values():
            process.end()
        self._exit.close()
        self.stack.stop()
