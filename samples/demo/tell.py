"""Tells the story on a fresh stack, verifies it, and says what happened in words that a newcomer understands."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from samples.demo.stack import Stack
from samples.demo.story import Findings, Story
from samples.demo.witness import HubTables
from samples.population import generate

STORY_PEOPLE = 2


def demo(*, stack: str = "embedded", keep: bool = False, people: int = 2000, seed: int = 1) -> int:
    """Run the demonstration; returns 0 only when everything that it claims was verified.

    Args:
        stack: `embedded` (one process, one SQLite file) or `real` (private RabbitMQ and PostgreSQL).
        keep: leave everything running until Ctrl-C.
        people: size of the population.
        seed: which population.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that `finally` ends what was started
    folder = Path(tempfile.mkdtemp(prefix="onevoice-demo-"))
    running = Stack(folder, stack, people, seed)
    finished = False
    try:
        with _progress(console) as bars:
            with _step(bars, f"Starting four systems and the hub ({stack})"):
                population = generate(people, seed)
                running.start_systems()
                running.start_hub()
            tables = HubTables.at(running.store_url)
            story = Story(stack=running, population=population, tables=tables)
            _tell(story, bars)
            tables.close()
        _report(console, running, story.findings)
        finished = not story.findings.wrong
        if keep:
            console.print(f"\nRunning until Ctrl-C. Configuration: [bold]{running.config}[/bold], HTTP: {running.url}")
            running.wait()
    finally:
        running.stop()
        if finished:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"Logs and data are kept in {folder}")
    console.print(_last_line(story.findings), highlight=False, soft_wrap=True)
    return 0 if finished else 1


def _tell(story: Story, bars: Progress) -> None:
    with _step(bars, "Reading all systems into the master") as task:
        story.load(lambda done, total: bars.update(task, completed=done, total=total))
    with _step(bars, "Giving each system what it lacks") as task:
        story.settle(lambda done, total: bars.update(task, completed=done, total=total))
    with _step(bars, "Comparing the customers found with who they are"):
        story.compare_with_truth()
    chosen = story.choose(STORY_PEOPLE)
    if len(chosen) < STORY_PEOPLE:
        return
    caller, shopper = chosen
    with _step(bars, "Asking where each value of one customer came from"):
        story.explain(caller)
    with _step(bars, "A customer tells the call centre: no more calls"):
        story.opt_out(caller)
    with _step(bars, "A customer corrects her e-mail address in the shop"):
        story.correct(shopper)
    with _step(bars, "A customer calls, the agent sees who it is"):
        story.receive_call(shopper)
    with _step(bars, "Listening whether anything echoes"):
        story.fall_silent()


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@contextmanager
def _step(bars: Progress, what: str) -> Iterator[TaskID]:
    task = bars.add_task(what, total=1)
    yield task
    total = next(t.total for t in bars.tasks if t.id == task)
    bars.update(task, completed=total)


def _report(console: Console, stack: Stack, findings: Findings) -> None:
    console.print(
        f"\n[bold]{findings.records}[/bold] source records of four systems became [bold]{findings.customers}[/bold] "
        f"customers; the records speak of {findings.people} people. "
        f"F1 against the truth {findings.f1:.4f}, precision {findings.precision:.4f}.\n"
    )
    golden = Table(title="One golden record, and where each value came from", title_justify="left")
    for heading in ("attribute", "value", "from", "when", "why"):
        golden.add_column(heading, overflow="fold")
    for row in findings.explained:
        source = f"{row['system']} {row['stream']} {row['key']}"
        golden.add_row(escape(row["path"]), escape(str(row["value"])), source, str(row["time"])[:10], row["rule"])
    console.print(golden)
    spread = Table(title="Milliseconds until each system knew, seen in its own store", title_justify="left")
    for heading in ("system", "no more calls", "corrected e-mail"):
        spread.add_column(heading, justify="left" if heading == "system" else "right")
    for system in ("crm", "erp", "shop", "callcentre"):
        spread.add_row(system, _ms(findings.optout_ms.get(system)), _ms(findings.correction_ms.get(system)))
    console.print(spread)
    console.print(_caller(findings))
    for wrong in findings.wrong:
        console.print(f"[bold red]not verified:[/bold red] {wrong}")
    console.print(
        "\nWhere to look next: docs/tutorial.md tells this story step by step; 'make demo KEEP=1' leaves it running,\n"
        f"then try 'onevoice status --config {stack.config}' and 'onevoice customer explain'."
    )


def _caller(findings: Findings) -> str:
    call = findings.call
    if not call:
        return "No caller was shown."
    tier = (call.get("value") or {}).get("tier")
    name = ((call.get("customer") or {}).get("record") or {}).get("name") or {}
    offers = ", ".join(str(offer.get("title") or offer.get("id")) for offer in call.get("offers") or [])
    return (
        f"\nThe agent saw: {name.get('given')} {name.get('family')}, value tier {tier}, "
        f"{len(call.get('interactions') or [])} last interactions, offers: {offers or 'none'}."
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _last_line(findings: Findings) -> str:
    word = "verified" if not findings.wrong else "NOT verified"
    slowest = max(findings.optout_ms.values(), default=0.0)
    return (
        f"{word}: records={findings.records} customers={findings.customers} truth_f1={findings.f1:.4f} "
        f"optout_systems={len(findings.optout_ms)} optout_ms_max={slowest:.0f}"
    )
