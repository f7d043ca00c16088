"""One decision: what is asked, what came out, and the compact trace of why.

Everything here is a plain value that goes to JSON and back without loss, so that a stored decision can be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from onevoice.decisions.attribute import Attribute, checked_facts
from onevoice.decisions.routing import Routed
from onevoice.messages import Json


class Reason(StrEnum):
    """Why an offer was not given: the first stage that it did not pass."""

    OTHER_KIND = "other_kind"
    NOT_VALID = "not_valid"
    RULE_FAILED = "rule_failed"
    NOT_ELIGIBLE = "not_eligible"
    WRONG_CHANNEL = "wrong_channel"
    NOT_APPLICABLE = "not_applicable"
    NOT_SUITABLE = "not_suitable"
    NOT_PERMITTED = "not_permitted"
    CAPPED = "capped"
    OVER_BUDGET = "over_budget"
    CONTROL = "control"
    NO_VALUE = "no_value"
    GROUP_FULL = "group_full"
    OUTRANKED = "outranked"


WORDS: Mapping[Reason, str] = {
    Reason.OTHER_KIND: "another kind was asked for",
    Reason.NOT_VALID: "its first day is yet to come, or its last one is over",
    Reason.RULE_FAILED: "one of its expressions raised, or reads a table that gave nothing",
    Reason.NOT_ELIGIBLE: "its `eligible` does not hold",
    Reason.WRONG_CHANNEL: "it is not said on this channel",
    Reason.NOT_APPLICABLE: "its `applicable` does not hold",
    Reason.NOT_SUITABLE: "its `suitable`, or its group's, does not hold",
    Reason.NOT_PERMITTED: "the gate refuses its purpose",
    Reason.CAPPED: "the customer had it, or others of its group, as often as the caps let",
    Reason.OVER_BUDGET: "what is left of its budget does not pay for one more",
    Reason.CONTROL: "the customer is in the control arm of an experiment",
    Reason.NO_VALUE: "its score is not above 0",
    Reason.GROUP_FULL: "others of its group ranked above it",
    Reason.OUTRANKED: "others ranked above it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a decision is made from; the same question to the same rules and counts gives the same answer.

    Attributes:
        facts: by attribute, as `checked_facts` gave them.
        oldest: id of the customer's oldest record, or the contact point of somebody unknown; decides control arms.
        refused: purposes that the gate refuses at this moment, with its reason.
        contacts: offers that the customer has or had, (offer, when), reservations that stand included.
        spent: offers whose budget could not pay for one more.
        taken: (target, channel, conversations that it has there), where somebody is to answer.
    """

    now: datetime
    kind: str
    limit: int
    facts: Mapping[str, Any]
    oldest: str
    refused: Mapping[str, str] = field(default_factory=dict)
    contacts: tuple[tuple[str, datetime], ...] = ()
    spent: frozenset[str] = frozenset()
    taken: tuple[tuple[str, str, int], ...] = ()

    def stored(self) -> Json:
        """Return it as JSON; a number is text, so that it stays exact, and what is unknown is left out."""
        return {
            "now": self.now.isoformat(),
            "kind": self.kind,
            "limit": self.limit,
            "facts": {
                name: value
                if isinstance(value, bool | str)
                else list(value)
                if isinstance(value, tuple)
                else str(value)
                for name, value in self.facts.items()
                if value is not None
            },
            "oldest": self.oldest,
            "refused": dict(self.refused),
            "contacts": [[offer, at.isoformat()] for offer, at in self.contacts],
            "spent": sorted(self.spent),
            "taken": [list(one) for one in self.taken],
        }


def stored_question(stored: Json, attributes: Mapping[str, Attribute]) -> Question:
    """Return the question that `stored` gave."""
    return Question(
        now=datetime.fromisoformat(stored["now"]),
        kind=stored["kind"],
        limit=stored["limit"],
        facts=checked_facts(stored["facts"], attributes),
        oldest=stored["oldest"],
        refused=stored["refused"],
        contacts=tuple((offer, datetime.fromisoformat(at)) for offer, at in stored["contacts"]),
        spent=frozenset(stored["spent"]),
        taken=tuple((target, channel, count) for target, channel, count in stored["taken"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An offer that is given, with the factors of its score and what made it fit."""

    offer: str
    score: float
    propensity: float
    weight: float
    worth: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What came out.

    Attributes:
        chosen: the best first.
        ranked: the best offers with their scores, those that were chosen and the next ones.
        rejected: reason -> mask of offers in the order of the ruleset; every offer is chosen or in exactly one.
        failed: tables, offers and routes whose rules raised.
        arms: experiment -> (arm, probability of that arm).
        route: who answers, where that was asked.
    """

    chosen: tuple[Chosen, ...]
    ranked: tuple[tuple[str, float], ...]
    rejected: Mapping[Reason, int]
    failed: tuple[str, ...]
    arms: Mapping[str, tuple[str, float]]
    route: Routed | None = None

    def given(self) -> list[str]:
        """Return what came out: the offers, the best first, or who answers."""
        return [self.route.to] if self.route is not None else [one.offer for one in self.chosen]

    def trace(self) -> Json:
        """Return the compact trace: masks in hexadecimal, scores to the last bit."""
        return {
            "chosen": [[one.offer, one.score, one.propensity, one.weight, one.worth] for one in self.chosen],
            "ranked": [list(one) for one in self.ranked],
            "rejected": {reason.value: f"{mask:x}" for reason, mask in self.rejected.items()},
            "failed": list(self.failed),
            "arms": {name: list(arm) for name, arm in self.arms.items()},
            "route": self.route.trace() if self.route is not None else None,
        }


def given_by(trace: Json) -> list[str]:
    """Return what came out by a stored trace: the offers, the best first, or who answers."""
    return [trace["route"]["to"]] if trace["route"] else [one[0] for one in trace["chosen"]]
