"""What customers say of themselves: the records of the system `self`, kept here and read like any other system's.

The one rule: a customer's word is a claim among others, linked by a judgement to the record whose page it was, so that
the golden record weighs it by its trust and a split takes it along.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.mapping.times import moment_text
from onevoice.messages import Json, RecordRef, SourceRecord
from onevoice.store import Store, upsert
from onevoice.store.tables import customer, own_profile, source_record
from onevoice.workers.catalog import OWN_PAGE, Catalog
from onevoice.workers.customers.judging import Judging
from onevoice.workers.door import Door

FIELDS = ("given_name", "family_name", "language")
_POINT_FIELDS = {"email": "email", "phone": "phone"}


def language_of(connection: Connection, record_id: UUID | None) -> str | None:
    """Return the language of who holds a record: as said on its own page, or else as the golden record has it."""
    said = select(own_profile.c.data["language"].as_string()).where(own_profile.c.record_id == record_id)
    golden = select(customer.c.golden["language"].as_string()).join_from(
        source_record, customer, customer.c.id == source_record.c.customer_id
    )
    found = (
        connection.execute(said).scalar() or connection.execute(golden.where(source_record.c.id == record_id)).scalar()
    )
    return str(found) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """Keeps what customers say of themselves and brings it through the front door."""

    store: Store
    catalog: Catalog
    door: Door
    judging: Judging

    def load(self, connection: Connection, record_id: UUID) -> Json:
        """Return what was said on the page of a record; empty before anything was."""
        row = connection.execute(select(own_profile.c.data).where(own_profile.c.record_id == record_id))
        return dict(row.scalar_one_or_none() or {})

    def unheard(self, connection: Connection, record_id: UUID) -> Json | None:
        """Return what was said on the page of a record and has not come in by the front door yet, to be published."""
        said = self.load(connection, record_id)
        system, stream = OWN_PAGE
        here = (source_record.c.system == system) & (source_record.c.stream == stream)
        heard = select(source_record.c.sequence).where(here & (source_record.c.key == str(record_id)))
        return said if said and (connection.execute(heard).scalar_one_or_none() or "") < said["changed_at"] else None

    def change(self, connection: Connection, record_id: UUID, said: Mapping[str, str], now: datetime) -> None:
        """Keep what is said now beside what was said before; it is `unheard` until it was published.

        Raises:
            RecordError: it does not fit `schemas/self/profile.json`.
        """
        before = self.load(connection, record_id)
        data: Json = {**before, **said} | {"id": str(record_id), "changed_at": moment_text(now)}
        self.catalog.streams[OWN_PAGE].source.check(data)
        row = {"record_id": record_id, "data": data, "changed_at": now}
        upsert(connection, own_profile, [row], key=["record_id"], update=["data", "changed_at"])

    def change_point(self, connection: Connection, record_id: UUID, point: str, now: datetime) -> None:
        """Keep a contact point that was confirmed."""
        kind, _, value = point.partition(":")
        self.change(connection, record_id, {_POINT_FIELDS[kind]: value}, now)

    def publish(self, own: RecordRef, data: Json) -> None:
        """Bring a profile to the hub as a record of the person whose page it was.

        Raises:
            TransientError: the bus is away; whoever says it again finds it unheard.
            RefusedError: people judged that this record is nobody's own.
        """
        system, stream = OWN_PAGE
        ref = RecordRef(system=system, stream=stream, key=data["id"])
        self.judging.say("same", own, ref, actor=system, reason="the customer's own page")
        record = SourceRecord(stream=stream, key=data["id"], version=data["changed_at"], data=data)
        self.door.publish(system, [record])
