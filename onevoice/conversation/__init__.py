"""The customer's conversation: its timeline, its value, and the context for a touch point."""

from onevoice.conversation.context import (
    Context,
    Known,
    Moment,
    OffersNow,
    PermissionNow,
    anonymous_context,
    candidates_context,
    known_context,
    strictest,
)
from onevoice.conversation.timeline import Entry, orders_of, timeline
from onevoice.conversation.value import Value, ValueRules

__all__ = [
    "Context",
    "Entry",
    "Known",
    "Moment",
    "OffersNow",
    "PermissionNow",
    "Value",
    "ValueRules",
    "anonymous_context",
    "candidates_context",
    "known_context",
    "orders_of",
    "strictest",
    "timeline",
]
