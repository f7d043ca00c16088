"""The customer's conversation: its timeline, its value, and the context for a touch point."""

from onevoice.conversation.context import (
    OPEN_CASES,
    OPEN_ORDERS,
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
from onevoice.conversation.timeline import CONVERSATION, LATEST, Entry, entries_from, orders_from, timeline
from onevoice.conversation.value import Valuation, Value, ValueRules

__all__ = [
    "CONVERSATION",
    "LATEST",
    "OPEN_CASES",
    "OPEN_ORDERS",
    "Context",
    "Entry",
    "Known",
    "Moment",
    "OffersNow",
    "PermissionNow",
    "Valuation",
    "Value",
    "ValueRules",
    "anonymous_context",
    "candidates_context",
    "entries_from",
    "known_context",
    "orders_from",
    "strictest",
    "timeline",
]
