"""`onevoice consent`: what may be sent to a customer. It shows contact points: that is its use."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from onevoice.cli.customer import COLOURS, Reference
from onevoice.cli.screen import print_json, table
from onevoice.cli.setting import ConfigPath, Json, hub_of

if TYPE_CHECKING:
    from onevoice.messages import Act

app = typer.Typer(name="consent", help="What may be sent to whom, and why not.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `show` a subcommand although it is the only one."""


@app.command("show")
def show(reference: Reference, as_json: Json = False, config: ConfigPath = None) -> None:
    """Show for each contact point, channel and purpose whether a customer may be contacted, with the acts that say so.

    Example: onevoice consent show email:ann@example.com
    """
    from onevoice.workers.customers import open_customers

    with hub_of(config) as hub:
        found = open_customers(hub).permissions(reference)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one.now.channel,
            one.point or "-",
            one.now.purpose,
            Text(str(one.now.permission), style=COLOURS[one.now.permission]),
            "yes" if one.now.may_contact else "no",
            "; ".join(map(_because, one.now.because)) or "-",
        )
        for one in found
    ]
    table(["channel", "point", "purpose", "permission", "contact", "because"], rows)


def _because(act: "Act") -> str:
    return f"{act.kind} ({act.reason}) of {act.time:%Y-%m-%d} from {act.source}"
