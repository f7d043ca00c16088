"""Decisions of a running hub: the rules it decides by, the facts, what the context offers."""

from onevoice.workers.decisions.advice import Tried, offers_now, question, route_now, tried
from onevoice.workers.decisions.facts import Situation, customer_facts, moment_facts
from onevoice.workers.decisions.rulebook import Decider, Deciders, Rulebook
from onevoice.workers.decisions.rules import Rules, failing_rule_tests, lint_rules, load_rules

__all__ = [
    "Decider",
    "Deciders",
    "Rulebook",
    "Rules",
    "Situation",
    "Tried",
    "customer_facts",
    "failing_rule_tests",
    "lint_rules",
    "load_rules",
    "moment_facts",
    "offers_now",
    "question",
    "route_now",
    "tried",
]
