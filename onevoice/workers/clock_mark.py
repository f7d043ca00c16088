"""Up to when what comes by the clock was dealt with, by name."""

from datetime import datetime

from sqlalchemy import Connection, select

from onevoice.store import upsert
from onevoice.store.tables import clock_mark


def marked(connection: Connection, name: str) -> datetime | None:
    """Return up to when something by the clock was dealt with; None where it never was."""
    found: datetime | None = connection.execute(select(clock_mark.c.at).where(clock_mark.c.name == name)).scalar()
    return found


def mark(connection: Connection, name: str, at: datetime) -> None:
    """Note up to when something by the clock was dealt with."""
    upsert(connection, clock_mark, [{"name": name, "at": at}], key=["name"], update=["at"])
