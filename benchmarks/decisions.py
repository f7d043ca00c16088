"""The decision engine by itself, on one core: `make bench-decisions`.

First whole decisions: 500 offers with conditions on eight attributes, 200 rules in 20 tables of ten rows, questions
drawn at random with a fixed seed. Then one table of 200 rows in this hub, in zen-engine and in CEL, which must answer
alike. Rates are by processor time; of whole decisions the best of three rounds.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import cel
import zen

from benchmarks.rules import (
    CHANNELS,
    COUNTRIES,
    DEPARTMENTS,
    OFFERS,
    ROWS,
    STAGES,
    TABLES,
    TIERS,
    documents,
    many_rules,
)
from onevoice.decisions import NOTHING_SHOWN, Engine, Question, World, checked_facts, read_ruleset
from onevoice.decisions.ruleset import Ruleset

DECISIONS = 5_000
RULES, QUESTIONS = 200, 5_000
MARK = 2_000
Facts = dict[str, Any]
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def ruleset(tables: dict[str, Any], offers: dict[str, Any]) -> Ruleset:
    """Rules with these tables and offers."""
    world = World(tiers={*TIERS, "unknown"}, stages=STAGES, purposes={"marketing"})
    return read_ruleset(documents(tables, offers), world)


def questions(rules: Ruleset, count: int) -> list[Question]:
    """Customers at random moments."""
    chance = random.Random(2)
    return [
        Question(
            now=NOW, kind="offer", limit=3, oldest=str(n),
            facts=checked_facts(
                {
                    "tier": chance.choice(TIERS), "stage": chance.choice(STAGES), "channel": chance.choice(CHANNELS),
                    "department": chance.choice(DEPARTMENTS), "country": chance.choice(COUNTRIES),
                    "orders": chance.randrange(8), "days_since_order": chance.randrange(400),
                    "basket": chance.randrange(300), "escalated": chance.random() < 0.1, "collection": False,
                },
                rules.inputs,
            ),
        )
        for n in range(count)
    ]  # fmt: skip


# --- one table, three engines -------------------------------------------------------------------------------------


def rows() -> list[tuple[int, str, str]]:
    """200 rows: a basket from so much on, a country, a tier."""
    chance = random.Random(3)
    return [(chance.randrange(300), chance.choice(COUNTRIES), chance.choice(TIERS)) for _ in range(RULES)]


def ours(table: list[tuple[int, str, str]]) -> Callable[[Facts], int | None]:
    """The table in this hub."""
    texts = [
        {"when": f"basket >= {basket} and country == {country!r} and tier == {tier!r}", "then": number}
        for number, (basket, country, tier) in enumerate(table)
    ]
    found = ruleset({"answer": {"gives": "number", "hit": "first", "rows": texts}}, {})

    def answer(facts: Facts) -> int | None:
        given = found.tables[0].answer(checked_facts(facts, found.inputs))
        return None if given is None else int(given)

    return answer


def zen_engine(table: list[tuple[int, str, str]]) -> Callable[[Facts], int | None]:
    """The table as a JSON Decision Model in zen-engine."""
    fields = [{"id": one, "name": one, "field": one} for one in ("basket", "country", "tier")]
    texts = [
        {"_id": str(n), "basket": f">= {basket}", "country": json.dumps(country), "tier": json.dumps(tier), "a": str(n)}
        for n, (basket, country, tier) in enumerate(table)
    ]
    content = {
        "hitPolicy": "first",
        "inputs": fields,
        "outputs": [{"id": "a", "name": "a", "field": "answer"}],
        "rules": texts,
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": content},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [
        {"id": "1", "sourceId": "in", "targetId": "table", "type": "edge"},
        {"id": "2", "sourceId": "table", "targetId": "out", "type": "edge"},
    ]
    decision = zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))

    def answer(facts: Facts) -> int | None:
        result: dict[str, int] = decision.evaluate(facts)["result"] or {}
        return result.get("answer")

    return answer


def common_expression_language(table: list[tuple[int, str, str]]) -> Callable[[Facts], int | None]:
    """The table as compiled CEL conditions, asked one after the other, since CEL has no tables."""
    programs = [
        cel.compile(f"basket >= {basket} && country == {json.dumps(country)} && tier == {json.dumps(tier)}")
        for basket, country, tier in table
    ]

    def answer(facts: Facts) -> int | None:
        context = cel.Context(facts)
        return next((number for number, program in enumerate(programs) if program.execute(context)), None)

    return answer


def compared() -> None:
    """Print how many answers a second each gives from one table; they must be the same answers."""
    chance = random.Random(4)
    asked = [
        {"basket": chance.randrange(300), "country": chance.choice(COUNTRIES), "tier": chance.choice(TIERS)}
        for _ in range(QUESTIONS)
    ]
    table = rows()
    engines = {"onevoice": ours(table), "zen-engine": zen_engine(table), "CEL": common_expression_language(table)}
    answers = {}
    for name, answer in engines.items():
        began = time.process_time()
        answers[name] = [answer(facts) for facts in asked]
        print(f"table rows={RULES} engine={name} answers_per_second={QUESTIONS / (time.process_time() - began):.0f}")
    if len({tuple(given) for given in answers.values()}) != 1:
        raise SystemExit("the engines do not agree")


def whole_decisions() -> float:
    """Print and return how many whole decisions are made a second."""
    rules = ruleset(*many_rules())
    engine = Engine(rules, NOTHING_SHOWN)
    asked = questions(rules, DECISIONS)
    given = sum(len(engine.decide(one).chosen) for one in asked) / DECISIONS
    rates = []
    for _ in range(3):
        began = time.process_time()
        for one in asked:
            engine.decide(one)
        rates.append(DECISIONS / (time.process_time() - began))
    best = max(rates)
    print(f"decisions offers={OFFERS} rules={TABLES * ROWS} given={given:.2f} decisions_per_second={best:.0f}")
    return best


def main() -> int:
    """Measure; exits with 1 below the mark."""
    rate = whole_decisions()
    compared()
    return 0 if rate >= MARK else 1


if __name__ == "__main__":
    sys.exit(main())
