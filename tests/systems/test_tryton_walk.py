"""The walk with a real Tryton as the ERP: everything is read, what others say reaches it, and nothing echoes.

Each test takes a person of its own, and what it changes it lets come to rest.
"""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from onevoice.store.tables import quarantine
from onevoice.testing.evaluate import evaluate
from tests.systems.walk import NO_EMAIL, NO_PHONE, Ref, Walk

pytestmark = pytest.mark.timeout(240)


def test_all_records_are_in_the_master(walk: Walk) -> None:
    expected = {pair: len(rows) for pair, rows in walk.population.records.items() if pair[0] != "erp"}
    expected["erp", "party"] = len(walk.parties)
    assert walk.counts() == expected
    with walk.hub.store.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(quarantine)).scalar_one() == 0
    truth = walk.truth()
    quality = evaluate({ref: owner for ref, owner in walk.customer_ids().items() if ref in truth}, truth)
    print(quality, quality.f1)
    assert walk.owed() == []
