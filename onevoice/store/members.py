"""Customers, their records and the contact points that these carry: as parts of larger selects, and many at once."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Connection, Row, Select, Uuid, bindparam, literal, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from onevoice.messages import RecordRef
from onevoice.store.bulk import among, rows_by_keys
from onevoice.store.tables import record_key, source_record


class _LookedUp(FunctionElement[bool]):
    """See `looked_up`."""

    type = Boolean()
    name = "looked_up"
    inherit_cache = True


@compiles(_LookedUp)
def _in(element: _LookedUp, compiler: Any, **options: Any) -> str:
    key, keys = element.clauses
    return f"{compiler.process(key, **options)} in {compiler.process(keys, **options)}"


@compiles(_LookedUp, "postgresql")
def _any(element: _LookedUp, compiler: Any, **options: Any) -> str:
    key, keys = element.clauses
    return f"{compiler.process(key, **options)} = any(array{compiler.process(keys, **options)})"


def looked_up(key: ColumnElement[Any], keys: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a key is one of a few that a select gives; PostgreSQL looks each up by its index.

    As `in` it might go through the whole index instead, which it finds cheap where the table is still small.
    """
    return _LookedUp(key, keys.scalar_subquery())


IS_POINT = or_(record_key.c.key.like("email:%"), record_key.c.key.like("phone:%"))
"""Of a block key: it is a contact point."""
CUSTOMER = bindparam("customer", type_=Uuid())
"""The parameter that names the customer in all of them."""
MEMBER = (
    select(*(source_record.c[name] for name in ("id", "system", "stream", "key", "deleted", "occurred_at")))
    .where(source_record.c.customer_id == CUSTOMER)
    .cte("member")
)
"""Its records, read once however many parts of a statement go by them."""
POINT = (
    select(record_key.c.key, record_key.c.record_id)
    .join_from(MEMBER, record_key, record_key.c.record_id == MEMBER.c.id)
    .where(IS_POINT)
    .cte("point")
)
"""The contact points that each of its records carries."""
POINTS: Select[Any] = select(POINT.c.key)
REFERENCES: Select[Any] = select(
    (literal("rec:") + MEMBER.c.system + ":" + MEMBER.c.stream + ":" + MEMBER.c.key).label("reference")
)
"""Its records as they are written, `rec:<system>:<stream>:<key>`."""


def holders(connection: Connection, points: Collection[str]) -> Sequence[Row[Any, Any, Any]]:
    """Return (key, customer_id, deleted) of each record of a customer that carries one of the contact points."""
    if not points:
        return []
    carrying = select(record_key.c.key, source_record.c.customer_id, source_record.c.deleted)
    carrying = carrying.join_from(record_key, source_record, source_record.c.id == record_key.c.record_id)
    carrying = carrying.where(among(connection, record_key.c.key, points), source_record.c.customer_id.is_not(None))
    return connection.execute(carrying).all()


def customers_at(connection: Connection, points: Collection[str], refs: Collection[RecordRef] = ()) -> set[UUID]:
    """Return the customers that hold any of the contact points or records."""
    keys = [(ref.system, ref.stream, ref.key) for ref in refs]
    column = [source_record.c.customer_id]
    rows = rows_by_keys(connection, source_record, column, key=("system", "stream", "key"), keys=keys)
    found = {row.customer_id for row in (*rows, *holders(connection, points))}
    return found - {None}
