"""The records that one transaction has read, each once; what was changed in memory stays changed.

Takes ids and customers, gives `Record` images. The rule: a record that is here is never read again, so all steps of a
batch see the same one, as it will stand at commit.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import Connection

from onevoice.store import rows_by_keys
from onevoice.store.tables import source_record
from onevoice.workers.ingest.record import Record, record_of


class Loaded:
    """Reads records as they are needed."""

    def __init__(self, connection: Connection, records: Iterable[Record] = ()) -> None:
        """Start with records that were read before."""
        self.connection = connection
        self._records = {record.id: record for record in records}

    def get(self, record_id: UUID) -> Record | None:
        """Return a record if it was read before."""
        return self._records.get(record_id)

    def by_ids(self, ids: Collection[UUID]) -> dict[UUID, Record]:
        """Return the records with these ids, as far as there are any."""
        missing = [(i,) for i in ids if i not in self._records]
        rows = rows_by_keys(self.connection, source_record, list(source_record.c), key=["id"], keys=missing)
        self._records.update((row.id, record_of(row)) for row in rows)
        return {i: self._records[i] for i in ids if i in self._records}

    def stored_in(self, customers: Collection[UUID]) -> dict[UUID, Record]:
        """Return the records that the store has grouped in any of the customers."""
        rows = rows_by_keys(
            self.connection,
            source_record,
            [source_record.c.id],
            key=["customer_id"],
            keys=[(customer,) for customer in customers],
        )
        return self.by_ids([row.id for row in rows])

    def in_customers(self, customers: Collection[UUID]) -> list[Record]:
        """Return the records that are grouped in any of the customers by now."""
        self.stored_in(customers)
        wanted = frozenset(customers)
        return [record for record in self._records.values() if record.customer_id in wanted]
