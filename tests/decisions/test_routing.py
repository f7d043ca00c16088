"""Who answers: by value, need, history, skills, language, hours, load; every other target has one reason."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from onevoice.decisions import Engine, Routed, lint_ruleset
from onevoice.decisions.place import free_place, take_place, taken_places
from onevoice.store import Store, open_store
from onevoice.store.migrate import upgrade
from tests.decisions.rules import NOW, WORLD, documents, engine, question

ROUTING = """
holds_minutes: 60
hours:
  office: {zone: Europe/London, days: [mon, tue, wed, thu, fri], from: "08:00", until: "18:00"}
  night: {zone: Europe/London, days: [mon], from: "22:00", until: "06:00"}
targets:
  anna: {kind: person, channels: [phone, chat], skills: [billing], languages: [en, de], experience: 3, hours: office,
    at_once: {phone: 1, chat: 6}}
  ben: {kind: person, channels: [phone, chat], skills: [billing], languages: [en], experience: 3, hours: office,
    at_once: {phone: 1, chat: 2}}
  cleo: {kind: person, channels: [chat], experience: 1, hours: night, at_once: {chat: 6}}
  desk: {kind: queue, channels: [phone, chat, email], experience: 1}
  pages: {kind: self_service, channels: [web, chat]}
  later: {kind: queue, channels: [post]}
routes:
  - {name: best, when: tier == "high", to: [person], experience: 3, skill: need, channels: [phone, chat]}
  - {name: simple, when: need == "hours", to: [self_service]}
  - {name: preferred, when: prefers_assisted, to: [person, queue]}
  - {name: broken, when: amount / orders > 1, to: [queue]}
  - {name: rest, when: known(channel), to: [queue]}
fall_back: later
"""
HIGH = {"tier": "high", "channel": "phone"}


@pytest.fixture(scope="module")
def rules() -> Engine:
    return engine(routing=ROUTING)


def ask(rules: Engine, *, taken: dict[tuple[str, str], int] | None = None, **more: Any) -> Routed:
    busy = tuple((target, channel, count) for (target, channel), count in (taken or {}).items())
    route = rules.decide(question(rules, kind="route", taken=busy, **more)).route
    assert route is not None
    return route


def test_high_value_goes_to_whom_it_knows_else_to_the_freest(rules: Engine) -> None:
    assert ask(rules, **HIGH, last_agent="ben").to == "ben"
    assert "spoke with the customer last" in ask(rules, **HIGH, last_agent="ben").because
    assert ask(rules, **HIGH).to == "anna"
    assert ask(rules, tier="high", channel="chat", taken={("anna", "chat"): 3, ("ben", "chat"): 0}).to == "ben"
    assert ask(rules, tier="high", channel="chat", taken={("anna", "chat"): 1, ("ben", "chat"): 1}).to == "anna"


def test_each_that_is_passed_over_has_its_reason(rules: Engine) -> None:
    route = ask(rules, **HIGH, language="de-AT", need="billing", taken={("anna", "phone"): 1})

    assert (route.to, route.route) == ("desk", "rest")
    assert {name: why.value for name, why in route.passed["best"].items()} == {
        "anna": "full", "ben": "other_language", "cleo": "other_channel", "desk": "other_kind", "pages": "other_kind",
        "later": "other_kind",
    }  # fmt: skip
    assert ask(rules, **HIGH, need="moving").passed["best"]["anna"] == "lacks_skill"
    assert ask(rules, tier="high", channel="chat", now=NOW.replace(hour=23)).passed["best"] | {} == {
        "anna": "outside_hours", "ben": "outside_hours", "cleo": "less_experienced", "desk": "other_kind",
        "pages": "other_kind", "later": "other_kind",
    }  # fmt: skip


def test_customer_on_another_channel_is_answered_on_a_live_one_that_is_free(rules: Engine) -> None:
    assert (ask(rules, tier="high", channel="email").to, ask(rules, tier="high", channel="email").channel) == (
        "anna", "phone"
    )  # fmt: skip
    busy = {("anna", "phone"): 1, ("ben", "phone"): 1}
    assert ask(rules, tier="high", channel="email", taken=busy).channel == "chat"


def test_simple_request_goes_to_self_service_and_preference_to_a_person(rules: Engine) -> None:
    assert ask(rules, channel="web", need="hours").to == "pages"
    assert ask(rules, channel="email", need="hours", prefers_assisted=True).to == "desk"
    assert ask(rules, channel="chat", prefers_assisted=True).to == "anna"


def test_hours_are_those_of_the_zone_and_may_go_past_midnight(rules: Engine) -> None:
    night = datetime(2026, 11, 3, 5, 59, tzinfo=UTC)  # the morning after Monday
    chat = {"channel": "chat", "prefers_assisted": True}
    assert ask(rules, **chat, now=night).to == "cleo"
    assert ask(rules, **chat, now=night + timedelta(minutes=1)).to == "desk"
    summer = datetime(2026, 7, 6, 7, 30, tzinfo=UTC)  # 08:30 in London
    assert ask(rules, **HIGH, now=summer).to == "anna"
    assert ask(rules, **HIGH, now=datetime(2026, 11, 2, 7, 30, tzinfo=UTC)).to == "desk"


def test_route_that_raises_is_out_and_the_last_resort_answers(rules: Engine) -> None:
    made = rules.decide(question(rules, kind="route", amount=3, orders=0))

    assert made.failed == ("route broken",)
    assert made.route is not None
    assert (made.route.to, made.route.route, made.route.because) == ("later", None, ("no route is for it",))


@given(
    st.dictionaries(st.sampled_from([("anna", "phone"), ("anna", "chat"), ("ben", "chat")]), st.integers(0, 9)),
    st.sampled_from(["high", "low", None]),
    st.sampled_from(["phone", "chat", "email", "web", None]),
    st.integers(0, 167),
)
def test_nobody_gets_more_than_they_take_at_once(
    rules: Engine, taken: dict[tuple[str, str], int], tier: str | None, channel: str | None, hour: int
) -> None:
    route = ask(rules, tier=tier, channel=channel, taken=taken, now=NOW + timedelta(hours=hour), prefers_assisted=True)
    target = rules.ruleset.routing.target(route.to)

    assert route.channel is None or taken.get((route.to, route.channel), 0) < target.at_once.get(route.channel, 99)
    assert route.to not in route.passed.get(route.route or "", {})
    assert ask(rules, tier=tier, channel=channel, taken=taken, now=NOW + timedelta(hours=hour),
               prefers_assisted=True) == route  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("targets.anna.at_once.chat=7", "at most 6 chats"),
        ("targets.anna.hours=lunch", "targets.anna.hours"),
        ("targets.desk.kind=robot", "targets.desk.kind"),
        ("fall_back=anna", "fall_back"),
        ("hours.office.zone=Europe/Atlantis", "no such time zone"),
        ("hours.office.from=late", "write a time of day"),
        ("routes.0.to=[]", "routes[0].to"),
        ("routes.0.skill=amount", "a text is wanted"),
        ("routes.0.name=rest", "routes under different names"),
    ],
)
def test_lint_names_what_is_wrong(wrong: str, told: str) -> None:
    path, value = wrong.split("=")
    content = yaml.safe_load(ROUTING)
    *parents, last = path.split(".")
    section: Any = content
    for part in parents:
        section = section[int(part) if part.isdigit() else part]
    section[last] = yaml.safe_load(value)

    ruleset, problems = lint_ruleset(documents() | {"routing": content}, WORLD)

    assert ruleset is None
    assert any(told in problem for problem in problems), problems


def test_places_are_taken_up_to_the_limit_end_once_and_expire(store: Store) -> None:
    first, until = uuid4(), NOW + timedelta(hours=1)
    with store.transaction() as connection:
        for decision in (first, uuid4()):
            assert take_place(connection, "ben", "chat", most=2, decision=decision, now=NOW, until=until)
        assert not take_place(connection, "ben", "chat", most=2, decision=uuid4(), now=NOW, until=until)
        assert taken_places(connection, NOW) == (("ben", "chat", 2),)
        assert free_place(connection, first, NOW)
        assert not free_place(connection, first, NOW)
        assert take_place(connection, "ben", "chat", most=2, decision=uuid4(), now=NOW, until=until)
        assert taken_places(connection, until) == ()


def test_fifty_at_once_take_six_places(pg_url: str) -> None:
    upgrade(pg_url)
    store = open_store(pg_url, pool_size=25)
    begin, got = threading.Barrier(50), []

    def take() -> None:
        begin.wait(30)
        with store.transaction() as connection:
            until = NOW + timedelta(hours=1)
            got.append(take_place(connection, "anna", "chat", most=6, decision=uuid4(), now=NOW, until=until))

    threads = [threading.Thread(target=take) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert (len(got), sum(got)) == (50, 6)
    store.close()
