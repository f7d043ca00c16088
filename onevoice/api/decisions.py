"""Decisions: made and kept under a key, followed by outcomes, explained.

Systems and operators ask and report; explaining is for operators, since it shows the facts.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from onevoice.api.caller import AnyCaller, Operator
from onevoice.api.wiring import ActsHere, DeskHere
from onevoice.messages import Channel
from onevoice.workers.decisions.desk import Asked, EndResult, Explained, OutcomeResult, Reported

router = APIRouter(tags=["decisions"])

IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=200)]
Fact = str | float | bool | list[str]


class DecisionAsked(BaseModel):
    """Who is there, on which channel, for which department, and what is to be decided."""

    model_config = ConfigDict(extra="forbid")

    ref: str = Field(max_length=600)
    kind: Literal["offer", "message", "question", "route"] = "offer"
    channel: Channel | None = None
    department: str | None = Field(default=None, max_length=60, pattern=r"^[a-z][a-z0-9_.-]*$")
    limit: int = Field(default=3, ge=1, le=10)
    facts: dict[str, Fact] = Field(default_factory=dict, max_length=50)


class OfferGiven(BaseModel):
    """One offer; what it reserves is given back when it expires."""

    id: str
    title: str
    text: str
    expires_at: datetime
    because: list[str]
    score: float


class RouteGiven(BaseModel):
    """Who answers, on which channel, and why; a person counts as busy until the end is reported, or until then."""

    to: str
    kind: Literal["person", "queue", "self_service"]
    channel: Channel | None
    because: list[str]
    until: datetime | None


class Decided(BaseModel):
    """What was decided, the best offer first; of kind route, who answers. `arms`: experiment -> arm and probability."""

    id: UUID
    made_at: datetime
    ruleset: str
    snapshot: int
    arms: dict[str, Any]
    offers: list[OfferGiven]
    route: RouteGiven | None


class OutcomeSaid(BaseModel):
    """What became of one offer; `event` is the sender's own id of it."""

    model_config = ConfigDict(extra="forbid")

    offer: str = Field(max_length=200)
    kind: Literal["shown", "clicked", "accepted", "declined"]
    event: str = Field(min_length=1, max_length=200)
    at: AwareDatetime


@router.post("/decisions", response_class=Response, responses={200: {"model": Decided}})
def decide(asked: DecisionAsked, key: IdempotencyKey, caller: AnyCaller, desk: DeskHere) -> Response:
    """Decide what to give to a customer in a conversation that they began, and reserve it; of kind route, who answers.

    The same `Idempotency-Key` returns the stored decision; for another question it is refused (409).
    """
    question = Asked(
        ref=asked.ref,
        kind=asked.kind,
        channel=asked.channel.value if asked.channel else None,
        department=asked.department,
        limit=asked.limit,
        facts=asked.facts,
    )
    answer = desk.decide(question, caller=f"{caller.kind}:{caller.name}", key=key)
    return Response(orjson.dumps(answer), media_type="application/json")


@router.post("/decisions/{decision}/outcomes", status_code=202)
def report_outcome(
    decision: UUID, said: OutcomeSaid, caller: AnyCaller, desk: DeskHere, acts: ActsHere
) -> OutcomeResult:
    """Report what became of an offer; again changes nothing, and what is of an unknown decision waits.

    A question that was accepted or declined is asked no more, on any channel, also where it is queued already.
    """
    reported = Reported(offer=said.offer, kind=said.kind, event=said.event, at=said.at)
    return desk.report(decision, reported, caller=f"{caller.kind}:{caller.name}", acts=acts)


@router.post("/decisions/{decision}/end")
def end_conversation(decision: UUID, _caller: AnyCaller, desk: DeskHere) -> EndResult:
    """Say that a conversation that was routed is over: who answered is free again. Again changes nothing."""
    return desk.end(decision)


@router.get("/decisions/{decision}")
def explain_decision(decision: UUID, _operator: Operator, desk: DeskHere) -> Explained:
    """Make a stored decision again by the rules and counts of its time, with a reason for every offer not given."""
    return desk.explain(decision)
