"""Who is who, as people say: merge, split, and taking either back. The operator's name is the actor."""

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


class Retract(BaseModel):
    """Take a judgement back."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retract"]
    judgement: UUID


Change = Annotated[Merge | Split | Retract, Body(discriminator="action")]


@router.post("/judgements", status_code=201)
def judge(change: Change, operator: Operator, customers: CustomersHere) -> JudgementResult:
    """Merge two customers, split one, or retract a judgement.

    What contradicts standing judgements is refused with the chain shown (409) and changes nothing.
    """
    if isinstance(change, Merge):
        one, other = (one_customer(customers, ref) for ref in change.customers)
        return customers.merge(one, other, actor=operator, reason=change.reason)
    if isinstance(change, Split):
        customer = one_customer(customers, change.customer)
        records = {_record(ref) for ref in change.records}
        return customers.split(customer, records, actor=operator, reason=change.reason)
    return customers.retract(change.judgement, actor=operator)


def _record(text: str) -> RecordRef:
    record = parse_reference(text).record
    if record is None:
        raise ProblemError(422, "records are named rec:<system>:<stream>:<key>")
    return record
