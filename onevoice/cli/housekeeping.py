"""`onevoice housekeeping`: takes away what is over."""

import typer

from onevoice.cli.screen import done, note, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("housekeeping")(housekeeping)


def housekeeping(as_json: Json = False, config: ConfigPath = None) -> None:
    """Take away what is over: the ledger of old messages, settled quarantine, old decisions; see [retention].

    'onevoice run' and Airflow do it once a day. Records, acts, what systems are owed and what waits in quarantine stay.

    Example: onevoice housekeeping
    """
    from onevoice.workers.housekeeping import tidy

    with hub_of(config) as hub, progress("taken away") as advance:
        found = tidy(hub.store, hub.config.retention, holder=hub.worker, progress=advance)
    if as_json:
        print_json(found)
    elif found is None:
        note("Somebody else is at it.")
    else:
        table(["what", "after days#", "taken away#"], [(one.what, round(one.days), one.removed) for one in found])
        done(f"{sum(one.removed for one in found):,} row(s) taken away")
