"""The customer's conversation: its timeline, its value, offers, and the context for a touch point."""

from onevoice.conversation.context import (
    Context,
    ContextRules,
    Known,
    Moment,
    PermissionNow,
    anonymous_context,
    candidates_context,
    known_context,
    strictest,
)
from onevoice.conversation.offers import Offer, OfferMade, OfferRules
from onevoice.conversation.timeline import Entry, orders_of, timeline
from onevoice.conversation.value import Value, ValueRules

__all__ = [
    "Context",
    "ContextRules",
    "Entry",
    "Known",
    "Moment",
    "Offer",
    "OfferMade",
    "OfferRules",
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
