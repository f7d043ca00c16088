"""Customers: looked up, shown, explained, told in context, merged, split and unmerged. The API and the CLI share it."""

from onevoice.workers.customers.customers import Customers, open_customers
from onevoice.workers.customers.explanation import CustomerExplanation, PairExplanation
from onevoice.workers.customers.judgement import Judgement
from onevoice.workers.customers.judging import JudgementResult
from onevoice.workers.customers.permission import PointPermission
from onevoice.workers.customers.preview import MergePreview
from onevoice.workers.customers.record import RecordState
from onevoice.workers.customers.review import Label, ReviewItem
from onevoice.workers.customers.view import CustomerView, RecordView

__all__ = [
    "CustomerExplanation",
    "CustomerView",
    "Customers",
    "Judgement",
    "JudgementResult",
    "Label",
    "MergePreview",
    "PairExplanation",
    "PointPermission",
    "RecordState",
    "RecordView",
    "ReviewItem",
    "open_customers",
]
