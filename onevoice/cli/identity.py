"""`onevoice identity`: the model that says who is who."""

from pathlib import Path
from typing import Annotated, Any

import typer

from onevoice.cli.match import project_model, read
from onevoice.cli.screen import done, progress, table
from onevoice.cli.setting import ConfigPath

app = typer.Typer(name="identity", help="The model that says who is who.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """One command is a group all the same."""


@app.command()
def train(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files as 'onevoice match' reads them.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Where to write the model; rules/identity_model.json is used.")
    ],
    region: Annotated[
        str, typer.Option("--region", metavar="CC", help="Country of telephone numbers whose row names none.")
    ] = "",
    config: ConfigPath = None,
) -> None:
    """Learn from records how often one person's records agree and disagree; nobody has to judge any of them.

    Takes tens of thousands of records or more, from several systems: with few, the shipped model is better. The file
    holds what records came to before and after; look at it, and run 'onevoice match' with it, before it decides.
    Equal rows give an equal file.

    Example: onevoice identity train crm.csv shop.csv --out rules/identity_model.json
    """
    from onevoice.workers.matching import checked_region
    from onevoice.workers.training import ROUNDS, fit

    country = checked_region(region)
    rows = [read(file) for file in files]
    with progress("learn", total=ROUNDS) as advance:
        trained = fit(rows, project_model(config), region=country, advance=advance)
    trained.write(out)
    show(trained.content)
    done(f"{out}: written")


def show(content: dict[str, Any]) -> None:
    """Show what a model was learned from and came to."""
    learned, judged = content["learned_from"], content["judged_by"]
    table(
        ("of the same records", "before#", "after#"),
        [(name.replace("_", " "), judged["before"][name], judged["after"][name]) for name in judged["before"]],
    )
    done(f"learned from {learned['pairs']:,} pairs, {learned['pairs_of_one_person']:,.0f} of them one person's")
