"""Live matching ends where a plain look at every pair ends, also while limits are crossed both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from onevoice.identity import Edge, JudgedPair, Limits, Member, Profile, cluster, group, holders_of, profile
from onevoice.messages import Envelope, RecordRef
from onevoice.store import open_store
from onevoice.store import tables as t
from onevoice.workers import oracle
from onevoice.workers.customers.judging import Judging
from onevoice.workers.ingest import compare, surroundings
from onevoice.workers.oracle import check_oracle
from tests.workers.walk import Walk, crm, envelope, sample_hub, shop

CAP, HOUSEHOLD, BRIDGE, LARGEST = 5, 2, 18.0, 4
EXAMPLES, LEAST, LEAST_BRIDGES = 100, 50, 15
LOW_LIMITS = {"cap": CAP, "household_limit": HOUSEHOLD, "max_size": LARGEST}

PEOPLE = st.builds(
    dict,
    given=st.sampled_from(["Ann", "Annie", "Bob", "Cy", "Dora", "Eve"]),
    family=st.sampled_from(["Lee", "Leigh"]),
    mail=st.sampled_from([None, "lee@example.com", "lee@example.com", "lee@example.com", "own@example.com"]),
    born=st.sampled_from([None, "1980-02-03", "1999-09-09"]),
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
            Birthdate=person["born"],
        )  # fmt: skip
    if person["deleted"]:
        return envelope("shop", "customers", day, deleted=str(person["key"]))
    return shop(
        day, id=person["key"], first_name=person["given"], last_name=person["family"], birth_date=person["born"],
        email=person["mail"] or f"{person['key']}@example.org",
    )  # fmt: skip


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Walk]:
    config, catalog = sample_hub(tmp_path_factory.mktemp("oracle"))

    def walk() -> Walk:
        store = open_store("sqlite://")
        store.create_tables()
        made = Walk(store, config, catalog)
        model = replace(made.ingest.model, **LOW_LIMITS)
        made.ingest = replace(made.ingest, model=replace(model, marks=replace(model.marks, bridge=BRIDGE)))
        return made

    return walk


def crossings(walk: Walk) -> dict[str, tuple[bool, bool]]:
    """Of each contact point: whether it is crowded, and whether more than a household holds it."""
    holders: dict[str, list[Profile]] = {}
    records = {row.id: row for row in walk.rows(t.source_record)}
    for row in walk.rows(t.record_key):
        record = records[row.record_id]
        holders.setdefault(row.key, []).append(profile(record.canonical or {}, record.type, walk.ingest.model))
    return {
        key: (len(found) > CAP, holders_of(found, walk.ingest.model) > HOUSEHOLD)
        for key, found in holders.items()
        if key.startswith("email:")
    }


def held(walk: Walk) -> dict[tuple[Any, Any], bool]:
    """Of each two records that the evidence links: whether a rule of grouping keeps them apart all the same."""
    customers = {row.id: row.customer_id for row in walk.rows(t.source_record)}
    links = [row for row in walk.rows(t.pair) if row.outcome == "link"]
    return {(row.a, row.b): customers[row.a] != customers[row.b] for row in links}


def run(walk: Walk, people: list[dict[str, Any]], batch: int, said: tuple[int, int] | None, seen: Counter[str]) -> None:
    before: dict[str, tuple[bool, bool]] = {}
    stood: dict[tuple[Any, Any], bool] = {}
    for start in range(0, len(people), batch):
        walk.take(*[arrival(person, 1 + start + n) for n, person in enumerate(people[start : start + batch])])
        after = crossings(walk)
        for key in before.keys() & after.keys():
            for name, was, now in zip(("cap", "household"), before[key], after[key], strict=True):
                if was != now:
                    seen[f"{name} {'up' if now else 'down'}"] += 1
        before = after
        links = held(walk)
        for pair in stood.keys() & links.keys():
            if stood[pair] != links[pair]:
                seen[f"bridge {'held' if links[pair] else 'taken'}"] += 1
        stood = links
    if said is not None:
        a, b = (RecordRef(system="shop", stream="customers", key=str(n)) for n in said)
        Judging(walk.store, walk.ingest).say("same", a, b, actor="ann", reason="told")


def differences(walk: Walk) -> tuple[Any, ...]:
    return check_oracle(walk.store, walk.ingest.model).differences


def explore(make: Callable[[], Walk], *, shrink: bool = True) -> Counter[str]:
    """Play many small populations; returns how often each limit was crossed each way."""
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    seen: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=phases,
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
        walk.store.close()

    play()
    return seen


def test_live_matching_ends_where_all_pairs_end_while_limits_are_crossed_both_ways(make: Callable[[], Walk]) -> None:
    seen = explore(make)
    assert {name for name in ("cap up", "cap down", "household up", "household down") if seen[name] < LEAST} == set()
    assert min(seen["bridge held"], seen["bridge taken"]) >= LEAST_BRIDGES, seen


def test_grouping_is_the_plain_one_while_bridges_of_two_and_two_are_held_and_taken() -> None:
    counted: Counter[str] = Counter()
    numbers = range(6)
    every = list(combinations(numbers, 2))

    @settings(max_examples=1000, deadline=None, derandomize=True, database=None)
    @given(
        st.lists(st.sampled_from([-20.0, 10.0, 21.0, 22.0, 30.0]), min_size=len(every), max_size=len(every)),
        st.lists(st.sampled_from(["", "", "A", "B"]), min_size=6, max_size=6),
        st.dictionaries(st.sampled_from(every), st.sampled_from(["same", "different"]), max_size=2),
        st.sampled_from([3, 4, 6]),
    )
    def play(scores: list[float], ids: list[str], said: dict[tuple[int, int], str], largest: int) -> None:
        score_of = dict(zip(every, scores, strict=True))
        links = [Edge(a=a, b=b, score=s) for (a, b), s in score_of.items() if s > 20]
        links += [Edge(a=a, b=b, score=0, trusted=True) for a, b in [(0, 1)] if score_of[0, 1] <= 20]
        members = [
            Member(
                id=n,
                type="person",
                sort_key=("crm", "Contact", str(n)),
                own=[("national_id", ids[n])] if ids[n] else (),
            )
            for n in numbers
        ]
        judged = [JudgedPair(verdict=verdict, a=a, b=b) for (a, b), verdict in said.items()]
        limits = Limits(bridge=12.0, max_size=largest, link=20.0)
        found = group(members, links, judged, limits, lambda a, b: score_of[min(a, b), max(a, b)])

        scene = SimpleNamespace(
            rows={n: SimpleNamespace(system="crm", stream="Contact", key=str(n), type="person") for n in numbers},
            seen={n: replace(Profile(type="person"), national_id=ids[n]) for n in numbers},
            model=SimpleNamespace(
                marks=SimpleNamespace(bridge=12.0, link=20.0), max_size=largest, one_per_customer={"national_id"}
            ),
            score=lambda a, b: SimpleNamespace(score=score_of[min(a, b), max(a, b)]),
        )
        pairs = {(e.a, e.b): (e.score, "trusted" if e.trusted else "link") for e in links}
        same, different = ([p for p, verdict in said.items() if verdict == word] for word in ("same", "different"))
        plain = oracle._plain_groups(scene, set(numbers), pairs, same, different)  # type: ignore[arg-type]
        assert {frozenset(one) for one in plain.values()} == set(found)
        for one, other in combinations([g for g in found if len(g) > 1], 2):
            cross = [(min(a, b), max(a, b)) for a in one for b in other]
            linked = any(pair in pairs for pair in cross)
            counted["held"] += linked and sum(score_of[pair] for pair in cross) < 12.0 * len(cross)
        counted["taken"] += sum(len(one) >= 4 for one in found)

    play()
    assert min(counted["held"], counted["taken"]) >= LEAST, counted


def test_mutant_that_reopens_nothing_when_a_limit_is_crossed_is_caught(
    make: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "_stirred", lambda *_: set())
    with pytest.raises(AssertionError):
        explore(make, shrink=False)


def test_mutant_that_stops_at_the_first_hit_is_caught(
    make: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = compare.upsert

    def first_only(connection: Any, table: Any, rows: list[Any], **rest: Any) -> None:
        upsert(connection, table, rows[:1] if table is t.pair else rows, **rest)

    monkeypatch.setattr(compare, "upsert", first_only)
    with pytest.raises(AssertionError):
        explore(make, shrink=False)


def test_mutant_that_takes_weak_bridges_is_caught(make: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster._Taking, "_carries", lambda *_: True)
    with pytest.raises(AssertionError):
        explore(make, shrink=False)


def test_mutant_that_caps_by_arrival_is_caught(make: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch) -> None:
    rows_up_to = surroundings.rows_up_to

    def earliest(*what: Any, most: int, **rest: Any) -> Any:
        return rows_up_to(*what, most=min(most, CAP - 2), **rest)

    monkeypatch.setattr(surroundings, "rows_up_to", earliest)
    with pytest.raises(AssertionError):
        explore(make, shrink=False)


def test_wrong_customer_and_a_lost_pair_are_named(make: Callable[[], Walk]) -> None:
    walk = make()
    walk.take(crm(1, Email="ann@example.com"), shop(2))
    assert differences(walk) == ()
    ids = sorted(row.id for row in walk.rows(t.source_record))
    with walk.store.transaction() as connection:
        connection.execute(update(t.source_record).values(customer_id=ids[1]))
        connection.execute(t.pair.delete())
    found = differences(walk)
    assert {difference.kind for difference in found} == {"pair", "grouping"}
    assert "rec:crm:Contact:003A" in found[0].subject
    walk.store.close()
