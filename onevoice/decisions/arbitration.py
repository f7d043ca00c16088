"""The stages of a decision: eligible, applicable, suitable, permitted, and then arbitration by score.

Takes a ruleset, counts and a question, gives a decision. The score is propensity x context weight x worth, and worth is
value x lever x objective. The one rule: a pure function, so that a decision that was stored can be made again to the
last bit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from onevoice.decisions.conditions import bits, mask_of
from onevoice.decisions.decision import Chosen, Decision, Question, Reason
from onevoice.decisions.expression import RULE_ERRORS, Expression
from onevoice.decisions.offer import Cap, Offer
from onevoice.decisions.propensity import Propensity
from onevoice.decisions.routing import routed
from onevoice.decisions.ruleset import Ruleset

RANKED = 5
ROUTE = "route"
QUESTION = "question"
"""The kind of question that asks who answers."""


@dataclass(slots=True)
class Engine:
    """Decides by one ruleset and one snapshot of propensities; to be used by any number of threads."""

    ruleset: Ruleset
    propensity: Propensity
    _valid: dict[date, int] = field(default_factory=dict)
    _propensities: dict[tuple[Any, Any], list[float]] = field(default_factory=dict)

    def decide(self, question: Question) -> Decision:
        """Return the decision: what is given, or who answers where the question is for a route."""
        run = _Run(self, question)
        run.answer_tables()
        if question.kind == ROUTE:
            return run.routed()
        left = run.eligible()
        left = run.fitting(left)
        left = run.permitted(left)
        return run.arbitrated(left)

    def valid_on(self, day: date) -> int:
        """Return the offers that are made on a day."""
        found = self._valid.get(day)
        if found is None:
            offers = enumerate(self.ruleset.offers)
            found = mask_of([i for i, offer in offers if offer.valid_from <= day <= offer.valid_until])
            self._valid = {day: found}
        return found

    def propensities(self, channel: str | None, tier: str | None) -> list[float]:
        """Return the propensity of every offer on a channel in a tier."""
        found = self._propensities.get((channel, tier))
        if found is None:
            least = self.ruleset.least_shown
            found = [self.propensity.of(offer, channel, tier, least_shown=least) for offer in self.ruleset.offers]
            self._propensities[channel, tier] = found
        return found


class _Run:
    """One decision on its way through the stages."""

    def __init__(self, engine: Engine, question: Question) -> None:
        self._engine = engine
        self._rules = engine.ruleset
        self._question = question
        self._facts: dict[str, Any] = dict(question.facts)
        self._complete = True
        self._rejected: dict[Reason, int] = {}
        self._failed: list[str] = []
        self._arms: dict[str, tuple[str, float]] = {}

    def answer_tables(self) -> None:
        """Add what the tables say to the facts; a table that has no answer adds none."""
        for table in self._rules.tables:
            try:
                self._facts[table.name] = table.answer(self._facts)
            except RULE_ERRORS:
                self._failed.append(f"table {table.name}")
                self._complete = False

    def routed(self) -> Decision:
        """Return the decision that says who answers."""
        question = self._question
        taken = {(target, channel): count for target, channel, count in question.taken}
        route, failed = routed(self._rules.routing, self._facts, taken, question.now)
        failures = (*self._failed, *failed)
        return Decision(chosen=(), ranked=(), rejected={}, failed=failures, arms={}, route=route)

    def eligible(self) -> int:
        """Return the offers of the kind asked for that are valid, and that this customer may have."""
        stages, question = self._rules.stages, self._question
        left = self._keep(stages.eligible.every, stages.by_kind.get(question.kind, 0), Reason.OTHER_KIND)
        left = self._keep(left, self._engine.valid_on(question.now.date()), Reason.NOT_VALID)
        return self._sift(stages.eligible, left, Reason.NOT_ELIGIBLE)

    def fitting(self, left: int) -> int:
        """Return those that fit this moment, and are right for the customer."""
        stages = self._rules.stages
        left = self._keep(left, stages.by_channel[self._facts["channel"]], Reason.WRONG_CHANNEL)
        left = self._sift(stages.applicable, left, Reason.NOT_APPLICABLE)
        left = self._sift(stages.suitable, left, Reason.NOT_SUITABLE)
        held, failed = stages.groups.sift(self._facts, stages.groups.every, complete=self._complete)
        for number in bits(failed):
            name = self._rules.groups[number].name
            self._failed.append(f"group {name}")
            left = self._keep(left, ~stages.by_group.get(name, 0), Reason.RULE_FAILED)
        for number in bits(stages.groups.every & ~held & ~failed):
            left = self._keep(left, ~stages.by_group.get(self._rules.groups[number].name, 0), Reason.NOT_SUITABLE)
        return left

    def permitted(self, left: int) -> int:
        """Return those that the gate, caps, budgets and control arms let through."""
        stages, question = self._rules.stages, self._question
        for purpose in question.refused:
            left = self._keep(left, ~stages.by_purpose.get(purpose, 0), Reason.NOT_PERMITTED)
        if question.contacts:
            left = self._keep(left, ~self._capped(), Reason.CAPPED)
        position = self._rules.position
        spent = mask_of([position[name] for name in question.spent if name in position])
        left = self._keep(left, ~spent, Reason.OVER_BUDGET)
        for experiment in self._rules.experiments:
            arm = experiment.arm(question.oldest)
            self._arms[experiment.name] = (arm, experiment.share if arm == "control" else 1 - experiment.share)
            if arm == "control":
                withheld = mask_of(
                    [
                        i
                        for group in experiment.groups
                        for i in bits(stages.by_group.get(group, 0))
                        if self._rules.offers[i].id not in experiment.gets
                    ]
                )
                left = self._keep(left, ~withheld, Reason.CONTROL)
        return left

    def arbitrated(self, left: int) -> Decision:
        """Return the decision: the best of what is left, by score and then by id."""
        facts, offers = self._facts, self._rules.offers
        chances = self._engine.propensities(facts["channel"], facts["tier"])
        weights = self._context_weights()
        scored: list[tuple[float, str, int, float, float]] = []
        for i in bits(left):
            worth = self._worth(i)
            if worth is None:
                continue
            weight = 1.0
            for mask, factor in weights:
                if mask >> i & 1:
                    weight *= factor
            score = chances[i] * weight * worth
            if score > 0:
                scored.append((-score, offers[i].id, i, weight, worth))
            else:
                self._reject(1 << i, Reason.NO_VALUE)
        scored.sort()
        chosen = tuple(
            Chosen(
                offer=name,
                score=-score,
                propensity=chances[i],
                weight=weight,
                worth=worth,
                because=self._because(offers[i]),
            )
            for score, name, i, weight, worth in self._best(scored)
        )
        return Decision(
            chosen=chosen,
            ranked=tuple((name, -score) for score, name, *_ in scored[:RANKED]),
            rejected=self._rejected,
            failed=tuple(self._failed),
            arms=self._arms,
        )

    def _best(
        self, scored: Iterable[tuple[float, str, int, float, float]]
    ) -> list[tuple[float, str, int, float, float]]:
        room = {group.name: group.at_most for group in self._rules.groups}
        best: list[tuple[float, str, int, float, float]] = []
        outranked = full = 0
        for one in scored:
            group = self._rules.offers[one[2]].group
            if len(best) >= self._question.limit:
                outranked |= 1 << one[2]
            elif group is not None and room[group] == 0:
                full |= 1 << one[2]
            else:
                best.append(one)
                if group is not None:
                    room[group] -= 1
        self._reject(outranked, Reason.OUTRANKED)
        self._reject(full, Reason.GROUP_FULL)
        return best

    def _context_weights(self) -> list[tuple[int, float]]:
        stages = self._rules.stages
        held, failed = stages.weights.sift(self._facts, stages.weights.every, complete=self._complete)
        self._failed += [f"weight {self._rules.weights[i].name}" for i in bits(failed)]
        return [(self._rules.weights[i].offers, self._rules.weights[i].weight) for i in bits(held)]

    def _worth(self, i: int) -> float | None:
        """What an offer is worth; it is out where its value raises, or is unknown."""
        worth = self._rules.worth[i]
        if worth is not None:
            return worth
        offer = self._rules.offers[i]
        try:
            value = offer.value.run(self._facts) if isinstance(offer.value, Expression) else offer.value
            if value is not None:
                return float(value) * offer.lever * offer.objective
        except RULE_ERRORS:
            self._failed.append(f"offer {offer.id}")
            self._reject(1 << i, Reason.RULE_FAILED)
            return None
        self._reject(1 << i, Reason.NO_VALUE)
        return None

    def _because(self, offer: Offer) -> tuple[str, ...]:
        """What made it fit: the facts that its conditions demand, and the text of a condition that says more."""
        said: dict[str, None] = {}
        group = next((one for one in self._rules.groups if one.name == offer.group), None)
        for condition in (offer.eligible, offer.applicable, offer.suitable, group.suitable if group else None):
            if condition is None:
                continue
            said |= {f"{one.attribute} is {_told(self._facts[one.attribute])}": None for one in condition.demands}
            if not condition.whole:
                said |= {condition.text: None}
        return tuple(said) or ("it is for everybody",)

    def _capped(self) -> int:
        question, stages = self._question, self._rules.stages
        capped = 0
        by_offer: dict[str, list[float]] = {}
        by_group: dict[str, list[float]] = {}
        for name, at in question.contacts:
            ago = (question.now - at).total_seconds()
            by_offer.setdefault(name, []).append(ago)
            position = self._rules.position.get(name)
            group = self._rules.offers[position].group if position is not None else None
            if group is not None:
                by_group.setdefault(group, []).append(ago)
        for name, ages in by_offer.items():
            if name in self._rules.position and _is_over(self._rules.offer(name).caps, ages):
                capped |= 1 << self._rules.position[name]
        for one in self._rules.groups:
            if _is_over(one.caps, by_group.get(one.name, [])):
                capped |= stages.by_group.get(one.name, 0)
        return capped

    def _sift(self, conditions: Any, left: int, reason: Reason) -> int:
        held, failed = conditions.sift(self._facts, left, complete=self._complete)
        if failed:
            self._failed += [f"offer {self._rules.offers[i].id}" for i in bits(failed)]
            self._reject(failed, Reason.RULE_FAILED)
        self._reject(left & ~held & ~failed, reason)
        return int(held)

    def _keep(self, left: int, mask: int, reason: Reason) -> int:
        self._reject(left & ~mask, reason)
        return left & mask

    def _reject(self, mask: int, reason: Reason) -> None:
        if mask:
            self._rejected[reason] = self._rejected.get(reason, 0) | mask


def _is_over(caps: Iterable[Cap], ages: list[float]) -> bool:
    return any(sum(age < cap.window.total_seconds() for age in ages) >= cap.count for cap in caps)


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def reasons_by_offer(ruleset: Ruleset, rejected: Mapping[str, str]) -> dict[str, Reason]:
    """Return offer -> reason from the masks of a trace, in the order of the ruleset."""
    found = {i: Reason(reason) for reason, mask in rejected.items() for i in bits(int(mask, 16))}
    return {ruleset.offers[i].id: found[i] for i in sorted(found)}
