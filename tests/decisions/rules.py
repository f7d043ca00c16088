"""Small rulesets for tests, and questions to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import yaml

from onevoice.decisions import NOTHING_SHOWN, Engine, Propensity, Question, Ruleset, World, checked_facts, read_ruleset
from onevoice.messages import Json

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
WORLD = World(tiers={"high", "low", "unknown"}, stages={"active", "lapsed"}, purposes={"marketing", "survey"})
DECISIONS = """
objectives: {retention: 2, cheaper: 0.5}
prior: {a: 1, b: 9}
least_shown: 10
holds_minutes: 30
attributes: {basket: number, page: text, tags: texts, vip: truth}
groups:
  sales: {at_most: 1, suitable: not escalated}
weights: []
experiments: {}
"""
ROUTING = """
holds_minutes: 60
targets: {later: {kind: queue, channels: [phone, chat, web, email]}}
routes: []
fall_back: later
"""
OFFER = {
    "kind": "offer", "title": "T", "text": "X", "purpose": "marketing", "value": 10,
    "valid_from": datetime(2026, 1, 1).date(), "valid_until": datetime(2026, 12, 31).date(),  # noqa: DTZ001
}  # fmt: skip


def documents(
    offers: dict[str, Json] | None = None,
    tables: str = "{}",
    decisions: str = DECISIONS,
    routing: str = ROUTING,
    **settings: Any,
) -> dict[str, Json]:
    """The documents of a ruleset; each offer is the plain one with what is given changed."""
    return {
        "decisions": yaml.safe_load(decisions) | settings,
        "tables": yaml.safe_load(tables),
        "offers": {name: OFFER | said for name, said in (offers or {}).items()},
        "routing": yaml.safe_load(routing),
    }


def ruleset(*args: Any, **more: Any) -> Ruleset:
    return read_ruleset(documents(*args, **more), WORLD)


def engine(*args: Any, propensity: Propensity = NOTHING_SHOWN, **more: Any) -> Engine:
    return Engine(ruleset(*args, **more), propensity)


def question(rules: Engine, *, limit: int = 3, kind: str = "offer", **more: Any) -> Question:
    """A question; what is no part of one is a fact."""
    parts = {
        name: more.pop(name) for name in ("oldest", "refused", "contacts", "spent", "taken", "now") if name in more
    }
    facts = checked_facts({"escalated": False, **more}, rules.ruleset.inputs)
    return Question(**({"now": NOW, "oldest": "1"} | parts), kind=kind, limit=limit, facts=facts)


def chosen(rules: Engine, **more: Any) -> list[str]:
    return [one.offer for one in rules.decide(question(rules, **more)).chosen]
