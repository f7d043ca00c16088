"""What the context offers at a moment, and who answers: decided and not kept, since asking changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from onevoice.conversation import OffersNow
from onevoice.decisions import (
    KINDS,
    QUESTION,
    ROUTE,
    TOLD,
    WORDS,
    Chosen,
    Decision,
    Question,
    Routed,
    Ruleset,
    checked_facts,
    reasons_by_offer,
)
from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.workers.decisions.facts import Situation
from onevoice.workers.decisions.rulebook import Decider

MOST_OFFERS, MOST_ASKED = 5, 10
ASKED = (*KINDS, ROUTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A decision that was tried, by which rules and on which facts.

    Attributes:
        rejected: (offer, reason, the reason in words), in the order of the file.
        failed: tables, groups, weights, offers and routes whose rules raised.
        route: who would answer, where that was asked.
    """

    version: str
    facts: Json
    chosen: tuple[Chosen, ...]
    rejected: tuple[tuple[str, str, str], ...]
    failed: tuple[str, ...]
    route: Routed | None


def question(
    decider: Decider,
    situation: Situation,
    now: datetime,
    *,
    kind: str = "offer",
    limit: int = MOST_OFFERS,
    more: Mapping[str, Any] | None = None,
) -> Question:
    """Return what is to be decided: the situation, and what was given at its anchors before, or how busy everybody is.

    Args:
        more: facts that a caller tells.

    Raises:
        RefusedError: there is no such kind, a fact is of the wrong one, or it is the hub's own.
    """
    if kind not in ASKED or not 1 <= limit <= MOST_ASKED:
        raise RefusedError(f"decision: kind is one of {', '.join(ASKED)}, limit is from 1 to {MOST_ASKED}")
    ruleset, told = decider.rules.ruleset, more or {}
    own = sorted((ruleset.inputs.keys() - ruleset.declared - TOLD) & told.keys())
    if own:
        raise RefusedError(f"decision: {', '.join(own)}: the hub knows it by itself; leave it out")
    unknown = ruleset.stages.by_purpose.keys() - situation.purposes
    return Question(
        now=now,
        kind=kind,
        limit=limit,
        facts=checked_facts({"direction": "inbound", **situation.facts, **told}, ruleset.inputs),
        oldest=situation.oldest,
        refused={**situation.refused, **dict.fromkeys(sorted(unknown), "unknown_purpose")},
        contacts=situation.contacts if kind != ROUTE else (),
        taken=situation.taken if kind == ROUTE else (),
    )


def route_now(decider: Decider, situation: Situation, now: datetime) -> Json:
    """Return who would answer, and why; nobody counts as busy by it."""
    made = decider.engine.decide(question(decider, situation, now, kind=ROUTE))
    return told_route(made)


def offers_now(decider: Decider, situation: Situation, now: datetime) -> OffersNow:
    """Return the offers for a conversation that the customer began, the best first, and what may be asked of them.

    Nothing is kept.
    """
    ruleset = decider.rules.ruleset
    made = decider.engine.decide(question(decider, situation, now))
    told = tuple(told_offer(ruleset, chosen) for chosen in made.chosen)
    asked = decider.engine.decide(question(decider, situation, now, kind=QUESTION)).chosen
    refused = situation.refused.get("marketing")
    return OffersNow(
        offers=told,
        withheld=f"the gate refuses marketing: {refused}" if refused else None,
        question=told_offer(ruleset, asked[0]) if asked else None,
    )


def tried(decider: Decider, asked: Question) -> Tried:
    """Return a whole decision for people; nothing is kept."""
    decision = decider.engine.decide(asked)
    rejected = reasons_by_offer(decider.rules.ruleset, decision.trace()["rejected"])
    return Tried(
        version=decider.rules.version,
        facts=asked.stored()["facts"],
        chosen=decision.chosen,
        rejected=tuple((name, reason.value, WORDS[reason]) for name, reason in rejected.items()),
        failed=decision.failed,
        route=decision.route,
    )


def told_route(made: Decision) -> Json:
    """Return who answers as a touch point gets it.

    Raises:
        RefusedError: that was not asked.
    """
    if made.route is None:
        raise RefusedError("decision: it was not asked who answers")
    return {
        "to": made.route.to,
        "kind": made.route.kind,
        "channel": made.route.channel,
        "because": list(made.route.because),
    }


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
