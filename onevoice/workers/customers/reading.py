"""All that a touch point's question asks of one customer, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.consent import Holding
from onevoice.consent.holdings import HOLDING, holding_from
from onevoice.conversation import CONVERSATION, Entry, Known, Value, entries_from, orders_from
from onevoice.decisions.ledger import TURNS, USES, given_from
from onevoice.decisions.place import PLACES, taken_from
from onevoice.decisions.release import STANDING, Standing, standing_from
from onevoice.messages import RecordRef
from onevoice.store import Gathering
from onevoice.store.members import CUSTOMER
from onevoice.store.tables import customer
from onevoice.workers.customers.reference import Reference, customers_of
from onevoice.workers.decisions import Deciders, Situation

_READING = Gathering(
    customer=select(customer.c.type, customer.c.golden, customer.c.updated_at).where(customer.c.id == CUSTOMER),
    standing=STANDING,
    uses=USES,
    turns=TURNS,
    places=PLACES,
    **HOLDING,
    **CONVERSATION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One customer and the moment, as one snapshot of the store has them.

    Attributes:
        anchor: its oldest record.
        contacts: (offer, when) of all that was given to it and stands.
        turn: of the latest decision for it.
        taken: (target, channel, conversations) of who is busy.
    """

    known: Known
    anchor: RecordRef
    holding: Holding
    standing: Standing
    contacts: tuple[tuple[str, datetime], ...]
    turn: int
    taken: tuple[tuple[str, str, int], ...]


def read_reference(connection: Connection, asked: Reference, now: datetime) -> Reading | Sequence[UUID]:
    """Return what the store has of the one customer that a reference fits; where none or several do, those."""
    if asked.record_id is not None:
        read = _read(connection, asked.record_id, now)  # most ids are a customer's own
        if read is not None:
            return read
    found = customers_of(connection, asked)
    if len(found) != 1:
        return found
    return _read(connection, found[0], now) or ()


def _read(connection: Connection, customer_id: UUID, now: datetime) -> Reading | None:
    """Return what the store has of the customer with this very id, None where no customer has it."""
    rows = _READING.rows(connection, customer=customer_id, now=now)
    oldest = next((row for row in rows["members"] if row.id == customer_id), None)
    if oldest is None or not rows["customer"]:
        return None
    (itself,) = rows["customer"]
    holding = holding_from(connection, customer_id, rows)
    known = Known(
        id=customer_id,
        type=itself.type,
        golden=itself.golden,
        golden_at=itself.updated_at,
        entries=entries_from(rows, holding.acts),
        orders=orders_from(rows),
    )
    return Reading(
        known=known,
        anchor=RecordRef(system=oldest.system, stream=oldest.stream, key=oldest.key),
        holding=holding,
        standing=standing_from(rows["standing"][0]),
        contacts=given_from(rows["uses"], now),
        turn=rows["turns"][0].latest or 0,
        taken=taken_from(rows["places"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Who is there at a moment, and who decides about them.

    Attributes:
        entries: the latest of what happened with them, the newest first.
        known: None where nobody is known under the reference.
    """

    deciders: Deciders
    situation: Situation
    holding: Holding
    value: Value
    entries: Sequence[Entry]
    known: Known | None = None
