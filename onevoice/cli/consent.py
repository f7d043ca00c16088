"""`onevoice consent`: what may be sent to a customer. It shows contact points: that is its use."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from onevoice.cli.customer import COLOURS, Reference
from onevoice.cli.screen import BAD, GOOD, done, out, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of

if TYPE_CHECKING:
    from onevoice.messages import Act

app = typer.Typer(name="consent", help="What may be sent to whom, and why not.", no_args_is_help=True)


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


@app.command("ask")
def ask(
    reference: Reference,
    channel: Annotated[str, typer.Option("--channel", help="email, phone, sms and so on.")],
    purpose: Annotated[str, typer.Option("--purpose", help="An entry of rules/purposes.yaml.")],
    point: Annotated[str | None, typer.Option("--point", help="phone:+... or email:...")] = None,
    inbound: Annotated[bool, typer.Option("--inbound", help="The customer began the conversation.")] = False,
    thread: Annotated[str | None, typer.Option("--thread", help="The campaign, survey or case it is part of.")] = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Ask whether a contact may be made now, and say every reason; nothing is kept.

    Example: onevoice consent ask rec:crm:Contact:003A --channel email --purpose marketing --point email:ann@example.com
    """
    from onevoice.errors import RefusedError
    from onevoice.messages import Channel
    from onevoice.workers.contacts import Contacts, Wish

    if channel not in {one.value for one in Channel}:
        raise RefusedError(f"--channel: write one of {', '.join(one.value for one in Channel)}")
    wish = Wish(reference=reference, channel=channel, purpose=purpose, point=point, inbound=inbound, thread=thread)
    with hub_of(config) as hub:
        answer = Contacts(store=hub.store, gate=hub.gate).ask(wish)
    if as_json:
        print_json(answer)
        return
    out.print(Text("yes" if answer.allowed else "no", style=GOOD if answer.allowed else BAD))
    table(["because", "", "act"], [(one.code, one.says, one.act) for one in answer.because])


@app.command("list")
def ask_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One contact point a line: email:... or phone:+...")],
    channel: Annotated[str, typer.Option("--channel", help="email, phone, sms and so on.")],
    purpose: Annotated[str, typer.Option("--purpose", help="An entry of rules/purposes.yaml.")],
    to: Annotated[Path, typer.Option("--to", metavar="CSV", help="Where to write point, yes or no, and reasons.")],
    config: ConfigPath = None,
) -> None:
    """Ask for every contact point of a list whether it may be used now; nothing is kept, and no leave to send is given.

    Example: onevoice consent list spring.txt --channel email --purpose marketing --to spring.csv
    """
    from onevoice.errors import ConfigurationError, RefusedError
    from onevoice.messages import Channel
    from onevoice.workers.contacts import Contacts, point_of
    from onevoice.workers.memory import settle_memory

    if channel not in {one.value for one in Channel}:
        raise RefusedError(f"--channel: write one of {', '.join(one.value for one in Channel)}")
    may = asked = 0
    try:
        with hub_of(config) as hub, file.open(encoding="utf-8") as lines, to.open("w", newline="") as target:
            contacts = Contacts(store=hub.store, gate=hub.gate)
            settle_memory()
            writer = csv.writer(target)
            writer.writerow(["point", "may_contact", "because"])
            points = (point_of(line.strip()) for line in lines if line.strip())
            with progress(file.name) as advance:
                for point, answer in contacts.ask_points(points, channel=channel, purpose=purpose):
                    codes = " ".join(dict.fromkeys(one.code for one in answer.because))
                    writer.writerow([point, "yes" if answer.allowed else "no", codes])
                    asked, may = asked + 1, may + answer.allowed
                    if asked % 1000 == 0:
                        advance(1000)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read, or {to} written ({type(error).__name__})") from None
    done(f"{asked:,} asked, {may:,} may be contacted now: {to}")


def _because(act: "Act") -> str:
    return f"{act.kind} ({act.reason}) of {act.time:%Y-%m-%d} from {act.source}"
