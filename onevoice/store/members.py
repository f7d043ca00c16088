"""The records of one customer and the contact points that they carry, as parts of larger selects."""

from typing import Any

from sqlalchemy import Select, Uuid, bindparam, literal, or_, select

from onevoice.store.tables import record_key, source_record

IS_POINT = or_(record_key.c.key.like("email:%"), record_key.c.key.like("phone:%"))
"""Of a block key: it is a contact point."""
CUSTOMER = bindparam("customer", type_=Uuid())
"""The parameter that names the customer in all of them."""
MEMBER = source_record.alias("member")
MEMBERS: Select[Any] = select(MEMBER.c.id).where(MEMBER.c.customer_id == CUSTOMER)
"""Ids of its records."""
POINTS: Select[Any] = select(record_key.c.key).where(record_key.c.record_id.in_(MEMBERS), IS_POINT)
"""Its contact points."""
REFERENCES: Select[Any] = select(
    (literal("rec:") + MEMBER.c.system + ":" + MEMBER.c.stream + ":" + MEMBER.c.key).label("reference")
).where(MEMBER.c.customer_id == CUSTOMER)
"""Its records as they are written, `rec:<system>:<stream>:<key>`."""
