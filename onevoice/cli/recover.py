"""`onevoice recover`: after the database was put back to an older state."""

import typer

from onevoice.cli.screen import done, failed, note, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recover")(recover)


def recover(as_json: Json = False, config: ConfigPath = None) -> None:
    """Find out what systems and broker have that an older store has not; run it once, before 'onevoice run'.

    Every system is read from the older cursors on. What was owed to be made in a system may have been made: it is
    looked up there, repeated under its reference, or in doubt until a person has looked. Exits with 1 where a system
    could not be read; 'onevoice sync' goes on there.

    Example: onevoice recover
    """
    from onevoice.workers.recovery import recover as put_in_order

    with hub_of(config) as hub, progress("read anew") as advance:
        found = put_in_order(hub, progress=advance)
    if as_json:
        print_json(found)
    else:
        columns = ["system", "read#", "ahead#", "perhaps made#", "must be pushed again"]
        table(
            columns, [(one.system, one.read, one.news, one.creations, ", ".join(one.pushed)) for one in found.systems]
        )
        note(f"{found.waiting:,} message(s) wait on the bus; {found.taken_on:,} deliveries were under way, due again")
        for one in found.systems:
            if one.trouble:
                failed(one.trouble)
    if any(one.trouble for one in found.systems):
        raise typer.Exit(1)
    if not as_json:
        done("start 'onevoice run'; look at 'onevoice obligation list --state in_doubt' afterwards")
