"""What a decision takes for itself: budget for its offers, a place with who answers.

Takes a question, gives the decision with what it took. The one rule: what turns out to be gone is put into the
question, and it is decided again; so the question that is kept gives the decision that is kept.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from onevoice.decisions import Decision, Engine, Question
from onevoice.decisions.ledger import reserve_budget
from onevoice.decisions.place import take_place
from onevoice.workers.decisions.rulebook import Decider


def paid(connection: Connection, engine: Engine, question: Question) -> tuple[Question, Decision, dict[str, int]]:
    """Decide, and take what the offers cost off their budgets; one that cannot be paid for is out, and it goes on."""
    costs: dict[str, int] = {}
    while True:
        made = engine.decide(question)
        wanted = sorted({one.offer for one in made.chosen} - costs.keys())
        spent = set()
        for name in wanted:  # in one order for all, so that no two wait for each other
            budget = engine.ruleset.offer(name).budget
            if budget is None:
                continue
            cost = reserve_budget(connection, name, budget, question.now)
            if cost is None:
                spent.add(name)
            else:
                costs[name] = cost
        if not spent:
            return question, made, costs
        question = replace(question, spent=question.spent | spent)


def placed(
    connection: Connection, decider: Decider, question: Question, decision: UUID
) -> tuple[Question, Decision, datetime | None]:
    """Decide who answers, and take a place there until some time.

    Where others were quicker, it is full, and the search goes on.
    """
    routing = decider.rules.ruleset.routing
    until = question.now + routing.holds
    while True:
        made = decider.engine.decide(question)
        route = made.route
        most = routing.target(route.to).at_once.get(route.channel or "") if route is not None else None
        if route is None or route.channel is None or most is None:
            return question, made, None
        if take_place(connection, route.to, route.channel, most=most, decision=decision, now=question.now, until=until):
            return question, made, until
        others = tuple(one for one in question.taken if one[:2] != (route.to, route.channel))
        question = replace(question, taken=tuple(sorted((*others, (route.to, route.channel, most)))))
