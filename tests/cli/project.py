"""A small project of its own: one system that pushes and one that is a JSON file, both with people in one shape."""

from __future__ import annotations

import importlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from onevoice.cli import main
from onevoice.config import load_config
from onevoice.store.tables import obligation, queue_message, worker
from onevoice.workers.hub import Hub, opened
from onevoice.workers.loops import Loops

CONFIG = """
[hub]
retry_after = "200ms"

[api]
port = {port}

[systems.ledger]
connector = "ledger"

[systems.register]
connector = "register"
poll_every = "{poll}"
reconcile_every = "30d"

[systems.register.settings]
file = "{file}"
"""

LEDGER = """
id: ledger
title: A system that only pushes
owner: tests
kind: rest
entry: connector:Ledger
settings: {type: object, additionalProperties: false, properties: {}}
streams:
  people: {mode: push}
"""

REGISTER = """
id: register
title: A JSON file with people in it
owner: tests
kind: file
entry: connector:Register
settings:
  type: object
  additionalProperties: false
  required: [file]
  properties:
    file: {type: string, description: "the path of the JSON file"}
streams:
  people: {mode: poll, writable: true}
capabilities: {max_batch: 50, create: none}
"""

LEDGER_CODE = """
class Ledger:
    def __init__(self, settings, manifest):
        pass

    def check(self):
        pass

    def close(self):
        pass
"""

REGISTER_CODE = """
import json
from pathlib import Path

from onevoice.sdk import OperatorError, Page, SourceRecord, TransientError, WriteOutcome, WriteResult


class Register:
    def __init__(self, settings, manifest):
        self.path = Path(settings.values["file"])
        self.system = settings.system

    def load(self):
        if not self.path.exists():
            raise TransientError(f"system {self.system}: the file is away; put it back")
        if self.path.stat().st_mode & 0o777 == 0o600:
            raise OperatorError(f"system {self.system}: refuses us; ask its owner for the rights")
        return json.loads(self.path.read_text())

    def check(self):
        self.load()

    def close(self):
        pass

    def record(self, stream, key, row):
        if row is None:
            return SourceRecord(stream=stream, key=key, version="9", data=None, deleted=True)
        return SourceRecord(stream=stream, key=key, version=row["updated"], data=row)

    def read(self, stream, cursor):
        rows = self.load()
        found = [self.record(stream, key, row) for key, row in sorted(rows.items())]
        yield Page(records=found, cursor={"read": len(found)}, total=len(found))

    def readback(self, stream, keys):
        rows = self.load()
        return [self.record(stream, key, rows.get(key)) for key in keys]

    def write(self, stream, changes):
        rows = self.load()
        results = []
        for change in changes:
            if change.fields.get("email") == "refused@example.com":
                results.append(WriteResult(key=change.key, outcome=WriteOutcome.REFUSED, reason="not this one"))
                continue
            row = rows[change.key]
            row.update(change.fields)
            row["updated"] = row["updated"][:-1] + "1Z"
            results.append(WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=row["updated"]))
        self.path.write_text(json.dumps(rows))
        return results
"""

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "updated"],
    "properties": {
        "id": {"type": "string"},
        "given": {"type": ["string", "null"], "x-personal": True},
        "family": {"type": ["string", "null"], "x-personal": True},
        "born": {"type": ["string", "null"], "format": "date", "x-personal": True},
        "email": {"type": ["string", "null"], "x-personal": True},
        "phone": {"type": ["string", "null"], "x-personal": True},
        "no_mail": {"type": "boolean"},
        "updated": {"type": "string", "format": "date-time"},
    },
}

MAPPING = """
stream: people
to: person
key: id
version: updated
occurred_at: updated
writable: {writable}
fields:
  name.given: given
  name.family: family
  birth_date: {{from: born, as: date}}
  emails[main].address: {{from: email, as: email}}
  phones[main].number: {{from: phone, as: phone, style: e164}}
  acts[email/marketing]:
    in: {{from: no_mail, values: {{true: withdrawn, false: no act}}}}
    out: {{to: no_mail, from: permission, values: {{denied: true, allowed: false}}, otherwise: leave}}
tests:
  - name: somebody who wants no mail
    in:
      id: p1
      given: Ann
      family: Lee
      email: ann@example.com
      no_mail: true
      updated: 2024-12-03T09:14:05.000000Z
    canonical:
      name: {{given: Ann, family: Lee}}
      emails: [{{kind: main, address: ann@example.com}}]
    flags: {{email/marketing: withdrawn}}
"""


def person(key: str, **fields: Any) -> dict[str, Any]:
    return (
        {"id": key, "given": None, "family": None, "born": None, "email": None, "phone": None, "no_mail": False}
        | {"updated": "2024-12-03T09:14:05.000000Z"}
        | fields
    )


ANN = {"given": "Ann", "family": "Lee", "born": "1980-02-01", "email": "ann.lee@example.com", "phone": "+442079460001"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The project's folder and how to run the command in it."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "onevoice.toml"

    @property
    def database(self) -> Path:
        return self.folder / "var" / "onevoice.db"

    @property
    def register(self) -> Path:
        return self.folder / "register.json"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "ONEVOICE_CONFIG": str(self.config), "NO_COLOR": "1"}

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        """Run `onevoice` in this process and return what it printed, on both streams."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
            for name, value in {"ONEVOICE_CONFIG": str(self.config), "NO_COLOR": "1"}.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["onevoice", *arguments])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
            with pytest.raises(SystemExit) as ended:
                main()
        assert (ended.value.code or 0) == code, f"{arguments}: {ended.value.code}\n{printed.getvalue()}"
        return printed.getvalue()

    def spawn(self, *arguments: str, code: int = 0) -> str:
        """Run `onevoice` in a process of its own and return what it printed, on both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "onevoice", *arguments],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code))

    def start(self, *roles: str) -> subprocess.Popen[str]:
        """Start `onevoice run`."""
        words = [word for role in roles for word in ("--role", role)]
        return subprocess.Popen(
            [sys.executable, "-m", "onevoice", "run", *words],
            env=self.environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def hub(self, *roles: str) -> subprocess.Popen[str]:
        """Start `onevoice run` and return when it says that it has started."""
        process = self.start(*roles)
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if '"event": "started"' in line:
                return process
        raise AssertionError("".join(seen))

    def write_people(self, people: list[dict[str, Any]], name: str = "people.ndjson") -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(one) + "\n" for one in people), encoding="utf-8")
        return path

    def fill_register(self, *people: dict[str, Any]) -> None:
        self.register.write_text(json.dumps({one["id"]: one for one in people}), encoding="utf-8")


def make_project(folder: Path, *, port: int = 8080, poll: str = "1h") -> Project:
    """Begin a project with `onevoice init` and give it its two systems."""
    project = Project(folder=folder)
    folder.mkdir()
    project.run("init", str(folder))
    for name, manifest, code in (("ledger", LEDGER, LEDGER_CODE), ("register", REGISTER, REGISTER_CODE)):
        place = folder / "connectors" / name
        place.mkdir()
        (place / "__init__.py").touch()
        (place / "manifest.yaml").write_text(manifest, encoding="utf-8")
        (place / "connector.py").write_text(code, encoding="utf-8")
        for kind, file, text in (
            ("schemas", "people.json", json.dumps(SCHEMA)),
            ("mappings", "people.yaml", MAPPING.format(writable=str(name == "register").lower())),
        ):
            (folder / kind / name).mkdir()
            (folder / kind / name / file).write_text(text, encoding="utf-8")
    text = CONFIG.format(port=port, poll=poll, file=project.register)
    project.config.write_text(text, encoding="utf-8")
    project.fill_register()
    return project


@contextmanager
def own_connectors() -> Iterator[None]:
    """Forget at the end which connectors this process has imported: the next test's project has others of that name."""
    package = importlib.import_module("connectors")
    path, modules = list(package.__path__), set(sys.modules)
    yield
    package.__path__[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("connectors."):
            del sys.modules[name]
            vars(package).pop(name.split(".")[1], None)


def settle(project: Project) -> None:
    """Run the hub in this process until nothing waits and nothing is due."""
    with opened(load_config(project.config)) as hub:
        loops = Loops(hub)
        loops.start(frozenset({"ingest", "relay", "delivery"}))
        deadline = time.monotonic() + 60
        try:
            while _busy(hub):
                assert time.monotonic() < deadline, "not settled within the bound"
                time.sleep(0.02)
        finally:
            assert loops.join(30)
            with hub.store.transaction() as connection:
                connection.execute(delete(worker))


def _busy(hub: Hub) -> bool:
    with hub.store.transaction() as connection:
        waiting = connection.execute(select(func.count()).select_from(queue_message)).scalar_one()
        due = select(func.count()).where(obligation.c.next_attempt_at.is_not(None))
        return bool(waiting or connection.execute(due).scalar_one())
