"""`make up` and `make down`: the real stack with the sample company and Airflow, left running in the background.

One detached process owns everything; `up` waits until it is ready, `down` ends it and with it all that it started.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from onevoice.errors import OperatorError
from samples.demo.airflow import Airflow
from samples.demo.stack import Stack
from samples.server import PROJECT

FOLDER = PROJECT / "var" / "stack"
STATE = FOLDER / "state.json"
LOG = FOLDER / "stack.log"
PEOPLE = 500
UP_SECONDS = 300.0
DOWN_SECONDS = 90.0


def up() -> None:
    """Start the stack and say where everything is.

    Raises:
        OperatorError: it runs already, or did not come up.
    """
    if _owner() is not None:
        raise OperatorError("the stack runs already; 'make down' ends it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    STATE.unlink(missing_ok=True)
    console = Console()
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "samples.stack"],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    with console.status("Starting PostgreSQL, RabbitMQ, four systems, the hub and Airflow"):
        deadline = time.monotonic() + UP_SECONDS
        while not STATE.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
    if not STATE.exists():
        process.terminate()
        raise OperatorError(f"the stack did not come up: see {LOG}")
    _show(console, json.loads(STATE.read_text(encoding="utf-8")))


def down() -> None:
    """End the stack.

    Raises:
        OperatorError: it did not end in time.
    """
    owner = _owner()
    if owner is None:
        Console().print("The stack does not run.")
        return
    os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while _owner() is not None:
        if time.monotonic() > deadline:
            raise OperatorError(f"the stack did not end within {DOWN_SECONDS:.0f} s: look at process {owner}")
        time.sleep(0.2)
    Console().print("The stack has ended.")


def serve() -> None:
    """Own the stack until SIGTERM; what runs in the detached process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as owned:
        owned.callback(lambda: STATE.unlink(missing_ok=True))
        folder = FOLDER / time.strftime("%Y%m%d-%H%M%S")
        stack = owned.enter_context(Stack(folder, "real", PEOPLE, 1, poll="1m", scheduler="airflow"))
        airflow = Airflow(stack)
        owned.callback(airflow.stop)
        airflow.start()
        state = {
            "pid": os.getpid(),
            "hub": stack.url,
            "config": str(stack.config),
            "airflow": airflow.url,
            "airflow password of user admin": str(airflow.passwords),
            "operator key": str(stack.company.directory / "secrets" / "OPERATOR_API_KEY"),
            **stack.company.urls,
        }
        state["erp"] = "PostgreSQL database erp"
        scratch = STATE.with_suffix(".tmp")
        scratch.write_text(json.dumps(state), encoding="utf-8")
        scratch.replace(STATE)
        while True:
            signal.pause()


def _owner() -> int | None:
    """Return the process that owns the stack, if it runs."""
    try:
        pid = int(json.loads(STATE.read_text(encoding="utf-8"))["pid"])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return None
    return pid if b"samples.stack" in command else None


def _show(console: Console, state: dict[str, str]) -> None:
    table = Table(title="The sample company and its hub", title_justify="left", show_header=False)
    for name, value in state.items():
        if name != "pid":
            table.add_row(name, str(value), end_section=name == "operator key")
    console.print(table)
    console.print("'make down' ends all of it.")


if __name__ == "__main__":
    serve()
