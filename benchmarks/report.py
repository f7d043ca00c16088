"""Shows what was measured, as tables for people and as a document for machines."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import Outcome
from benchmarks.ground import Ground
from onevoice.workers.ingest_line import BATCH

VALID_FLOOR = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One whole run."""

    machine: dict[str, Any]
    floor: Outcome
    rivals: tuple[Outcome, ...]
    hubs: tuple[Outcome, ...]

    @property
    def valid(self) -> bool:
        """Absolute numbers count only where the floor shows that the machine had room."""
        return self.floor.per_second >= VALID_FLOOR

    @property
    def runs(self) -> tuple[Outcome, ...]:
        """All contenders, in the order of the tables."""
        return (self.floor, *self.rivals, *self.hubs)

    def document(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "machine": self.machine,
            "valid": self.valid,
            "runs": [
                asdict(run)
                | {
                    "per_second": round(run.per_second, 1),
                    "of_floor": round(run.per_second / self.floor.per_second, 4),
                    "times": {rival.name: round(run.per_second / rival.per_second, 2) for rival in self.rivals},
                }
                for run in self.runs
            ],
        }

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print(_speeds(self.runs, self.floor, self.rivals))
        console.print(_hub_facts(self.hubs))
        console.print(_costs(self.runs))
        console.print(", ".join(f"{name} {value}" for name, value in self.machine.items()), highlight=False)
        if not self.valid:
            console.print(
                f"[bold red]invalid[/]: the floor did {self.floor.per_second:,.0f}/s, under {VALID_FLOOR:,}/s: "
                "this machine is too slow or busy for absolute numbers; ratios still tell something"
            )


def machine_facts(ground: Ground, customers: int, records: int) -> dict[str, Any]:
    """Return what the numbers depend on."""
    with psycopg.connect(ground.dsn("postgres")) as connection:
        settings = {
            name: str((connection.execute(f"show {name}").fetchone() or ("",))[0])
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        }
    overview = ground.rabbit.management("GET", "/api/overview")
    return {
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": settings["server_version"],
        "fsync": settings["fsync"],
        "synchronous_commit": settings["synchronous_commit"],
        "shared_buffers": settings["shared_buffers"],
        "rabbitmq": overview["rabbitmq_version"] if isinstance(overview, dict) else "",
        "queues": "quorum",
        "faststream": version("faststream"),
        "customers": customers,
        "records": records,
        "largest_batch": BATCH,
    }


def _speeds(runs: Sequence[Outcome], floor: Outcome, rivals: Sequence[Outcome]) -> Table:
    table = Table(title="Messages committed per second")
    for name in ("run", "messages", "seconds", "per second", "of the floor", *(f"x {rival.name}" for rival in rivals)):
        table.add_column(name, justify="left" if name == "run" else "right")
    for run in runs:
        table.add_row(
            run.name,
            f"{run.messages:,}",
            f"{run.seconds:.1f}",
            f"{run.per_second:,.0f}",
            f"{run.per_second / floor.per_second:.1%}",
            *(f"{run.per_second / rival.per_second:.1f}" for rival in rivals),
        )
    return table


def _hub_facts(hubs: Sequence[Outcome]) -> Table:
    table = Table(title="What the hub did")
    table.add_column("")
    for hub in hubs:
        table.add_column(hub.name, justify="right")
    rows = {
        "row mix": [_shares(hub.mix) for hub in hubs],
        "states": [_shares(hub.facts["states"]) for hub in hubs],
        "batches": [f"{hub.facts['batches']:,}" for hub in hubs],
        "messages a batch: mean, median, most": [
            f"{hub.facts['batch_size']}, {hub.facts['batch_median']}, {hub.facts['batch_largest']}" for hub in hubs
        ],
        "own readings ingested besides": [f"{hub.facts['own_readings']:,}" for hub in hubs],
        "obligations proven": [f"{hub.facts['proven']:,}" for hub in hubs],
        "obligations owed early, at the end": [
            f"{hub.facts['owed_early']:,}, {hub.facts['owed_late']:,}" for hub in hubs
        ],
        "quarantined": [f"{hub.facts['quarantined']:,}" for hub in hubs],
    }
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _costs(runs: Sequence[Outcome]) -> Table:
    table = Table(title="Processor microseconds per message")
    names = list(dict.fromkeys(name for run in runs for name in run.cpu_us))
    table.add_column("run")
    for name in [*names, "all"]:
        table.add_column(name, justify="right")
    for run in runs:
        values = [f"{run.cpu_us[name]:,.0f}" if name in run.cpu_us else "" for name in names]
        table.add_row(run.name, *values, f"{sum(run.cpu_us.values()):,.0f}")
    return table


def _shares(counts: dict[str, int]) -> str:
    total = sum(counts.values()) or 1
    return "\n".join(f"{name} {count / total:.1%}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
