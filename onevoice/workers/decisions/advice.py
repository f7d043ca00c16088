"""What the context offers at a moment: a decision that is made and not kept, since asking changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Self

from onevoice.conversation import OffersNow, ValueRules
from onevoice.decisions import KINDS, NOTHING_SHOWN, WORDS, Chosen, Engine, Question, checked_facts, reasons_by_offer
from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.workers.decisions.rules import Rules

MOST_OFFERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A decision that was tried, by which rules and on which facts.

    Attributes:
        rejected: (offer, reason, the reason in words), in the order of the file.
        failed: tables, groups, weights and offers whose rules raised.
    """

    version: str
    facts: Json
    chosen: tuple[Chosen, ...]
    rejected: tuple[tuple[str, str, str], ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The live rules, ready to decide."""

    engine: Engine
    value: ValueRules

    @classmethod
    def of(cls, rules: Rules) -> Self:
        """Return the advice by these rules, before anything was shown."""
        return cls(engine=Engine(rules.ruleset, NOTHING_SHOWN), value=rules.value)

    def offers(self, facts: Mapping[str, Any], *, oldest: str, now: datetime, objected: bool) -> OffersNow:
        """Return the offers for a conversation that the customer began, the best first.

        Args:
            oldest: id of the customer's oldest record, or the contact point of somebody unknown.
            objected: it objects to marketing as a whole, so that offers are withheld even when it calls itself.
        """
        question = self._question(facts, kind="offer", oldest=oldest, now=now, objected=objected)
        told = tuple(map(self.told, self.engine.decide(question).chosen))
        return OffersNow(offers=told, withheld="objection to marketing" if objected else None)

    def tried(self, facts: Mapping[str, Any], *, kind: str, oldest: str, now: datetime, objected: bool) -> Tried:
        """Return the whole decision that `offers` makes, for people.

        Raises:
            RefusedError: there is no such kind.
        """
        if kind not in KINDS:
            raise RefusedError(f"decide: kind is one of {', '.join(KINDS)}")
        question = self._question(facts, kind=kind, oldest=oldest, now=now, objected=objected)
        decision = self.engine.decide(question)
        rejected = reasons_by_offer(self.engine.ruleset, decision.trace()["rejected"])
        rows = tuple((name, reason.value, WORDS[reason]) for name, reason in rejected.items())
        return Tried(
            version=self.engine.ruleset.version,
            facts=question.stored()["facts"],
            chosen=decision.chosen,
            rejected=rows,
            failed=decision.failed,
        )

    def _question(self, facts: Mapping[str, Any], *, kind: str, oldest: str, now: datetime, objected: bool) -> Question:
        return Question(
            now=now,
            kind=kind,
            limit=MOST_OFFERS,
            facts=checked_facts({"direction": "inbound", **facts}, self.engine.ruleset.inputs),
            oldest=oldest,
            refused={"marketing": "objection"} if objected else {},
        )

    def told(self, chosen: Chosen) -> Json:
        """Return an offer as a touch point gets it."""
        offer = self.engine.ruleset.offer(chosen.offer)
        return {
            "id": offer.id,
            "title": offer.title,
            "text": offer.text,
            "expires_at": datetime.combine(offer.valid_until, time(23, 59, 59), UTC),
            "because": list(chosen.because),
        }
