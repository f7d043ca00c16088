"""Customers: found, shown, explained; their timeline, acts and permissions; the context for a touch point.

Context is for systems and operators; everything else is for operators. A reference in a path stands in the access logs
of whatever lies between; `POST /v1/context` takes it in the body.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from onevoice.api.caller import AnyCaller, Operator
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import CustomersHere
from onevoice.conversation import Entry
from onevoice.errors import RefusedError
from onevoice.messages import Act, Channel
from onevoice.workers.customers import CustomerExplanation, Customers, CustomerView, PairExplanation, PointPermission

router = APIRouter(tags=["customers"])

Match = Annotated[str | None, Header(alias="If-None-Match", max_length=400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The customers that a reference fits."""

    customers: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """A part of the timeline, the newest entry first; `next` goes into `before` for the part after it."""

    entries: list[Entry]
    next: str | None


class MomentAsked(BaseModel):
    """On which channel, for which department, and what the customer came for."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel | None = None
    department: str | None = Field(default=None, max_length=60, pattern=r"^[a-z][a-z0-9_.-]*$")
    need: str | None = Field(default=None, max_length=60, pattern=r"^[a-z][a-z0-9_.-]*$")


class ContextAsked(MomentAsked):
    """Who is there, and the moment."""

    ref: str = Field(max_length=600)


_CONTEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The context."},
    304: {"description": "The context is the one that the entity tag names."},
}


@router.post("/context", responses=_CONTEXT, response_class=Response)
def ask_context(asked: ContextAsked, _caller: AnyCaller, customers: CustomersHere, match: Match = None) -> Response:
    """Return what a touch point needs when this customer is there."""
    return _context(customers, asked.ref, asked, match)


@router.get("/customers")
def find_customers(ref: str, _operator: Operator, customers: CustomersHere) -> Found:
    """Return the customers that a reference fits: an id, `rec:<system>:<stream>:<key>`, `phone:+…` or `email:…`."""
    return Found(customers=_find(customers, ref))


@router.get("/customers/{ref:path}/context", responses=_CONTEXT, response_class=Response)
def get_context(
    ref: str,
    _caller: AnyCaller,
    customers: CustomersHere,
    moment: Annotated[MomentAsked, Query()],
    match: Match = None,
) -> Response:
    """Return what a touch point needs when this customer is there."""
    return _context(customers, ref, moment, match)


@router.get("/customers/{ref:path}/timeline")
def get_timeline(
    ref: str,
    _operator: Operator,
    customers: CustomersHere,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[str | None, Query(max_length=100)] = None,
) -> TimelinePage:
    """Return interactions, orders and acts from every system on one line, the newest first."""
    customer = one_customer(customers, ref)
    try:
        entries = customers.timeline(customer, limit=limit, before=before)
    except RefusedError as error:
        raise ProblemError(400, str(error)) from None
    return TimelinePage(entries=entries, next=entries[-1].cursor if len(entries) == limit else None)


@router.get("/customers/{ref:path}/explain")
def explain_customer(ref: str, _operator: Operator, customers: CustomersHere) -> CustomerExplanation:
    """Return where each value came from and what it won against, and why the records are one customer."""
    return customers.explain(one_customer(customers, ref))


@router.get("/customers/{ref:path}/permissions")
def get_permissions(ref: str, _operator: Operator, customers: CustomersHere) -> list[PointPermission]:
    """Return what may be done at each contact point, with the acts that say so."""
    return customers.permissions(one_customer(customers, ref))


@router.get("/customers/{ref:path}/acts")
def get_acts(ref: str, _operator: Operator, customers: CustomersHere) -> list[Act]:
    """Return every consent, withdrawal and objection that bears on the customer, the newest first."""
    return customers.acts(one_customer(customers, ref))


@router.get("/customers/{ref:path}")
def get_customer(ref: str, _operator: Operator, customers: CustomersHere) -> CustomerView:
    """Return the golden record, the records it is made of, and every id that it goes by."""
    return customers.show(one_customer(customers, ref))


@router.get("/explain")
def explain_pair(
    one: Annotated[str, Query(max_length=600)],
    other: Annotated[str, Query(max_length=600)],
    _operator: Operator,
    customers: CustomersHere,
) -> PairExplanation:
    """Return why two records, or two customers, are one or are not; "never compared" included."""
    for ref in (one, other):
        _find(customers, ref)
    return customers.explain_pair(one, other)


def one_customer(customers: Customers, ref: str) -> str:
    """Return the id of the one customer that a reference fits.

    Raises:
        ProblemError: 400, it is no reference; 404, it fits nobody; 409, it fits several, which are named.
    """
    found = _find(customers, ref)
    if not found:
        raise ProblemError(404, "nobody is known under this reference")
    if len(found) > 1:
        ids = [str(customer) for customer in found]
        raise ProblemError(409, "more than one customer fits this reference", extra={"customers": ids})
    return str(found[0])


def _find(customers: Customers, ref: str) -> list[UUID]:
    try:
        return customers.find(ref)
    except RefusedError as error:
        raise ProblemError(400, str(error)) from None


def _context(customers: Customers, reference: str, asked: MomentAsked, match: str | None) -> Response:
    try:
        context = customers.context(reference, channel=asked.channel, department=asked.department, need=asked.need)
    except RefusedError as error:
        raise ProblemError(400, str(error)) from None
    tag = f'"{context.etag}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if match is not None and tag in (one.strip().removeprefix("W/") for one in match.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(context.body, media_type="application/json", headers=headers)
