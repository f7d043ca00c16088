"""All that a touch point's question asks of one customer, read in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.consent import Holding
from onevoice.consent.holdings import HOLDING, holding_from
from onevoice.conversation import CONVERSATION, Entry, Known, Value, entries_from, orders_from
from onevoice.decisions.ledger import USES, given_from
from onevoice.decisions.place import PLACES, taken_from
from onevoice.decisions.release import STANDING, Standing, standing_from
from onevoice.messages import RecordRef
from onevoice.store import Gathering
from onevoice.store.members import CUSTOMER
from onevoice.store.tables import customer
from onevoice.workers.customers.view import unknown_customer
from onevoice.workers.decisions import Deciders, Situation

_READING = Gathering(
    customer=select(customer.c.type, customer.c.golden, customer.c.updated_at).where(customer.c.id == CUSTOMER),
    standing=STANDING,
    uses=USES,
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
        taken: (target, channel, conversations) of who is busy.
    """

    known: Known
    anchor: RecordRef
    holding: Holding
    standing: Standing
    contacts: tuple[tuple[str, datetime], ...]
    taken: tuple[tuple[str, str, int], ...]


def read_customer(connection: Connection, customer_id: UUID, now: datetime) -> Reading:
    """Return what the store has of a customer.

    Raises:
        RefusedError: there is none under this id.
    """
    rows = _READING.rows(connection, customer=customer_id, now=now)
    if not rows["customer"]:
        raise unknown_customer()
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
    oldest = next(row for row in rows["members"] if row.id == customer_id)
    return Reading(
        known=known,
        anchor=RecordRef(system=oldest.system, stream=oldest.stream, key=oldest.key),
        holding=holding,
        standing=standing_from(rows["standing"][0]),
        contacts=given_from(rows["uses"], now),
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
