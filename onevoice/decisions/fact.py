"""The facts that the hub knows of every customer and moment; `rules/decisions.yaml` declares what a caller adds."""

from collections.abc import Collection

from onevoice.decisions.attribute import Attribute, Kind
from onevoice.messages import Channel

DIRECTIONS = ("inbound", "outbound")
TOLD = frozenset({"need", "language", "prefers_assisted"})
"""Of these a touch point may know better than the hub; all others are the hub's own, and no caller changes them."""


def hub_attributes(*, tiers: Collection[str], stages: Collection[str]) -> dict[str, Attribute]:
    """Return the attributes by name.

    Args:
        tiers: the value tiers of `rules/value.yaml`.
        stages: its life-cycle stages.
    """
    closed = {
        "tier": ("value tier", tiers),
        "stage": ("life-cycle stage", stages),
        "channel": ("channel of this moment", [channel.value for channel in Channel]),
        "direction": ("who began the conversation: the customer is inbound", DIRECTIONS),
        "type": ("person or organisation; unknown where nobody is known", ("person", "organisation")),
    }
    texts = {
        "department": "which part of the company asks",
        "need": "what the customer came for, as the touch point says it",
        "language": "language of the customer, as in the golden record",
        "country": "country of the first address",
        "last_department": "department of the latest interaction",
        "last_agent": "who of the company took part in the latest assisted interaction",
    }
    numbers = {
        "amount": "worth of the counted orders within the window of rules/value.yaml",
        "orders": "how many those are",
        "days_since_order": "whole days since the latest order",
        "open_orders": "orders that are open or paid",
        "open_cases": "cases that are open or escalated",
        "interactions_30_days": "interactions within the last 30 days, 200 at most",
        "days_since_interaction": "whole days since the latest interaction",
    }
    truths = {
        "known_customer": "exactly one customer fits the reference",
        "escalated": "an escalated case is open",
        "complained": "a complaint came within the last 30 days",
        "collection": "a collection case is open",
        "prefers_assisted": "the customer prefers to be served by a person; unknown where nothing was said",
    }
    lists = {
        "insights": "outcomes of interactions of kind `insight` within 90 days: what a department found likely",
        "answered": "campaigns and questions that the customer answered or declined, on whatever channel",
    }
    found = [
        *(Attribute(name=n, kind=Kind.TEXT, words=w, values=frozenset(v)) for n, (w, v) in closed.items()),
        *(Attribute(name=name, kind=Kind.TEXT, words=words) for name, words in texts.items()),
        *(Attribute(name=name, kind=Kind.NUMBER, words=words) for name, words in numbers.items()),
        *(Attribute(name=name, kind=Kind.TRUTH, words=words) for name, words in truths.items()),
        *(Attribute(name=name, kind=Kind.TEXTS, words=words) for name, words in lists.items()),
    ]
    return {attribute.name: attribute for attribute in found}
