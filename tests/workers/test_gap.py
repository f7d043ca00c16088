"""A value that a target's mapping has no way to write: told at what that system is owed, while its source flows."""

from __future__ import annotations

from pathlib import Path

import pytest

from onevoice.store import Store
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from tests.mapping.desk import MAPPING, TICKET
from tests.workers.desk import Desk, desk_root, opened
from tests.workers.walk import ERP

TABLE = MAPPING.replace("name.given: given", "name.given: {from: given, values: {Ann: Ann, Anna: Anna}}")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return desk_root(tmp_path_factory.mktemp("gap") / "hub", TABLE)


@pytest.mark.parametrize("family", ["Lee", "Leigh"])
def test_a_gap_sets_aside_what_is_owed_and_not_what_brought_it(store: Store, root: Path, family: str) -> None:
    walk = opened(store, root)
    desk = walk.systems.given["desk"]
    assert isinstance(desk, Desk)
    walk.arrive("desk", "ticket", desk.put(TICKET))
    for _ in range(60):
        walk.erp.tick()
    person = {"customer_no": "K2", "first_name": "Annie", "last_name": family, "email": "ann@example.com"}
    walk.arrive("erp", "customers", walk.erp.put(ERP | person))
    two = (walk.record("desk", "7").customer_id, walk.record("erp", "K2").customer_id)
    if len({*two}) == 2:
        Judging(walk.store, walk.ingest).merge(*two, actor="ann", reason="same passport")
    assert walk.rows(t.quarantine) == []
    walk.settle()
    assert desk.records["7"] | {"changed": ""} == TICKET | {"changed": "", "family": family}
    owed = walk.obligation("desk")
    assert owed.state == "refused"
    assert "name.given" in owed.last_error
    assert "obligation resend" in owed.last_error
    assert "Annie" not in owed.last_error
    walk.arrive("erp", "customers", walk.erp.change("K2", first_name="Anna"))
    walk.settle()
    assert desk.records["7"]["given"] == "Anna"
    assert walk.obligation("desk").state == "verified"
