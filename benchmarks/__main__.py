"""`python -m benchmarks`: one run of everything, on private servers, with a summary at the end."""

import gc
import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.contenders import WARM_SECONDS, BenchmarkError, Outcome, run_floor, run_hub, run_rival
from benchmarks.ground import Ground, remove
from benchmarks.messages import Message, message_of
from benchmarks.mixes import mix_a, mix_b
from benchmarks.population import Known, Population
from benchmarks.report import Report, machine_facts
from onevoice.errors import OnevoiceError

FLOOR_MESSAGES = 60_000
RIVAL_MESSAGES = 40_000
RIVAL_SECONDS = 10.0
SPARE_SECONDS = 15.0

_T = TypeVar("_T")
_R = TypeVar("_R")

HELP = """Measure the hub's full path beside a floor (consume and COPY) and a hand-written FastStream consumer.

All run in one go on the same private PostgreSQL (fsync on) and RabbitMQ (quorum queues). Examples:

python -m benchmarks                                    what `make bench` runs

python -m benchmarks --seconds 60 --json result.json    the full run

python -m benchmarks --customers 5000 --seconds 5 --mix a     a quick look; its numbers mean little
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def main(
    seconds: Annotated[float, typer.Option(min=2, help="How long each hub run is measured.")] = 20.0,
    customers: Annotated[
        int, typer.Option(min=100, help="Customers present before a run, two records each.")
    ] = 100_000,
    mix: Annotated[list[str] | None, typer.Option(help="a (steady day) or b (first load); repeatable.")] = None,
    rate: Annotated[int, typer.Option(min=100, help="Messages to prepare for each second of a hub run.")] = 2_500,
    seed: Annotated[int, typer.Option(help="Same seed, same people and messages.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to this file too.")] = None,
) -> None:
    """Run the benchmark."""
    console = Console()
    wanted = mix or ["a", "b"]
    if not set(wanted) <= {"a", "b"}:
        raise typer.BadParameter("write a or b", param_hint="--mix")
    folder = Path(tempfile.mkdtemp(prefix="onevoice-bench-"))
    try:
        report = _measure(console, folder, wanted, seconds=seconds, customers=customers, rate=rate, seed=seed)
    except (BenchmarkError, OnevoiceError) as error:
        console.print(f"[bold red]error[/]: {error}", highlight=False)
        raise typer.Exit(1) from None
    finally:
        remove(folder)
    report.show(console)
    if json_file is not None:
        json_file.write_text(json.dumps(report.document(), indent=2) + "\n", encoding="utf-8")


def _measure(
    console: Console, folder: Path, mixes: list[str], *, seconds: float, customers: int, rate: int, seed: int
) -> Report:
    columns = (TextColumn("{task.description:38}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, Ground(folder) as ground:
        step = _Steps(progress)
        population = Population(seed)
        present = list(step.over("people", customers, population.customers(customers, settled=True, kind="present")))
        records = sum(len(known.records) for known in present)
        standing = (one for known in present for one in known.records)
        ground.load(standing, step.to("customers made present", records))
        catalog = ground.catalog()
        count = int((seconds + WARM_SECONDS + SPARE_SECONDS) * rate)
        messages: dict[str, list[Message]] = {}
        for name in mixes:
            made = mix_a(present, population, seed + 2) if name == "a" else mix_b(population, seed + 3)
            encoded = (message_of(one, catalog) for one in made)
            messages[name] = list(step.over(f"messages of mix {name.upper()}", count, itertools.islice(encoded, count)))
        gc.freeze()  # or the collector would go through all messages again and again while they are fed
        first = messages[mixes[0]]
        floor = step.during("floor", lambda _: run_floor(ground, first[:FLOOR_MESSAGES]))
        rivals = [
            step.during(
                f"FastStream{', tuned' if tuned else ''}",
                lambda _, tuned=tuned: run_rival(ground, first[:RIVAL_MESSAGES], RIVAL_SECONDS, tuned=tuned),
            )
            for tuned in (False, True)
        ]
        hubs = [_hub(ground, step, name, present, messages[name], seconds) for name in mixes]
        return Report(
            machine=machine_facts(ground, customers, records), floor=floor, rivals=tuple(rivals), hubs=tuple(hubs)
        )


def _hub(
    ground: Ground, step: "_Steps", name: str, present: list[Known], messages: list[Message], seconds: float
) -> Outcome:
    standing = (one for known in present for one in known.records)
    title = f"mix {name.upper()}"
    place = step.during(f"hub: {title}, its place", lambda _: ground.hub(f"mix_{name}", standing, messages))
    return step.during(f"hub: {title}", lambda tick: run_hub(ground, f"hub, {title}", place, messages, seconds, tick))


class _Steps:
    """Progress bars, one for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def over(self, title: str, total: int, items: Iterator[_T]) -> Iterator[_T]:
        """Pass the items on and count them."""
        task = self._progress.add_task(title, total=total)
        for done, item in enumerate(items, 1):
            if done % 500 == 0 or done == total:
                self._progress.update(task, completed=done)
            yield item

    def to(self, title: str, total: int) -> Callable[[int], None]:
        """Return a function that says how many are done."""
        task = self._progress.add_task(title, total=total)
        return lambda done: self._progress.update(task, completed=done)

    def during(self, title: str, work: Callable[[Callable[[], None]], _R]) -> _R:
        """Do the work while a bar moves."""
        task = self._progress.add_task(title, total=None)
        result = work(lambda: self._progress.update(task))
        self._progress.update(task, total=1, completed=1)
        return result


if __name__ == "__main__":
    app()
