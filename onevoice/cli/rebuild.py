"""`onevoice rebuild`: is what stands what the records say?"""

from typing import Annotated

import typer

from onevoice.cli.screen import done, note, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of
from onevoice.errors import RefusedError

SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rebuild")(rebuild)


def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Compare and report; nothing is changed.")] = False,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Group and merge everything anew from records, pairs and judgements, and compare with what stands.

    Exits with 1 when anything differs.

    Example: onevoice rebuild --check
    """
    from onevoice.workers.rebuild import check_rebuild

    if not check:
        raise RefusedError("rebuild: say --check; it compares and changes nothing, which is all there is to do at rest")
    with hub_of(config) as hub, progress("customers") as advance:
        report = check_rebuild(hub.store, hub.model, hub.survivorship, progress=advance)
    if as_json:
        print_json(report)
    elif report.differences:
        rows = [(d.kind, d.subject, d.what) for d in report.differences[:SHOWN]]
        table(["what", "whose", "difference"], rows)
        if len(report.differences) > SHOWN:
            note(f"and {len(report.differences) - SHOWN:,} more")
    else:
        done(f"{report.records:,} records in {report.customers:,} customers: no difference")
    if report.differences:
        raise typer.Exit(1)
