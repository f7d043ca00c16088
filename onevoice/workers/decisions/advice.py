"""What the context offers at a moment: a decision that is made and not kept, since asking changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import Connection

from onevoice.conversation import OffersNow
from onevoice.decisions import (
    KINDS,
    NOTHING_SHOWN,
    WORDS,
    Chosen,
    Engine,
    Question,
    Ruleset,
    checked_facts,
    reasons_by_offer,
)
from onevoice.decisions.ledger import contacts_at, latest_snapshot, load_snapshot
from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.workers.decisions.facts import Situation
from onevoice.workers.decisions.rules import Rules

MOST_OFFERS, MOST_ASKED = 5, 10


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


@dataclass(slots=True)
class Advice:
    """The rules of one hub with the newest counts, ready to decide; to be used by any number of threads."""

    rules: Rules
    _engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self._engine = Engine(self.rules.ruleset, NOTHING_SHOWN)

    def engine(self, connection: Connection) -> Engine:
        """Return the engine with the newest snapshot of propensities."""
        number = latest_snapshot(connection)
        engine = self._engine
        if engine.propensity.number != number:
            engine = self._engine = Engine(self.rules.ruleset, load_snapshot(connection, number))
        return engine

    def question(
        self,
        connection: Connection,
        situation: Situation,
        now: datetime,
        *,
        kind: str = "offer",
        limit: int = MOST_OFFERS,
        more: Mapping[str, Any] | None = None,
    ) -> Question:
        """Return what is to be decided: the situation, and what was given at its anchors before.

        Args:
            more: facts that a caller tells.

        Raises:
            RefusedError: there is no such kind, or a fact is of the wrong one.
        """
        if kind not in KINDS or not 1 <= limit <= MOST_ASKED:
            raise RefusedError(f"decision: kind is one of {', '.join(KINDS)}, limit is from 1 to {MOST_ASKED}")
        return Question(
            now=now,
            kind=kind,
            limit=limit,
            facts=checked_facts({"direction": "inbound", **situation.facts, **(more or {})}, self.rules.ruleset.inputs),
            oldest=situation.oldest,
            refused=situation.refused,
            contacts=contacts_at(connection, situation.anchors, now),
        )

    def offers(self, connection: Connection, situation: Situation, now: datetime) -> OffersNow:
        """Return the offers for a conversation that the customer began, the best first; nothing is kept."""
        engine = self.engine(connection)
        made = engine.decide(self.question(connection, situation, now))
        told = tuple(told_offer(engine.ruleset, chosen) for chosen in made.chosen)
        refused = situation.refused.get("marketing")
        return OffersNow(offers=told, withheld=f"the gate refuses marketing: {refused}" if refused else None)

    def tried(self, connection: Connection, question: Question) -> Tried:
        """Return a whole decision for people; nothing is kept."""
        engine = self.engine(connection)
        decision = engine.decide(question)
        rejected = reasons_by_offer(engine.ruleset, decision.trace()["rejected"])
        return Tried(
            version=engine.ruleset.version,
            facts=question.stored()["facts"],
            chosen=decision.chosen,
            rejected=tuple((name, reason.value, WORDS[reason]) for name, reason in rejected.items()),
            failed=decision.failed,
        )


def told_offer(ruleset: Ruleset, chosen: Chosen) -> Json:
    """Return an offer as a touch point gets it; it expires at the end of its last day."""
    offer = ruleset.offer(chosen.offer)
    return {
        "id": offer.id,
        "title": offer.title,
        "text": offer.text,
        "expires_at": datetime.combine(offer.valid_until, time(23, 59, 59), UTC),
        "because": list(chosen.because),
    }
