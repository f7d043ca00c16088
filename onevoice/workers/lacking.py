"""Lacking: customers whom a system is to have and has not, though nothing has moved since: it is new, or its policy is.

Takes a stream in which records are made; its system is owed them. Ingest asks only where something moved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select

from onevoice.store import Store
from onevoice.store.tables import creation, customer, source_record
from onevoice.workers.catalog import Stream
from onevoice.workers.ingest import Ingest

PAGE = 500


@dataclass(frozen=True, slots=True)
class Lacking:
    """Looks through all customers."""

    store: Store
    ingest: Ingest

    def owe(self, system: str, name: str) -> int:
        """Let the system be owed each record that it lacks in a stream; returns how many of them became due."""
        stream = self.ingest.catalog.streams.get((system, name))
        if stream is None or stream.create == "never":
            return 0
        count = 0
        for ids in self._pages(stream):
            with self.store.transaction() as connection:
                count += self.ingest.owe_creates(connection, ids, stream)
        return count

    def _pages(self, stream: Stream) -> Iterator[list[UUID]]:
        after = UUID(int=0)
        there = exists().where(
            source_record.c.customer_id == customer.c.id,
            source_record.c.system == stream.system,
            source_record.c.stream == stream.name,
        )
        begun = exists().where(
            creation.c.reference == customer.c.id,
            creation.c.system == stream.system,
            creation.c.stream == stream.name,
        )
        while True:
            wanted = (
                select(customer.c.id)
                .where(customer.c.type == stream.mapping.to, customer.c.id > after, ~there, ~begun)
                .order_by(customer.c.id)
                .limit(PAGE)
            )
            with self.store.transaction() as connection:
                ids = list(connection.execute(wanted).scalars())
            if not ids:
                return
            yield ids
            after = ids[-1]
