"""What was dealt with customers, as far as policy asks for it: contacts made, the latest order, where they live.

Read for many at once in a fixed number of statements. The one rule: what nobody dealt is read as nothing, so that a
customer without it costs one row.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Uuid, and_, exists, func, select, type_coerce

from onevoice.consent.question import Contacted
from onevoice.store import among, listed
from onevoice.store.tables import contact, customer, source_record

LONGEST_CAP = timedelta(days=366)
_PARTY, _ORDER = source_record.alias("party"), source_record.alias("ordered")
_MADE = [contact.c[name] for name in ("channel", "purpose", "committed_at")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealings:
    """What was dealt with one customer; the names are those of `Holding`."""

    contacts: Sequence[Contacted] = ()
    ordered_at: datetime | None = None
    country: str | None = None


def dealings_of(connection: Connection, customers: Collection[UUID], now: datetime) -> dict[UUID, Dealings]:
    """Return the dealings with each of the customers."""
    wanted = listed(connection, customers, customer.c.id).subquery("wanted")
    ordered = select(func.max(_ORDER.c.occurred_at)).where(
        _PARTY.c.customer_id == wanted.c.value,
        and_(
            _ORDER.c.system == _PARTY.c.system,
            _ORDER.c.party_stream == _PARTY.c.stream,
            _ORDER.c.party_key == _PARTY.c.key,
        ),
        _ORDER.c.type == "order",
        _ORDER.c.deleted.is_(False),
    )
    contacted = exists().where(
        contact.c.record_id == source_record.c.id, source_record.c.customer_id == wanted.c.value, *_counting(now)
    )
    who, addresses = type_coerce(wanted.c.value, Uuid()), customer.c.golden["addresses"]
    found = select(who, ordered.scalar_subquery(), contacted, addresses)
    rows = connection.execute(found.outerjoin_from(wanted, customer, customer.c.id == wanted.c.value)).all()
    made = _made_with(connection, [row[0] for row in rows if row[2]], now)
    return {
        one: Dealings(contacts=made.get(one, ()), ordered_at=ordered_at, country=country_of(where))
        for one, ordered_at, _, where in rows
    }


def contacts_at(connection: Connection, points: Collection[str], now: datetime) -> dict[str, list[Contacted]]:
    """Return the contacts made at contact points with nobody in particular; points without any are left out."""
    bare = select(contact.c.point, *_MADE).where(contact.c.record_id.is_(None), *_counting(now))
    return _by_first(connection.execute(bare.where(among(connection, contact.c.point, points))).all()) if points else {}


def country_of(addresses: Iterable[Mapping[str, Any]] | None) -> str | None:
    """Return the first country that a customer's addresses name."""
    return next((str(address["country"]) for address in addresses or () if address.get("country")), None)


def _made_with(connection: Connection, customers: Collection[UUID], now: datetime) -> dict[UUID, list[Contacted]]:
    if not customers:
        return {}
    made = select(source_record.c.customer_id, *_MADE).join(source_record, contact.c.record_id == source_record.c.id)
    made = made.where(among(connection, source_record.c.customer_id, customers), *_counting(now))
    return _by_first(connection.execute(made).all())


def _counting(now: datetime) -> tuple[Any, ...]:
    return contact.c.committed_at > now - LONGEST_CAP, contact.c.inbound.is_(False)


def _by_first(rows: Iterable[Any]) -> dict[Any, list[Contacted]]:
    found: dict[Any, list[Contacted]] = defaultdict(list)
    for whose, channel, purpose, time in rows:
        found[whose].append(Contacted(channel=channel, purpose=purpose, time=time))
    return found
