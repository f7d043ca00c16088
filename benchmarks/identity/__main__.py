"""`python -m benchmarks.identity`: how well customers are found, beside the rivals, with one model and one mark."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.identity.population import strangers
from benchmarks.identity.rivals import equal_contact, equal_full_name, splink_at_its_best
from benchmarks.identity.sets import SETS, LabelledSet
from onevoice.identity import Model
from onevoice.testing.evaluate import Quality, evaluate
from onevoice.workers.matching import match_rows

RULES = Path(__file__).parents[2] / "rules"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    only: Annotated[list[str] | None, typer.Option("--set", help=f"One of {', '.join(SETS)}; repeatable.")] = None,
    splink: Annotated[bool, typer.Option(help="Run Splink too.")] = True,
) -> None:
    """Measure matching on sets whose truth is known; the shipped model and marks are used for all of them."""
    logging.disable(logging.WARNING)
    console = Console(width=140)
    table = Table(box=None, header_style="bold")
    for name in ("set", "by", "precision", "recall", "F1", "B-cubed F1", "exact", "over-merged", "reviews/1000", "s"):
        table.add_column(name, justify="left" if name in ("set", "by") else "right")
    contenders: dict[str, Callable[[LabelledSet], Quality]] = {
        "equal full name": equal_full_name,
        "equal contact and given name": equal_contact,
    }
    if splink:
        contenders["Splink, best threshold"] = splink_at_its_best
    for name in only or SETS:
        labelled = SETS[name]()
        started = time.process_time()
        matched = match_rows(labelled.rows, Model.load(RULES / "identity.yaml"))
        seconds = time.process_time() - started
        reviews = f"{1000 * matched.reviews / len(labelled.rows):.1f}"
        quality = evaluate(matched.customers, labelled.truth)
        table.add_row(labelled.name, "Onevoice", *_figures(quality), reviews, f"{seconds:.1f}")
        for title, contender in contenders.items():
            started = time.process_time()
            quality = contender(labelled)
            table.add_row("", title, *_figures(quality), "", f"{time.process_time() - started:.1f}")
    console.print(table)
    console.print(f"of the people in the four systems {strangers():.1%} share their full name with somebody else")


def _figures(quality: Quality) -> tuple[str, ...]:
    return (
        f"{quality.precision:.4f}",
        f"{quality.recall:.4f}",
        f"{quality.f1:.4f}",
        f"{quality.b_cubed_f1:.4f}",
        f"{quality.exact:,} of {quality.entities:,}",
        f"{quality.over_merged:,}",
    )


app()
