"""Who is who, as people say: merge, split, same, different, pinned values, and taking any of it back.

The operator's name is the actor.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from onevoice.api.caller import Operator
from onevoice.api.customers import one_customer
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import CustomersHere
from onevoice.messages import RecordRef
from onevoice.workers.customers import JudgementResult
from onevoice.workers.customers.reference import parse_reference

router = APIRouter(tags=["judgements"])

Reference = Annotated[str, Field(max_length=600)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class Merge(BaseModel):
    """Say that two customers are one."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["merge"]
    customers: tuple[Reference, Reference]
    reason: Reason


class Split(BaseModel):
    """Say that some records of a customer are somebody else's."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["split"]
    customer: Reference
    records: list[Reference] = Field(min_length=1, max_length=500)
    reason: Reason


class Say(BaseModel):
    """Say that two records are the same customer's, or different ones'; they need not be known yet."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["same", "different"]
    records: tuple[Reference, Reference]
    reason: Reason


class PinValue(BaseModel):
    """Fix one golden value, whatever the systems say."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["pin"]
    customer: Reference
    path: str = Field(max_length=100)
    value: str | bool | int | list[str]
    reason: Reason


class Retract(BaseModel):
    """Take a judgement or a pin back."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retract"]
    judgement: UUID


Change = Annotated[Merge | Split | Say | PinValue | Retract, Body(discriminator="action")]


@router.post("/judgements", status_code=201)
def judge(change: Change, operator: Operator, customers: CustomersHere) -> JudgementResult:
    """Merge two customers, split one, judge two records, pin a value, or retract any of it.

    What contradicts standing judgements is refused with the chain shown (409) and changes nothing.
    """
    if isinstance(change, Merge):
        one, other = (one_customer(customers, ref) for ref in change.customers)
        return customers.merge(one, other, actor=operator, reason=change.reason)
    if isinstance(change, Split):
        customer = one_customer(customers, change.customer)
        records = {_record(ref) for ref in change.records}
        return customers.split(customer, records, actor=operator, reason=change.reason)
    if isinstance(change, Say):
        a, b = (_record(ref) for ref in change.records)
        return customers.say(change.action, a, b, actor=operator, reason=change.reason)
    if isinstance(change, PinValue):
        customer = one_customer(customers, change.customer)
        return customers.pin(customer, change.path, change.value, actor=operator, reason=change.reason)
    return customers.retract(change.judgement, actor=operator)


def _record(text: str) -> RecordRef:
    record = parse_reference(text).record
    if record is None:
        raise ProblemError(422, "records are named rec:<system>:<stream>:<key>")
    return record
