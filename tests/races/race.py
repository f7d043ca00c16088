"""Races between deciding and sending: an opt-out or an answer lands at any point in between, on PostgreSQL.

Each pair of workers tries one contact at a time: one redeems and sends, the other says something at a random moment
around it, through the hub's own ways in: an act stated at the point or at the record, a flag in the CRM, a call to the
campaign's number. Some trials say what does not concern the contact, and must not stop it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from onevoice.consent import Answer, Gate, Holding, Question
from onevoice.messages import Act, Permission, RecordRef
from onevoice.store import Store
from onevoice.store import tables as t
from onevoice.workers.acts import Acts
from onevoice.workers.contacts import Contacts, Wish
from tests.races.ledger import Counted, Tried, check, number_commits
from tests.workers.fakes import delivery_of
from tests.workers.walk import Walk, crm, envelope, sample_hub

AT = datetime(2026, 7, 1, tzinfo=UTC)
SAYINGS = ("act at point", "act at record", "flag", "call", "another purpose", "another thread", "nothing")
STOPPING = frozenset(SAYINGS[:4])
WEIGHTS = (3, 3, 2, 2, 1, 1, 1)
CONTENT = "Dear customer, 20 % off"
CAPPED = 50


class Credulous(Gate):
    """A gate that lets everything through: the re-check is off."""

    def may_contact(self, holding: Holding, asked: Question) -> Answer:
        return Answer(allowed=True, permission=Permission.ALLOWED, because=())


@dataclass
class Channels:
    """Fake channels: what really arrived, by the id of the contact."""

    arrived: dict[UUID, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, contact: UUID) -> None:
        with self._lock:
            self.arrived[contact] = self.arrived.get(contact, 0) + 1


@dataclass
class Race:
    """Trials on one store; the last `capped` customers are kept for the trials at a cap of one."""

    store: Store
    folder: Path
    trials: int
    capped: int
    recheck: bool = True
    seed: int = 1

    def __post_init__(self) -> None:
        self.walk = Walk(self.store, *sample_hub(self.folder))
        gate = self.walk.gate
        self.offering = Contacts(store=self.store, gate=gate)
        blind = Credulous(rules=gate.rules, clock_bound=gate.clock_bound, bounds=gate.bounds, clock=gate.clock)
        self.redeeming = self.offering if self.recheck else replace(self.offering, gate=blind)
        act = self.walk.ingest.catalog.canonical("act")
        self.acts = Acts(contract=act, store=self.store, ingest=self.walk.ingest, gate=gate)
        self.channels = Channels()
        self.window = 0.02

    def run(self, *, pairs: int, batch: int = 200) -> Counted:
        number_commits(self.store)
        everybody = range(self.trials + self.capped)
        for start in range(0, len(everybody), batch):
            some = everybody[start : start + batch]
            self.walk.take(*(crm(1, **_person(i)) for i in some))
            with self.store.transaction() as connection:
                connection.execute(t.act.insert(), [_grant(i, p) for i in some for p in ("marketing", "survey")])
        with ThreadPoolExecutor(pairs) as pool:
            tried = list(pool.map(self._trial, range(self.trials)))
        for i in range(self.trials, self.trials + self.capped):
            self._at_the_cap(i)
        counted = check(self.store, tried, self.channels.arrived)
        return replace(counted, wrong_contacts=counted.wrong_contacts + self._over_the_cap())

    def _trial(self, i: int) -> Tried:
        rng = random.Random(f"{self.seed} {i}")
        saying = rng.choices(SAYINGS, WEIGHTS)[0]
        thread = f"c{i}"
        wish = Wish(
            reference=f"rec:crm:Contact:{_key(i)}", point=_mail(i), channel="email", purpose="marketing", thread=thread
        )
        offered = self.offering.offer(wish, content=CONTENT)
        assert offered.token is not None
        assert offered.id is not None
        together = threading.Barrier(2)
        wait = rng.uniform(0, self.window)

        def say() -> None:
            together.wait()
            began = time.perf_counter()
            self._say(saying, i, thread)
            # An opt-out takes longer than a redemption: keep the moments of both about as likely to be first.
            self.window = 0.95 * self.window + 0.05 * 2 * (time.perf_counter() - began)

        speaker = threading.Thread(target=say)
        speaker.start()
        together.wait()
        time.sleep(wait)
        self._send(offered.token, offered.id, _mail(i), "marketing")
        speaker.join()
        place = {"act at point": _mail(i), "call": _phone(i)}.get(saying, _key(i))
        return Tried(
            contact=offered.id,
            point=_mail(i),
            stopping=place if saying in STOPPING else "",
            thread=thread if saying == "call" else "",
        )

    def _say(self, saying: str, i: int, thread: str) -> None:
        if saying == "act at point":
            self.acts.state(_no(anchor_point=_mail(i)), by="race")
        elif saying == "act at record":
            self.acts.state(_no(anchor_record=RecordRef(system="crm", stream="Contact", key=_key(i))), by="race")
        elif saying == "flag":
            self._take(crm(200, **_person(i), HasOptedOutOfEmail=True))  # later than the grant, which would lift it
        elif saying in ("call", "another thread"):
            campaign = thread if saying == "call" else "another"
            number = _phone(i).removeprefix("phone:")
            call = {"call_id": f"C{i}", "number": number, "direction": "inbound", "campaign": campaign}
            self._take(envelope("callcentre", "call", 2, **call))
        elif saying == "another purpose":
            self.acts.state(_no(anchor_point=_mail(i), purpose="survey"), by="race")

    def _take(self, one: Any) -> None:
        self.walk.ingest.take([delivery_of(one)], lease=self.walk.lease)

    def _send(self, token: str, contact: UUID, point: str, purpose: str) -> None:
        """The last component under the hub's control: it sends what was committed, and nothing else."""
        if self.redeeming.redeem(token, point=point, purpose=purpose, content=CONTENT).committed:
            self.channels.send(contact)

    def _at_the_cap(self, i: int) -> None:
        """Many workers at once, each with a token of its own, for a customer that may be asked once."""
        wish = Wish(reference=f"rec:crm:Contact:{_key(i)}", point=_mail(i), channel="email", purpose="survey")
        offered = [self.offering.offer(wish, content=CONTENT) for _ in range(CAPPED)]
        together = threading.Barrier(CAPPED)

        def attempt(one: Any) -> None:
            together.wait()
            self._send(one.token, one.id, _mail(i), "survey")

        with ThreadPoolExecutor(CAPPED) as pool:
            list(pool.map(attempt, offered))

    def _over_the_cap(self) -> int:
        """Contacts beyond, or short of, the one that each customer at the cap may and must get."""
        arrived = [row for row in self.walk.rows(t.contact, purpose="survey") if row.id in self.channels.arrived]
        found: Sequence[int] = [
            sum(row.point == _mail(i) for row in arrived) for i in range(self.trials, self.trials + self.capped)
        ]
        return sum(abs(count - 1) for count in found)


def _no(**where: Any) -> Act:
    values = {
        "id": uuid4(), "kind": "withdrawal", "channel": "email", "purpose": "marketing", "reason": "unsubscribe",
        "time": datetime.now(UTC), "source": RecordRef(system="hub", stream="act", key=""),
    }  # fmt: skip
    return Act(**(values | where))


def _person(i: int) -> dict[str, Any]:
    born = datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=i)
    name = "".join(chr(ord("a") + int(digit)) for digit in f"{i:06}")
    return {
        "Id": _key(i), "FirstName": name[::-1].title(), "LastName": name.title(), "Birthdate": born.date().isoformat(),
        "Email": _mail(i).removeprefix("email:"), "MobilePhone": _phone(i).removeprefix("phone:"),
    }  # fmt: skip


def _key(i: int) -> str:
    return f"003{i:06}"


def _mail(i: int) -> str:
    return f"email:p{i}@example.com"


def _phone(i: int) -> str:
    return f"phone:+447400{i:06}"


def _grant(i: int, purpose: str) -> dict[str, Any]:
    return {
        "id": uuid4(), "kind": "grant", "channel": "email", "purpose": purpose, "controller": "default",
        "reason": "grant", "time": AT, "recorded_at": AT, "evidence": {"text": "signed"}, "anchor_system": "crm",
        "anchor_stream": "Contact", "anchor_key": _key(i), "source_system": "crm", "source_stream": "Contact",
        "source_key": _key(i),
    }  # fmt: skip
