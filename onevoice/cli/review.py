"""`onevoice review`: pairs of customers that may be one, for a person to decide.

It shows personal data: that is its use.
"""

import csv
import sys
from typing import Annotated

import typer
from rich.text import Text

from onevoice.cli.customer import REFERENCE, Reason, Reference, customers_in, record_ref, tell
from onevoice.cli.screen import BAD, done, note, out, print_json, table
from onevoice.cli.setting import Actor, ConfigPath, Json, actor_of, hub_of

app = typer.Typer(name="review", help="Pairs of customers that may be one: list and decide.", no_args_is_help=True)

Other = Annotated[str, typer.Argument(metavar="OTHER", help=REFERENCE)]
One = Annotated[str, typer.Argument(metavar="RECORD", help="rec:<system>:<stream>:<key>")]
Two = Annotated[str, typer.Argument(metavar="RECORD", help="rec:<system>:<stream>:<key>")]


@app.command("list")
def list_items(
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many.")] = 20,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """List what a person must decide, those with most at stake first.

    First come those that would extend a prohibition to somebody, then by what would come onto one timeline.

    Example: onevoice review list --limit 5
    """
    with hub_of(config) as hub:
        items = customers_in(hub).reviews(limit=limit)
    if as_json:
        print_json(items)
        return
    if not items:
        done("nothing to review")
        return
    rows = [
        (i.a, i.b, i.kind, f"{i.score:.1f}", i.records, i.stake, Text("yes", style=BAD) if i.prohibits else "-")
        for i in items
    ]
    table(["record", "record", "why", "bits#", "records#", "at stake#", "extends a no"], rows)
    note("look: onevoice customer explain RECORD RECORD; onevoice review preview RECORD RECORD")
    note("decide: onevoice review same|different RECORD RECORD --reason ...")


@app.command("preview")
def preview(reference: Reference, other: Other, as_json: Json = False, config: ConfigPath = None) -> None:
    """Show golden values and permissions as they would be after a merge; nothing is changed.

    Example: onevoice review preview rec:crm:Contact:003A rec:shop:customers:17
    """
    with hub_of(config) as hub:
        found = customers_in(hub).preview(reference, other)
    if as_json:
        print_json(found)
        return
    rows = [tuple("-" if v is None else str(v) for v in (p.path, p.one, p.other, p.after)) for p in found.values]
    table(["value", "one", "other", "after"], rows)
    if found.permissions:
        out.print()
        permissions = [(p.point or "-", p.channel, p.purpose, p.before or "-", p.after) for p in found.permissions]
        table(["point", "channel", "purpose", "before", "after"], permissions)
    else:
        note("no permission would change")


@app.command("same")
def same(one: One, other: Two, reason: Reason, actor: Actor = None, config: ConfigPath = None) -> None:
    """Say that two records are one customer's.

    Example: onevoice review same rec:crm:Contact:003A rec:shop:customers:17 --reason "one passport"
    """
    with hub_of(config) as hub:
        found = customers_in(hub).say("same", record_ref(one), record_ref(other), actor=actor_of(actor), reason=reason)
    tell(found)


@app.command("different")
def different(one: One, other: Two, reason: Reason, actor: Actor = None, config: ConfigPath = None) -> None:
    """Say that two records are different customers'.

    Example: onevoice review different rec:crm:Contact:003A rec:shop:customers:17 --reason "mother and daughter"
    """
    with hub_of(config) as hub:
        found = customers_in(hub).say(
            "different", record_ref(one), record_ref(other), actor=actor_of(actor), reason=reason
        )
    tell(found)


@app.command("labels")
def labels(as_json: Json = False, config: ConfigPath = None) -> None:
    """Print what people decided as examples to train from: CSV with the evidence, without any value.

    Example: onevoice review labels > labels.csv
    """
    with hub_of(config) as hub:
        found = customers_in(hub).labels()
    if as_json:
        print_json(found)
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(["record", "other", "same", "evidence"])
    for label in found:
        writer.writerow([label.a, label.b, int(label.same), " ".join(f"{c}={level}" for c, level in label.evidence)])
