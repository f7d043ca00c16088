"""What people and systems write to name a customer, and which customers that is now.

A reference is the id of any record (a customer's id is that of its oldest one), `rec:<system>:<stream>:<key>`,
`phone:+…` or `email:…`. The one rule: an id or record resolves to the customer that holds the record now, and no error
text holds what was asked for.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.errors import RefusedError
from onevoice.identity.normalise import fold_email
from onevoice.mapping.phone import to_e164
from onevoice.messages import RecordRef
from onevoice.store.members import holders
from onevoice.store.tables import source_record

FORMS = "write an id, rec:<system>:<stream>:<key>, phone:+<country code and number> or email:<address>"
_NO_REGION = "ZZ"  # a number without its country code belongs to nobody in particular


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference that was understood: exactly one of the three is set."""

    record_id: UUID | None = None
    record: RecordRef | None = None
    point: str | None = None


def parse_reference(text: str) -> Reference:
    """Return what a reference names, its contact point normalised.

    Raises:
        RefusedError: it is none of the four forms.
    """
    kind, _, rest = text.partition(":")
    if kind == "rec":
        parts = rest.split(":", 2)
        if len(parts) == 3 and all(parts):
            return Reference(record=RecordRef(system=parts[0], stream=parts[1], key=parts[2]))
    elif kind == "phone":
        # In a query a plus sign that was not escaped arrives as a blank.
        number = to_e164(f"+{rest[1:]}" if rest.startswith(" ") else rest, _NO_REGION)
        if number is not None:
            return Reference(point=f"phone:{number}")
    elif kind == "email":
        address = fold_email(rest)
        if address:
            return Reference(point=f"email:{address}")
    else:
        try:
            return Reference(record_id=UUID(text))
        except ValueError:
            pass
    raise RefusedError(f"customer reference not understood: {FORMS}")


def customers_of(connection: Connection, reference: Reference) -> list[UUID]:
    """Return the customers that a reference fits, sorted; none when nothing is known under it.

    A record that is about somebody (a call, an order) stands for those that it is about. Of a contact point the holders
    count whose record still stands; where none does, the former ones.
    """
    if reference.point is not None:
        return holders_of(connection, [reference.point]).get(reference.point, [])
    row = connection.execute(
        select(source_record).where(
            source_record.c.id == reference.record_id
            if reference.record is None
            else (source_record.c.system == reference.record.system)
            & (source_record.c.stream == reference.record.stream)
            & (source_record.c.key == reference.record.key)
        )
    ).one_or_none()
    if row is None:
        return []
    if row.customer_id is not None:
        return [row.customer_id]
    if row.party_key is not None:
        party = RecordRef(system=row.system, stream=row.party_stream, key=row.party_key)
        return _holder_of_record(connection, party)
    return holders_of(connection, [row.point]).get(row.point, []) if row.point is not None else []


def _holder_of_record(connection: Connection, ref: RecordRef) -> list[UUID]:
    statement = select(source_record.c.customer_id).where(
        source_record.c.system == ref.system, source_record.c.stream == ref.stream, source_record.c.key == ref.key
    )
    found: UUID | None = connection.execute(statement).scalar_one_or_none()
    return [found] if found is not None else []


def holders_of(connection: Connection, points: Collection[str]) -> dict[str, list[UUID]]:
    """Return the customers that hold each of the contact points, sorted; points that nobody holds are left out."""
    standing: dict[str, set[UUID]] = defaultdict(set)
    former: dict[str, set[UUID]] = defaultdict(set)
    for point, customer, deleted in holders(connection, points):
        (former if deleted else standing)[point].add(customer)
    return {point: sorted(some) for point, some in (former | standing).items()}
