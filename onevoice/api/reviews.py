"""What a person must decide: pairs of customers that may be one. `POST /v1/judgements` takes the decision."""

from typing import Annotated

from fastapi import APIRouter, Query

from onevoice.api.caller import Operator
from onevoice.api.customers import one_customer
from onevoice.api.wiring import CustomersHere
from onevoice.workers.customers import Label, MergePreview, ReviewItem

router = APIRouter(tags=["reviews"])

Reference = Annotated[str, Query(max_length=600)]


@router.get("/reviews")
def list_reviews(
    _operator: Operator, customers: CustomersHere, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[ReviewItem]:
    """Return pairs of customers that may be one, those with most at stake first, each with its evidence."""
    return customers.reviews(limit=limit)


@router.get("/reviews/preview")
def preview_merge(one: Reference, other: Reference, _operator: Operator, customers: CustomersHere) -> MergePreview:
    """Return golden values and permissions as they would be if the two were merged; nothing is changed.

    What would be refused is refused with the chain shown (409).
    """
    return customers.preview(one_customer(customers, one), one_customer(customers, other))


@router.get("/reviews/labels")
def list_labels(_operator: Operator, customers: CustomersHere) -> list[Label]:
    """Return what people judged, with the evidence that stood before them: examples to train from."""
    return customers.labels()
