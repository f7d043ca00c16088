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
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Look at every pair of records too; slow, up to 20,000 records.")
    ] = False,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Group and merge everything anew from records, pairs and judgements, and compare with what stands.

    With --oracle the pairs are found anew as well, the plain way: all records against all. Exits with 1 when anything
    differs.

    Example: onevoice rebuild --check --oracle
    """
    from onevoice.workers.oracle import check_oracle
    from onevoice.workers.rebuild import RebuildReport, check_rebuild

    if not check and not oracle:
        raise RefusedError("rebuild: say --check; it compares and changes nothing, which is all there is to do at rest")
    with hub_of(config) as hub, progress("customers") as advance:
        report = check_rebuild(hub.store, hub.model, hub.survivorship, progress=advance)
    if oracle:
        with hub_of(config) as hub, progress("records") as advance:
            plain = check_oracle(hub.store, hub.model, progress=advance)
        report = RebuildReport(
            records=report.records,
            customers=report.customers,
            differences=tuple(dict.fromkeys((*report.differences, *plain.differences))),
        )
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
