"""What is owed is asked for: whatever happens in the systems, nothing is owed that is not in the ledger as open.

Ingest asks only where something moved; this holds it to what a look at everything finds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from onevoice.errors import TransientError
from onevoice.messages import WriteOutcome
from onevoice.store import tables as t
from tests.workers.fakes import FakeSystem, failure, outcome
from tests.workers.walk import CRM, ERP, SHOP, Walk, do_not_call

STEPS = 60
MOBILES = ("+447400123456", "+447400123457", None)
EMAILS = ("ann@example.com", "lee@example.org", None)
NAMES = ("Ann", "Anne")


class Life:
    """Two people in three systems, and what may happen to them."""

    def __init__(self, walk: Walk, chance: random.Random) -> None:
        self.walk, self.chance = walk, chance
        self.seen: Counter[str] = Counter()
        walk.arrive("crm", "Contact", walk.crm.put(CRM | {"MobilePhone": MOBILES[0], "Email": EMAILS[0]}))
        walk.arrive("erp", "customers", walk.erp.put(ERP | {"mobile": "07400 123456", "email": EMAILS[1]}))
        walk.arrive("shop", "customers", walk.shop.put(SHOP | {"phone": MOBILES[1], "email": EMAILS[0]}))

    def step(self) -> None:
        act = self.chance.choice([self.say, self.say, self.stamp, self.deliver, self.deliver, self.object, self.block])
        self.seen[act.__name__] += 1
        act()

    def say(self) -> None:
        """Somebody types something in one system, and it is read at once or only later."""
        pick = self.chance.choice
        system, stream, held, key, fields = pick(
            [
                ("crm", "Contact", self.walk.crm, "003A", {"Email": pick(EMAILS), "FirstName": pick(NAMES)}),
                ("crm", "Contact", self.walk.crm, "003A", {"MobilePhone": pick(MOBILES)}),
                ("erp", "customers", self.walk.erp, str(ERP["customer_no"]), {"email": pick(EMAILS)}),
                ("shop", "customers", self.walk.shop, str(SHOP["id"]), {"email": pick(EMAILS[:2])}),
            ]
        )
        record = held.change(key, **fields)
        if self.chance.random() < 0.7:
            self.walk.arrive(system, stream, record)

    def stamp(self) -> None:
        """A system tells of a record in which nothing changed but its version."""
        for system, stream, held in self.held():
            key = next(iter(held.records))
            self.walk.arrive(system, stream, held.change(key))

    def object(self) -> None:
        self.walk.arrive("crm", "Contact", self.walk.crm.change("003A", DoNotCall=self.chance.random() < 0.5))

    def block(self) -> None:
        self.walk.take(do_not_call(self.chance.randrange(1, 90), entry_id=f"D{self.seen['block']}", point=MOBILES[0]))

    def deliver(self) -> None:
        """What is due goes out; a system may be away, or say that the record changed."""
        _, _, held = self.chance.choice(self.held())
        mishap = self.chance.choice([None, failure(TransientError("away")), outcome(WriteOutcome.CONFLICT)])
        if mishap is not None:
            held.answers.append(mishap)
        self.walk.hurry()
        self.walk.deliver()
        held.answers.clear()

    def held(self) -> list[tuple[str, str, FakeSystem]]:
        walk = self.walk
        return [
            ("crm", "Contact", walk.crm),
            ("erp", "customers", walk.erp),
            ("shop", "customers", walk.shop),
        ]


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_owed_that_is_not_in_the_ledger_as_open(new_walk: Callable[[], Walk], seed: int) -> None:
    walk = new_walk()
    life = Life(walk, random.Random(seed))
    owed_at_times = 0
    for step in range(STEPS):
        life.step()
        opened = {
            (row.system, row.lane, row.stream, row.target) for row in walk.rows(t.obligation) if row.state != "verified"
        }
        owed = {(w.system, w.lane.value, w.stream, w.target) for w in walk.owed()}
        assert owed <= opened, f"step {step}: {owed - opened} is owed and was not asked for"
        owed_at_times += bool(owed)
    assert owed_at_times > STEPS / 5
    assert min(life.seen.values()) > 2
