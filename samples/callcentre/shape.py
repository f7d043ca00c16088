"""The call centre's view of the world: telephone numbers that called, and requests not to be called.

`call(...)` and `do_not_call(...)` give events as the centre publishes them. It knows numbers, not people: a withheld
number is the empty string, and a landline may be anybody of the household.
"""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

from samples.people.calendar import AS_OF, Calendar, stamp

QUEUES = ("service", "sales", "billing")
SUBJECTS = ("Delivery question", "Invoice question", "New order", "Return", "Complaint", "Opening hours", None)
COST_PER_SECOND = Decimal("0.0075")


def call(serial: int, number: str, calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One finished call. `number` is in E.164, or empty when withheld."""
    outbound = bool(number) and chance.random() < 0.25
    outcome = chance.choices(("answered", "abandoned", "voicemail"), (82, 12, 6) if not outbound else (60, 10, 30))[0]
    talk = int(chance.lognormvariate(5.1, 0.7)) if outcome == "answered" else 0
    started = calendar.moment(since=AS_OF - timedelta(days=365), until=AS_OF - timedelta(hours=2)).replace(
        microsecond=0
    )
    ended = started + timedelta(seconds=talk + chance.randrange(5, 90))
    return {
        "call_id": f"C-{serial:06d}",
        "number": number,
        "direction": "outbound" if outbound else "inbound",
        "started_at": stamp(started),
        "ended_at": stamp(ended),
        "queue": "sales" if outbound else chance.choice(QUEUES),
        "agent": f"agent-{chance.randrange(1, 13):02d}",
        "outcome": outcome,
        "talk_seconds": talk,
        "cost": str((COST_PER_SECOND * talk).quantize(Decimal("0.01"))),
        "currency": "GBP",
        "confirmed": None,
        "dialled": None,
        "campaign": "spring-offer-2026" if outbound else None,
        "subject": None if outbound else chance.choice(SUBJECTS),
        "insight": None,
        "updated_at": stamp(ended + timedelta(microseconds=chance.randrange(1_000_000))),
    }


def do_not_call(serial: int, channel: str, point: str, calendar: Calendar, chance: random.Random) -> dict[str, Any]:
    """One request not to be contacted any more at a point (E.164 or e-mail address)."""
    return {
        "entry_id": f"D-{serial:06d}",
        "channel": channel,
        "point": point,
        "requested_at": stamp(calendar.moment(since=AS_OF - timedelta(days=365))),
        "source": chance.choice(("caller", "web")),
        "note": chance.choice(("Asked not to be called about offers", "Wrong number, do not try again", None)),
    }
