"""A fenced lease: at most one holder at a time, and a holder that slept too long cannot commit.

The fence is a number that grows with each new holder. Whoever works under the lease calls `hold` inside the very
transaction that commits the work; it locks the lease row, so a take-over waits for that commit or makes it fail.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select, text, update

from onevoice.errors import FencedError
from onevoice.store.bulk import upsert
from onevoice.store.engine import Store
from onevoice.store.tables import lease as lease_table

INGEST = "ingest"
"""The lease of whoever brings records and acts into the master: one at a time."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that was taken.

    Attributes:
        fence: grows with every new holder.
    """

    name: str
    holder: str
    fence: int
    seconds: float

    @classmethod
    def take(cls, store: Store, name: str, holder: str, *, seconds: float = 30.0) -> "Lease | None":
        """Take the lease if it is free, run out, or already ours; None while somebody else has it."""
        with store.transaction() as connection:
            row = connection.execute(_row(name)).one_or_none()
            if row is None:  # two first takers may be at it
                upsert(connection, lease_table, [_free(name, database_now(connection))], key=["name"])
                row = connection.execute(_row(name)).one()
            now = database_now(connection)  # the row may have been waited for
            if row.holder != holder and row.expires_at > now:
                return None
            fence = row.fence if row.holder == holder and row.expires_at > now else row.fence + 1
            connection.execute(
                update(lease_table)
                .where(lease_table.c.name == name)
                .values(holder=holder, fence=fence, expires_at=now + timedelta(seconds=seconds))
            )
            return cls(name, holder, fence, seconds)

    def hold(self, connection: Connection) -> None:
        """Prolong the lease inside the caller's transaction and keep others out until it ends.

        PostgreSQL ends the transaction of a holder that does not stir in it for as long as the lease lasts.

        Raises:
            FencedError: somebody else has taken it since.
        """
        postgresql = connection.dialect.name == "postgresql"
        now: Any = func.clock_timestamp() if postgresql else database_now(connection)
        ours = (lease_table.c.fence == self.fence) & (lease_table.c.holder == self.holder)
        prolong = (
            update(lease_table)
            .where((lease_table.c.name == self.name) & ours)
            .values(expires_at=now + timedelta(seconds=self.seconds))
        )
        if postgresql:
            asleep = f"{self.seconds * 1000:.0f}ms"
            prolong = prolong.returning(func.set_config("idle_in_transaction_session_timeout", asleep, True))
        if connection.execute(prolong).rowcount != 1:
            raise FencedError(f"lease {self.name}: passed to another worker; this work is given up and done again")

    def release(self, store: Store) -> None:
        """Give the lease back, if it is still ours."""
        with store.transaction() as connection:
            connection.execute(
                update(lease_table)
                .where(lease_table.c.name == self.name, lease_table.c.fence == self.fence)
                .values(expires_at=database_now(connection))
            )


def keep_out(connection: Connection, name: str) -> None:
    """Keep every holder of the lease from committing until the caller's transaction ends; takes the lease from nobody.

    What a person does then stands wholly before or wholly after each batch of whoever works under the lease.
    """
    upsert(connection, lease_table, [_free(name, database_now(connection))], key=["name"])
    connection.execute(_row(name)).one()


def _free(name: str, now: datetime) -> dict[str, Any]:
    return {"name": name, "holder": "", "fence": 0, "expires_at": now}


def _row(name: str) -> Select[Any]:
    return (
        select(lease_table.c.holder, lease_table.c.fence, lease_table.c.expires_at)
        .where(lease_table.c.name == name)
        .with_for_update()
    )


def database_now(connection: Connection) -> datetime:
    """Return the database's clock, so that workers with different clocks agree on a lease."""
    if connection.dialect.name == "postgresql":
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return now
    stamp: str = connection.execute(text("select strftime('%Y-%m-%dT%H:%M:%f', 'now') || 'Z'")).scalar_one()
    return datetime.fromisoformat(stamp)
