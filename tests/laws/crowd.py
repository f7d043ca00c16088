"""A crowd of few names, mailboxes and days of birth in two systems, so small that every limit is crossed at every turn.

`explore` plays many of them through the live path and holds each to the oracle; it counts the crossings of limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from onevoice.identity import Profile, people_at, profile
from onevoice.messages import Envelope, RecordRef
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from onevoice.workers.oracle import check_oracle
from tests.workers.walk import Walk, crm, envelope, shop

CAP, HOUSEHOLD, BRIDGE, LARGEST = 5, 2, 18.0, 4
KINDS = {"email": "household", "ad": "home"}
CROSSINGS = ("cap up", "cap down", "household up", "household down", "home up", "home down")
"""Those that a crowd makes; bridges of two and two are held and taken in `tests.workers.test_oracle`."""
LOW_LIMITS = {"cap": CAP, "household_limit": HOUSEHOLD, "max_size": LARGEST}

PEOPLE = st.builds(
    dict,
    given=st.sampled_from(["Ann", "Annie", "Bob", "Cy", "Dora", "Eve"]),
    family=st.sampled_from(["Lee", "Leigh"]),
    mail=st.sampled_from([None, "lee@example.com", "lee@example.com", "lee@example.com", "own@example.com"]),
    born=st.sampled_from([None, "1980-02-03", "1999-09-09"]),
    street=st.sampled_from([*[None] * 9, "1 High Road", "1 Hihg Road", "2 High Road"]),
    key=st.integers(0, 3),
    system=st.sampled_from(["crm", "shop"]),
    deleted=st.sampled_from([False] * 7 + [True]),
)


def arrival(person: dict[str, Any], day: int) -> Envelope:
    if person["system"] == "crm":
        key = f"00{person['key']}A"
        if person["deleted"]:
            return envelope("crm", "Contact", day, deleted=key)
        return crm(
            day, Id=key, FirstName=person["given"], LastName=person["family"], Email=person["mail"],
            Birthdate=person["born"], MailingStreet=person["street"], MailingPostalCode=person["street"] and "M1 1AA",
        )  # fmt: skip
    if person["deleted"]:
        return envelope("shop", "customers", day, deleted=str(person["key"]))
    return shop(
        day, id=person["key"], first_name=person["given"], last_name=person["family"], birth_date=person["born"],
        email=person["mail"] or f"{person['key']}@example.org",
        default_address=person["street"] and {"street": person["street"], "zip": "M1 1AA"},
    )  # fmt: skip


def lowered(walk: Walk) -> Walk:
    """Let a hub have limits that a few records cross."""
    model = replace(walk.ingest.model, **LOW_LIMITS)
    walk.ingest = replace(walk.ingest, model=replace(model, marks=replace(model.marks, bridge=BRIDGE)))
    return walk


def crossings(walk: Walk) -> dict[str, tuple[bool, bool]]:
    """Of each mailbox and home: whether it is crowded, and whether it is more than a household's, or one person's."""
    holders: dict[str, list[Profile]] = {}
    records = {row.id: row for row in walk.rows(t.source_record)}
    for row in walk.rows(t.record_key):
        record = records[row.record_id]
        holders.setdefault(row.key, []).append(profile(record.canonical or {}, record.type, walk.ingest.model))
    return {
        key: (len(found) > CAP, people_at(key, found, walk.ingest.model) > (1 if key.startswith("ad:") else HOUSEHOLD))
        for key, found in holders.items()
        if key.startswith(("email:", "ad:"))
    }


def run(walk: Walk, people: list[dict[str, Any]], batch: int, said: tuple[int, int] | None, seen: Counter[str]) -> None:
    before: dict[str, tuple[bool, bool]] = {}
    for start in range(0, len(people), batch):
        walk.take(*[arrival(person, 1 + start + n) for n, person in enumerate(people[start : start + batch])])
        after = crossings(walk)
        for key in before.keys() & after.keys():
            for name, was, now in zip(("cap", KINDS[key.partition(":")[0]]), before[key], after[key], strict=True):
                if was != now:
                    seen[f"{name} {'up' if now else 'down'}"] += 1
        before = after
    if said is not None:
        a, b = (RecordRef(system="shop", stream="customers", key=str(n)) for n in said)
        Judging(walk.store, walk.ingest).say("same", a, b, actor="ann", reason="told")


def differences(walk: Walk) -> tuple[Any, ...]:
    return check_oracle(walk.store, walk.ingest.model).differences


def explore(make: Callable[[], Walk], *, examples: int, part: int = 0, shrink: bool = True) -> Counter[str]:
    """Play many small crowds; returns how often each limit was crossed each way.

    Args:
        make: gives a hub on an empty store with `lowered` limits.
        examples: how many crowds.
        part: another number gives other crowds.
        shrink: make the crowd that fails smaller; costs as much again.
    """
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    seen: Counter[str] = Counter()

    @seed(part)
    @settings(max_examples=examples, deadline=None, database=None, phases=phases,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(
        st.lists(PEOPLE, min_size=20, max_size=40),
        st.integers(1, 3),
        st.none() | st.tuples(st.integers(0, 1), st.integers(2, 3)),
    )
    def play(people: list[dict[str, Any]], batch: int, said: tuple[int, int] | None) -> None:
        walk = make()
        run(walk, people, batch, said, seen)
        assert differences(walk) == ()

    play()
    return seen
