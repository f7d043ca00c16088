"""`onevoice decide`: what would be decided for a customer, and why every other offer is not made."""

from typing import Annotated

import typer

from onevoice.cli.customer import Reference
from onevoice.cli.screen import BAD, note, out, print_json, table
from onevoice.cli.setting import ConfigPath, Json, hub_of

app = typer.Typer(name="decide", help="What is decided for a customer, and why.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `try` a subcommand although it is the only one."""


@app.command("try")
def try_decision(
    reference: Reference,
    kind: Annotated[str, typer.Option("--kind", help="offer, message or question.")] = "offer",
    channel: Annotated[str | None, typer.Option("--channel", help="Channel of the moment: phone, web, …")] = None,
    department: Annotated[str | None, typer.Option("--department", help="Which part of the company asks.")] = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Decide for a customer by the rules as they are now, keep nothing, and give a reason for every offer.

    Example: onevoice decide try phone:+442079460000 --channel phone
    """
    from onevoice.workers.customers import open_customers

    with hub_of(config) as hub:
        tried = open_customers(hub).decide(reference, kind=kind, channel=channel, department=department)
    if as_json:
        print_json(tried)
        return
    note(f"rules {tried.version}; " + ", ".join(f"{name} {value}" for name, value in tried.facts.items()) + "\n")
    rows = [
        (
            one.offer,
            f"{one.score:.4g}",
            f"{one.propensity:.4g}",
            f"{one.weight:g}",
            f"{one.worth:g}",
            _told(one.because),
        )
        for one in tried.chosen
    ]
    table(["given", "score#", "propensity#", "weight#", "worth#", "because"], rows)
    out.print()
    table(["not given", "reason", ""], tried.rejected)
    for name in tried.failed:
        out.print(f"raised, and so is out: {name}", style=BAD, markup=False)


def _told(because: tuple[str, ...]) -> str:
    return "; ".join(because)
