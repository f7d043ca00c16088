"""Ask before you contact: permissions, tokens and their redemption; acts that are stated at the hub itself.

For systems and operators. The one rule: a system speaks of its own records only, and what it states is dated by its own
clock; contact points and content stand in bodies, never in paths.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from onevoice.api.caller import AnyCaller
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import ActsHere
from onevoice.consent import Answer
from onevoice.errors import RefusedError
from onevoice.messages import Act, Channel, RecordRef
from onevoice.workers.acts import HUB
from onevoice.workers.contacts import Contacts, Offered, Redeemed, Wish, point_of
from onevoice.workers.customers.reference import parse_reference

router = APIRouter(tags=["contacts"])

_Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Text = Annotated[str, Field(min_length=1, max_length=600)]
_Thread = Annotated[str | None, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Asked(_Body):
    """Whom to contact, how and why. `ref` is a customer; or the point alone, where it is not known whose it is."""

    ref: _Text
    channel: Channel
    purpose: _Purpose
    point: _Text | None = None
    direction: Literal["outbound", "inbound"] = "outbound"
    controller: _Text = "default"
    thread: _Thread = None
    topic: _Purpose | None = None


class Many(_Body):
    """Up to a thousand questions; the answers come in their order."""

    ask: list[Asked] = Field(min_length=1, max_length=1000)


class Contact(Asked):
    """A contact to be made: with what it will say, of which the hub keeps a hash, and how long the token is to hold."""

    content: Annotated[str, Field(min_length=1, max_length=100_000)]
    valid_seconds: int = Field(default=86_400, ge=1, le=30 * 86_400)
    decision: UUID | None = Field(default=None, description="whose reservation of caps and budget it uses up, with")
    offer: _Purpose | None = Field(default=None, description="the offer that was decided")


class Redemption(_Body):
    """A token with what it was given for; anything else is refused."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    point: _Text | None = None
    purpose: _Purpose
    content: Annotated[str, Field(min_length=1, max_length=100_000)]


class Terms(_Body):
    """What a preference wishes; null, false or an empty list takes a wish back."""

    most: int | None = Field(default=None, ge=1)
    days: int | None = Field(default=None, ge=1, le=366)
    preferred: bool | None = None
    assisted: bool | None = None
    between: list[Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]] | None = Field(
        default=None, max_length=10
    )
    not_about: list[_Purpose] | None = Field(default=None, max_length=50)


class Said(_Body):
    """An act: what was said, where it stands, and what proves it, in the fields of `schemas/canonical/act.json`."""

    kind: Literal["grant", "withdrawal", "objection", "prohibition", "lift", "preference"]
    channel: Channel | Literal["any"]
    purpose: _Purpose
    reason: _Purpose | None = None
    point: _Text | None = None
    record: _Text | None = Field(default=None, description="rec:<system>:<stream>:<key>")
    time: AwareDatetime | None = Field(default=None, description="when it was said; now, where it is left out")
    valid_until: AwareDatetime | None = None
    inbound: bool = False
    thread: _Thread = None
    lifts: UUID | None = None
    controller: _Text = "default"
    terms: Terms = Field(default_factory=Terms)
    evidence: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The act that was kept; `late` names contacts at its point that were committed before it, within a day."""

    act: UUID
    time: datetime
    late: list[UUID]


async def _contacts(request: Request) -> Contacts:
    contacts: Contacts = request.app.state.contacts
    return contacts


ContactsHere = Annotated[Contacts, Depends(_contacts)]


@router.post("/permissions")
def ask_permissions(asked: Many, _caller: AnyCaller, contacts: ContactsHere) -> list[Answer]:
    """Return whether each contact may be made now, with every reason. Nothing is kept: this is no leave to send."""
    return [contacts.ask(_wish(one)) for one in asked.ask]


@router.post("/contacts")
def offer_contact(asked: Contact, _caller: AnyCaller, contacts: ContactsHere) -> Offered:
    """Return the answer and, where it is yes, a token for exactly this customer, point, purpose and content."""
    wish = replace(_wish(asked), decision=asked.decision, offer=asked.offer)
    return contacts.offer(wish, content=asked.content, valid=timedelta(seconds=asked.valid_seconds))


@router.post("/contacts/redeem")
def redeem_contact(asked: Redemption, _caller: AnyCaller, contacts: ContactsHere) -> Redeemed:
    """Commit a contact at the moment of sending. Send it only if `committed` is true; a token serves once."""
    point = point_of(asked.point) if asked.point else None
    return contacts.redeem(asked.token, point=point, purpose=asked.purpose, content=asked.content)


@router.post("/acts", status_code=201)
def state_act(said: Said, caller: AnyCaller, acts: ActsHere) -> Taken:
    """State a grant, a prohibition, a lift or a preference. It binds the gate from this answer on."""
    record = _record(said.record) if said.record else None
    if caller.kind == "system" and record is not None and record.system != caller.name:
        raise ProblemError(403, "a system states acts of its own records only")
    system = caller.name if caller.kind == "system" else HUB
    act = Act(
        id=UUID(int=0),
        kind=said.kind,
        channel=str(said.channel),
        purpose=said.purpose,
        reason=said.reason or said.kind,
        time=said.time or acts.gate.clock(),
        source=RecordRef(system=system, stream="act", key=""),
        anchor_record=record,
        anchor_point=point_of(said.point) if said.point else None,
        controller=said.controller,
        valid_until=said.valid_until,
        inbound=said.inbound,
        thread=said.thread,
        lifts=said.lifts,
        terms=said.terms.model_dump(exclude_unset=True),
        evidence=said.evidence,
    )
    kept = acts.state(act, by=f"{caller.kind}:{caller.name}", roles=caller.roles)
    return Taken(act=kept.act.id, time=kept.act.time, late=list(kept.late))


def _wish(asked: Asked) -> Wish:
    return Wish(
        reference=asked.ref,
        channel=asked.channel.value,
        purpose=asked.purpose,
        point=asked.point,
        inbound=asked.direction == "inbound",
        controller=asked.controller,
        thread=asked.thread,
        topic=asked.topic,
    )


def _record(text: str) -> RecordRef:
    record = parse_reference(text).record
    if record is None:
        raise RefusedError("record not understood: write rec:<system>:<stream>:<key>")
    return record
