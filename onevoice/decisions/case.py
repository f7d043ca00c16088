"""Tests that stand beside the rules: facts, and the offers that are to come out of them, the best first.

Takes `rules/tests.yaml`, gives what does not hold. The one rule: a test names only what it is about; every other
fact is unknown, nothing was shown before, nobody is in a control arm, and whoever answers is free.
"""

from dataclasses import replace
from datetime import UTC, datetime, time

from onevoice.decisions.arbitration import ROUTE, Engine
from onevoice.decisions.attribute import checked_facts
from onevoice.decisions.decision import Question
from onevoice.decisions.offer import KINDS
from onevoice.decisions.propensity import NOTHING_SHOWN
from onevoice.decisions.ruleset import Ruleset
from onevoice.errors import OnevoiceError
from onevoice.messages import Json
from onevoice.rules_file import Section


def failing_cases(ruleset: Ruleset, document: Json) -> list[str]:
    """Return one line for each test of the document that does not hold."""
    top = Section(file="tests.yaml", key="", content=document)
    engine = Engine(replace(ruleset, experiments=()), NOTHING_SHOWN)
    failing = []
    for name in map(str, top.content):
        try:
            said = _failure(engine, top.section(name))
        except OnevoiceError as error:
            said = str(error)
        if said:
            failing.append(f"{name}: {said}")
    return failing


def _failure(engine: Engine, case: Section) -> str | None:
    kind = case.text("kind") if case.has("kind") else "offer"
    case.demand(kind in (*KINDS, ROUTE), "kind", f"one of {', '.join((*KINDS, ROUTE))}")
    expected = [case.text("to")] if kind == ROUTE else list(case.text_list("chosen"))
    hour = int(case.number("hour")) if case.has("hour") else 12
    case.demand(0 <= hour <= 23, "hour", "an hour from 0 to 23, UTC")
    question = Question(
        now=datetime.combine(case.day("day"), time(hour), UTC),
        kind=kind,
        limit=max(1, len(expected)),
        facts=checked_facts(case.section("facts").content, engine.ruleset.inputs),
        oldest="",
    )
    case.demand_nothing_else()
    gave = engine.decide(question).given()
    return None if gave == expected else f"gave {', '.join(gave) or 'nothing'}"
