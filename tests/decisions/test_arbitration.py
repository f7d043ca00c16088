"""The stages of a decision: one reason for each offer that is not given, and the score of each that is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onevoice.decisions import Engine, Reason, Snapshot, lint_ruleset, reasons_by_offer
from onevoice.errors import ConfigurationError
from onevoice.workers.decisions import load_rules
from tests.decisions.rules import NOW, WORLD, chosen, documents, engine, question, ruleset

ROOT = Path(__file__).resolve().parents[2]


def reasons(rules: Engine, **more: Any) -> dict[str, Reason]:
    return reasons_by_offer(rules.ruleset, rules.decide(question(rules, **more)).trace()["rejected"])


def test_every_offer_is_given_or_has_the_reason_of_the_first_stage_that_it_fails() -> None:
    rules = engine(
        {
            "best": {"value": 100},
            "next": {"value": 50},
            "question": {"kind": "question"},
            "over": {"valid_until": date(2026, 11, 1)},
            "poor": {"eligible": 'tier == "high"'},
            "web": {"channels": ["web"]},
            "late": {"applicable": "basket > 10"},
            "rude": {"suitable": "not complained"},
            "raises": {"suitable": "1 / basket > 0"},
            "survey": {"purpose": "survey"},
            "capped": {"caps": [{"count": 2, "days": 7}]},
            "spent": {"budget": {"limit": 10, "each": 1}},
            "nothing": {"value": 0},
            "sold": {"group": "sales", "value": 60},
            "too_many": {"group": "sales", "value": 55},
        }
    )
    had = tuple(("capped", NOW - timedelta(days=days)) for days in (1, 6))

    found = reasons(
        rules, limit=3, tier="low", channel="phone", basket=0, complained=True,
        refused={"survey": "withdrawal"}, contacts=had, spent=frozenset({"spent"}),
    )  # fmt: skip

    assert found == {
        "question": "other_kind", "over": "not_valid", "poor": "not_eligible", "web": "wrong_channel",
        "late": "not_applicable", "rude": "not_suitable", "raises": "rule_failed", "survey": "not_permitted",
        "capped": "capped", "spent": "over_budget", "nothing": "no_value", "too_many": "group_full",
    }  # fmt: skip
    assert reasons(rules, limit=1, tier="low", channel="phone", basket=11, contacts=())["next"] == "outranked"


def test_score_is_propensity_by_weight_by_value_by_lever_by_objective() -> None:
    weights = [{"name": "w", "when": 'department == "service"', "groups": ["sales"], "weight": 0.5}]
    rules = engine(
        {"a": {"group": "sales", "value": "basket * 2", "lever": 3, "serves": {"retention": 1, "cheaper": 0.5}}},
        weights=weights,
    )

    (one,) = rules.decide(question(rules, department="service", basket=10)).chosen

    assert (one.propensity, one.weight, one.worth) == (0.1, 0.5, 20 * 3 * 2.25)
    assert one.score == pytest.approx(0.1 * 0.5 * 135)


def test_propensity_falls_back_from_the_cell_to_the_offer_to_the_prior() -> None:
    shown = Snapshot(3, {("a", "web", "high"): (10, 5), ("a", "phone", "low"): (9, 9)})
    rules = engine({"a": {}, "b": {}}, propensity=Snapshot.from_stored(3, shown.stored()))

    def chance(offer: str, **facts: str) -> float:
        decided = rules.decide(question(rules, **facts)).chosen
        return next(one.propensity for one in decided if one.offer == offer)

    assert chance("a", channel="web", tier="high") == 6 / 20
    assert chance("a", channel="phone", tier="low") == 15 / 29
    assert chance("b", channel="web", tier="high") == 1 / 10


def test_cap_of_a_group_counts_all_that_are_in_it() -> None:
    groups = {"sales": {"at_most": 2, "caps": [{"count": 2, "days": 1}]}}
    rules = engine({"a": {"group": "sales"}, "b": {"group": "sales"}, "c": {}}, groups=groups)
    had = (("a", NOW - timedelta(hours=1)), ("b", NOW - timedelta(hours=23)))

    assert chosen(rules, contacts=had) == ["c"]
    assert chosen(rules, contacts=had, now=NOW + timedelta(hours=2)) == ["a", "b", "c"]


def test_group_is_out_as_a_whole_where_it_is_not_suitable() -> None:
    rules = engine({"a": {"group": "sales"}, "b": {}})

    assert chosen(rules, escalated=True) == ["b"]
    assert chosen(rules, escalated=None) == ["b"]


def test_control_arm_gets_what_is_declared_and_no_more_than_is_permitted() -> None:
    arms = {"e": {"share": 0.3, "groups": ["sales"], "gets": ["b"]}}
    rules = engine({"a": {"group": "sales"}, "b": {"group": "sales", "purpose": "survey"}, "c": {}}, experiments=arms)
    decided = [rules.decide(question(rules, oldest=str(n), limit=1)) for n in range(2000)]
    control = [one for one in decided if one.arms["e"] == ("control", 0.3)]

    assert 500 < len(control) < 700
    assert {one.arms["e"] for one in decided} == {("control", 0.3), ("treated", 0.7)}
    oldest = next(str(n) for n, one in enumerate(decided) if one in control)
    assert chosen(rules, oldest=oldest) == ["b", "c"]
    assert chosen(rules, oldest=oldest, refused={"survey": "x"}) == ["c"]


def test_same_question_gives_the_same_answer_to_the_last_bit() -> None:
    offers = {f"o{n}": {"value": f"basket / {n + 3}", "serves": {"retention": 0.1 * n}} for n in range(30)}
    one, other = engine(offers), engine(offers)

    asked = question(one, basket="17.31")

    assert one.decide(asked).trace() == other.decide(asked).trace()


def test_unknown_value_is_no_value_and_one_that_raises_is_named() -> None:
    rules = engine({"a": {"value": "basket"}, "b": {"value": "1 / otherwise(basket, 0)"}})

    decided = rules.decide(question(rules))

    assert reasons_by_offer(rules.ruleset, decided.trace()["rejected"]) == {"a": "no_value", "b": "rule_failed"}
    assert decided.failed == ("offer b",)


def test_lint_finds_every_problem_at_once() -> None:
    bad = documents(
        {"a": {"eligible": "tier == 'golden'"}, "b": {"purpose": "fun"}, "c": {"group": "none"}, "d": {"valeu": 1}},
        "t: {gives: number, hit: first, rows: [{then: 1, when: nothing}]}",
        experiments={"e": {"share": 0.1, "groups": ["sales"], "gets": ["gone"]}},
    )

    found, problems = lint_ruleset(bad, WORLD)

    assert found is None
    for named in ("t.rows[0].when", "a.eligible", "b.purpose", "c.group", "d.valeu", "experiments.e.gets"):
        assert any(named in problem for problem in problems), named
    assert len(problems) == 6
    with pytest.raises(ConfigurationError, match="6 problems"):
        ruleset(
            {"a": {"eligible": "tier == 'golden'"}, "b": {"purpose": "fun"}, "c": {"group": "none"}, "d": {"valeu": 1}},
            "t: {gives: number, hit: first, rows: [{then: 1, when: nothing}]}",
            experiments={"e": {"share": 0.1, "groups": ["sales"], "gets": ["gone"]}},
        )


def test_shipped_rules_lint_and_decide() -> None:
    rules = Engine(load_rules(ROOT / "rules").ruleset, Snapshot(0, {}))

    facts = {"tier": "high", "stage": "active", "orders": 2, "amount": "154.50", "channel": "phone"}
    asked = question(rules, collection=False, complained=False, **facts)

    assert [one.offer for one in rules.decide(asked).chosen] == ["personal_adviser", "free_delivery"]
    assert question(rules, now=datetime(2031, 1, 1, tzinfo=UTC)).stored()["now"] == "2031-01-01T00:00:00+00:00"
