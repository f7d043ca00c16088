"""`onevoice obligation`: what systems are owed and have not proven to know."""

from enum import StrEnum
from typing import Annotated

import typer
from sqlalchemy import select

from onevoice.cli.screen import age, done, note, print_json, table
from onevoice.cli.setting import ConfigPath, Json, hub_of
from onevoice.cli.sync import System
from onevoice.errors import ConfigurationError

app = typer.Typer(name="obligation", help="What systems are owed and have not proven to know.", no_args_is_help=True)

SHOWN = 200


class State(StrEnum):
    """The states of an obligation that is not proven."""

    DUE = "due"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    REFUSED = "refused"


@app.command("list")
def list_(
    system: Annotated[str | None, typer.Argument(metavar="[SYSTEM]", help="What this system alone is owed.")] = None,
    state: Annotated[State | None, typer.Option("--state", help="In this state alone.")] = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """List what is owed, the oldest first, with the reason why it is not there yet.

    Example: onevoice obligation list crm --state refused
    """
    from onevoice.store.tables import obligation

    statement = select(obligation).where(obligation.c.state != "verified").order_by(obligation.c.requested_at)
    if system is not None:
        statement = statement.where(obligation.c.system == system)
    if state is not None:
        statement = statement.where(obligation.c.state == state.value)
    with hub_of(config) as hub, hub.store.transaction() as connection:
        rows = list(connection.execute(statement.limit(SHOWN)))
        lists = set(hub.catalog.lists)
    found = [
        {
            "system": row.system,
            "lane": row.lane,
            "stream": row.stream,
            # An entry of a list is a contact point: personal data, unlike a record's key.
            "target": "an entry" if (row.system, row.stream) in lists else row.target,
            "state": row.state,
            "requested_at": row.requested_at,
            "attempts": row.attempts,
            "next_attempt_at": row.next_attempt_at,
            "last_error": row.last_error,
        }
        for row in rows
    ]
    if as_json:
        print_json(found)
    elif not found:
        note("Nothing is owed.")
    else:
        names = ("system", "lane", "stream", "target", "state", "attempts", "last_error")
        columns = ["system", "lane", "stream", "target", "state", "attempts#", "last error", "since"]
        table(columns, [(*(one[name] for name in names), age(one["requested_at"])) for one in found])
        if len(found) == SHOWN:
            note(f"and perhaps more: the oldest {SHOWN} are shown")


@app.command("resend")
def resend(
    system: System,
    state: Annotated[State, typer.Option("--state", help="Which of them.")] = State.REFUSED,
    config: ConfigPath = None,
) -> None:
    """Make a system's obligations due again at once, after a person has mended what stood in the way.

    Example: onevoice obligation resend crm --state in_doubt
    """
    from datetime import UTC, datetime

    from onevoice.obligations.ledger import resend as make_due

    with hub_of(config) as hub:
        if system not in hub.catalog.systems:
            raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(hub.catalog.systems)}")
        with hub.store.transaction() as connection:
            count = make_due(connection, system, state=state.value, now=datetime.now(UTC))
    done(f"{count:,} obligation(s) of {system} due again")
