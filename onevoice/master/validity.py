"""Validity: from when until when a record says that an entry of a list (an address, an e-mail, a number) holds.

Takes canonical values, gives what is in force and the days on which that changes. The one rule: what is in force
follows from the values and from a day that is given, never from a clock.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

from onevoice.master.claims import Claim
from onevoice.messages import Json

LISTS = ("emails", "phones", "addresses")


def in_force(claims: Iterable[Claim], as_of: date) -> list[Claim]:
    """Return the claims that hold on a day; a claim without dates always does."""
    day = as_of.isoformat()
    return [
        claim
        for claim in claims
        if (claim.valid_from is None or claim.valid_from <= day)
        and (claim.valid_until is None or claim.valid_until >= day)
    ]


def turning_days(canonical: Json) -> frozenset[date]:
    """Return the days on which an entry of a record begins to hold, or does not hold any more."""
    days = set[date]()
    for name in LISTS:
        for entry in canonical.get(name) or ():
            begins, ends = day_of(entry.get("valid_from")), day_of(entry.get("valid_until"))
            if begins is not None:
                days.add(begins)
            if ends is not None and ends < date.max:
                days.add(ends + timedelta(days=1))
    return frozenset(days)


@lru_cache(maxsize=4096)
def day_of(text: str | None) -> date | None:
    """Return the day that a canonical record names; None for what is no day."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
