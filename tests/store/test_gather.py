"""Several selects in one round trip: the same rows and types as one after the other, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import Uuid, bindparam, select

from onevoice.store import Gathering, Store
from onevoice.store.tables import customer, record_key

NOW = datetime(2024, 12, 3, 9, 14, 5, 250114, tzinfo=UTC)
WHO = bindparam("who", type_=Uuid())
BOTH = Gathering(
    itself=select(customer).where(customer.c.id == WHO),
    keys=select(record_key.c.key, record_key.c.record_id)
    .where(record_key.c.record_id == WHO, record_key.c.key.startswith("email:"))
    .order_by(record_key.c.key.desc())
    .limit(2),
)


def test_rows_of_each_come_back_with_their_types(store: Store) -> None:
    who, nobody = uuid4(), uuid4()
    golden = {"name": {"given": "Zoë", "family": "O'Hara"}, "list": [1, 2.5, None, True], "empty": {}}
    row = {"id": who, "type": "person", "golden": golden, "revision": 7, "updated_at": NOW}
    with store.transaction() as connection:
        connection.execute(customer.insert().values(row))
        for key in ("email:a", "email:b", "email:c", "phone:1"):
            connection.execute(record_key.insert().values(key=key, record_id=who))

    with store.reading() as connection:
        found, none = BOTH.rows(connection, who=who), BOTH.rows(connection, who=nobody)

    (itself,) = found["itself"]
    assert {name: getattr(itself, name) for name in row} == row
    assert [(one.key, one.record_id) for one in found["keys"]] == [("email:c", who), ("email:b", who)]
    assert (list(none["itself"]), list(none["keys"])) == ([], [])
