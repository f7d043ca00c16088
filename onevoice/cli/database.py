"""`onevoice db`: the schema of the store."""

import typer

from onevoice.cli.screen import done, note, out
from onevoice.cli.setting import ConfigPath, loaded

app = typer.Typer(name="db", help="The schema of the PostgreSQL store.", no_args_is_help=True)

SQLITE = "SQLite's tables are made at start: there is nothing to upgrade"


@app.command("upgrade")
def upgrade(config: ConfigPath = None) -> None:
    """Bring the store's schema to this version of the hub, in one transaction.

    Example: onevoice db upgrade
    """
    from onevoice.config import reveal
    from onevoice.store import migrate

    url = reveal(loaded(config).store_url)
    if url.startswith("sqlite"):
        note(SQLITE)
        return
    applied = migrate.upgrade(url)
    done(f"applied {', '.join(applied)}" if applied else "the schema is current")


@app.command("current")
def current(config: ConfigPath = None) -> None:
    """Show the step at which the store's schema stands, and those that it lacks.

    Example: onevoice db current
    """
    from onevoice.config import reveal
    from onevoice.store import migrate

    url = reveal(loaded(config).store_url)
    if url.startswith("sqlite"):
        note(SQLITE)
        return
    out.print(migrate.current(url) or "empty")
    missing = migrate.pending(url)
    if missing:
        note(f"lacks {', '.join(missing)}; run 'onevoice db upgrade'")
