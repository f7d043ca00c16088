"""The doors that a touch point waits at, over HTTP: `make bench-doors`.

Customers with orders, calls and cases stand in a private PostgreSQL (fsync on); the hub's HTTP interface runs as a user
runs it, by rules of 500 offers and 200 rows of tables. wrk, on the same machine, asks for contexts and then for
decisions, each at an even pace and for a customer drawn at random. The rule: a number counts only where the pace was
kept and every answer was a good one.
"""

import json
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
import yaml
from rich.console import Console
from rich.progress import Progress

from benchmarks.contenders import BenchmarkError
from benchmarks.ground import PROJECT, Ground, HubPlace, remove
from benchmarks.meter import Meter
from benchmarks.mixes import INTERACTION, mix_a
from benchmarks.population import HISTORY, Known, Population, Told, moment_text
from benchmarks.rules import documents, many_rules
from onevoice.errors import OnevoiceError
from onevoice.messages import SourceRecord
from onevoice.sdk import version_text
from onevoice.testing.servers.account import free_port

START_SECONDS = 60.0
WARM_SECONDS = 4
CONNECTIONS, THREADS = 48, 2
KEPT_PACE = 0.98

HELP = """Measure contexts and decisions over HTTP, with wrk (Debian's package) on the same machine.

python -m benchmarks.doors                                   what `make bench-doors` runs

python -m benchmarks.doors --customers 2000 --seconds 5      a quick look
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a door is to reach: requests a second, with this many milliseconds at the 99th percentile."""

    mode: str
    rate: int
    p99_ms: float


MARKS = (Mark(mode="context", rate=500, p99_ms=10), Mark(mode="decision", rate=400, p99_ms=25))


@app.command(help=HELP)
def main(
    seconds: Annotated[int, typer.Option(min=2, help="How long each door is measured.")] = 20,
    customers: Annotated[int, typer.Option(min=100, help="Customers present, two records each.")] = 20_000,
    processes: Annotated[int, typer.Option(min=1, help="Processes of the HTTP interface.")] = 2,
    rate: Annotated[float, typer.Option(min=0.01, help="The marks' rates times this.")] = 1.0,
) -> None:
    """Run the benchmark."""
    console = Console()
    if shutil.which("wrk") is None:
        raise typer.BadParameter("wrk is missing: apt-get install wrk")
    folder = Path(tempfile.mkdtemp(prefix="onevoice-doors-"))
    try:
        with Ground(folder) as ground:
            rows = _measured(ground, console, seconds, customers, processes, rate)
    except (BenchmarkError, OnevoiceError) as error:
        console.print(f"[bold red]error[/]: {error}", highlight=False)
        raise typer.Exit(1) from None
    finally:
        remove(folder)
    for row in rows:
        console.print(row, highlight=False, soft_wrap=True)


def _measured(ground: Ground, console: Console, seconds: int, customers: int, processes: int, rate: float) -> list[str]:
    population = Population(1)
    present = list(population.customers(customers, settled=True, kind="present"))
    told = list(_history(present))
    with Progress(console=console) as progress:
        task = progress.add_task("customers made present", total=len(told))
        _write_rules(ground.root / "rules")
        ground.load(told, lambda done: progress.update(task, completed=done))
    place = ground.hub("doors", (), ())
    key, port = secrets.token_hex(16), free_port()
    _open_doors(place.config, key, port)
    with psycopg.connect(place.dsn) as connection:
        ids = [str(row[0]) for row in connection.execute("select id from customer order by id")]
    references = place.config.parent / "references"
    references.write_text("\n".join(random.Random(2).sample(ids, len(ids))))
    with _running(place, processes, port) as pids:
        rows = []
        for mark in MARKS:
            wanted = max(1, int(mark.rate * rate))
            _ask(mark.mode, wanted, WARM_SECONDS, port, key, references)
            meter = Meter({"postgres": ground.postgres.pid} | {f"api{n}": pid for n, pid in enumerate(pids)})
            found = _ask(mark.mode, wanted, seconds, port, key, references)
            rows.append(_told(mark, wanted, found, meter.seconds()))
        return rows


def _told(mark: Mark, wanted: int, found: dict[str, Any], cost: dict[str, float]) -> str:
    reached = found["requests"] / found["seconds"]
    kept = reached >= wanted * KEPT_PACE and not found["not_ok"]
    verdict = "reached" if kept and wanted >= mark.rate and found["p99_ms"] < mark.p99_ms else "not reached"
    api = sum(spent for name, spent in cost.items() if name.startswith("api"))
    times = " ".join(f"{name}={found[f'{name}_ms']:.1f}" for name in ("p50", "p95", "p99", "max"))
    per_request = f"api={1000 * api / found['requests']:.2f} postgres={1000 * cost['postgres'] / found['requests']:.2f}"
    return (
        f"door={mark.mode} wanted={wanted}/s reached={reached:.0f}/s not_ok={found['not_ok']} milliseconds: {times} "
        f"processor milliseconds a request: {per_request}; mark {mark.rate}/s, p99 under {mark.p99_ms:g} ms: {verdict}"
    )


def _history(present: Sequence[Known]) -> Iterator[Told]:
    """Yield every record of the customers, an interaction of most, an order of those with an account in the shop."""
    for known in present:
        yield from known.records
    yield from _first(mix_a(present, Population(2), 3), INTERACTION, len(present))
    chance = random.Random(4)
    accounts = [one for known in present for one in known.records if one.system == "shop"]
    for number, account in enumerate(accounts):
        at = moment_text(HISTORY + timedelta(days=chance.randrange(300), seconds=number))
        data = {
            "id": 900_000 + number, "customer_id": int(account.record.key), "placed_at": at, "updated_at": at,
            "total": f"{chance.randrange(5, 300)}.50", "currency": "GBP", "status": "paid",
        }  # fmt: skip
        record = SourceRecord(stream="orders", key=str(data["id"]), version=version_text(at), data=data)
        yield Told(system="shop", record=record, kind="present")


def _first(mix: Iterator[Told], kind: str, count: int) -> Iterator[Told]:
    wanted = (one for one in mix if one.kind == kind)
    return (one for _, one in zip(range(count), wanted, strict=False))


def _write_rules(folder: Path) -> None:
    for name, document in documents(*many_rules()).items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (folder / "tests.yaml").write_text("{}\n", encoding="utf-8")


def _open_doors(config: Path, key: str, port: int) -> None:
    (config.parent / "key").write_text(key)
    with config.open("a", encoding="utf-8") as file:
        file.write(f'[api]\nport = {port}\nshare_port = true\n[operators.bench]\napi_key = {{file = "key"}}\n')


@contextmanager
def _running(place: HubPlace, processes: int, port: int) -> Iterator[list[int]]:
    command = [sys.executable, "-m", "onevoice", "run", "--role", "api", "--config", str(place.config)]
    log_path = place.config.parent / "api.log"
    with log_path.open("wb") as log:
        started = [
            subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            for _ in range(processes)
        ]
        try:
            deadline = time.monotonic() + START_SECONDS
            while log_path.read_bytes().count(b'"event": "started"') < processes:
                if time.monotonic() > deadline or any(one.poll() is not None for one in started):
                    raise BenchmarkError(f"the HTTP interface does not start: {log_path.read_text()[-400:]}")
                time.sleep(0.2)
            yield [one.pid for one in started]
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait(START_SECONDS)


def _ask(mode: str, rate: int, seconds: int, port: int, key: str, references: Path) -> dict[str, Any]:
    script = str(PROJECT / "benchmarks" / "doors.lua")
    command = [
        "wrk",
        f"-t{THREADS}",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        script,
        f"http://127.0.0.1:{port}",
        "--",
    ]
    arguments = [mode, str(rate), str(THREADS), key, str(references), secrets.token_hex(4)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=seconds + 60, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        raise BenchmarkError(f"wrk: {(done.stderr or done.stdout)[-400:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


if __name__ == "__main__":
    app()
