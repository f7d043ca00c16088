"""`onevoice identity`: the model that says who is who."""

from pathlib import Path
from typing import Annotated, Any

import typer

from onevoice.cli.match import project_model, read
from onevoice.cli.screen import done, note, print_json, progress, table
from onevoice.cli.setting import Actor, ConfigPath, Json, actor_of, hub_of

app = typer.Typer(name="identity", help="The model that says who is who.", no_args_is_help=True)


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


@app.command()
def rejudge(
    count: Annotated[
        bool, typer.Option("--count", help="Only count which customers would be regrouped; nothing is changed.")
    ] = False,
    approve: Annotated[
        bool, typer.Option("--approve", help="Let it go on where it waits for a person to look at the count.")
    ] = False,
    actor: Actor = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Judge all records anew after the model or rules/identity.yaml changed: keys, evidence and customers.

    It counts first. Where more customers would be regrouped than identity.max_regroup in onevoice.toml, it waits for
    --approve (exit code 77). Start every process of the hub anew beforehand, so that all have the same files; records
    are taken in meanwhile. It may be stopped at any moment: the next run goes on.

    Example: onevoice identity rejudge --count
    """
    from onevoice.workers.rejudge import Rejudge, records_to_judge

    with hub_of(config) as hub:
        job = Rejudge(store=hub.store, ingest=hub.ingest, max_regroup=hub.config.max_regroup)
        records, customers = records_to_judge(hub.store)
        if count:
            with progress("count", total=records) as advance:
                found = job.count(advance)
        else:
            with progress("judge", total=3 * records + customers) as advance:
                ended = job.run(actor_of(actor) if approve else None, advance)
            if ended is None:
                done("every record was judged by this model; nothing to do")
                return
            found = ended
    if as_json:
        print_json(found)
        return
    table(
        ("model", "records#", "customers#", "customers to regroup#", "step"),
        [(found.model, f"{found.records:,}", f"{found.customers:,}", f"{found.regroups:,}", found.step)],
    )
    if count:
        note("counted; nothing was changed")
    else:
        done("all records stand as this model judges them")


def show(content: dict[str, Any]) -> None:
    """Show what a model was learned from and came to."""
    learned, judged = content["learned_from"], content["judged_by"]
    table(
        ("of the same records", "before#", "after#"),
        [(name.replace("_", " "), judged["before"][name], judged["after"][name]) for name in judged["before"]],
    )
    done(f"learned from {learned['pairs']:,} pairs, {learned['pairs_of_one_person']:,.0f} of them one person's")
