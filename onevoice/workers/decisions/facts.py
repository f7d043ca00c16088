"""The facts about one customer at one moment, gathered from what the rooms know of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from onevoice.consent.dealings import country_of
from onevoice.conversation import OPEN_CASES, OPEN_ORDERS, Entry, Moment, Value
from onevoice.messages import ANY, Act, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Who is there, and what counts for a decision about them in a conversation that they began.

    Attributes:
        oldest: id of the customer's oldest record, or the contact point of somebody unknown.
        anchor: that record, or the contact point: what a decision hangs on.
        purposes: those that the gate knows.
        refused: those of them that it refuses -> why.
        contacts: (offer, when) of all that was given at the anchors and stands.
        turn: of the latest decision there.
        taken: (target, channel, conversations) of who is busy.
    """

    facts: Json
    oldest: str
    anchor: str
    purposes: frozenset[str]
    refused: Mapping[str, str]
    contacts: tuple[tuple[str, datetime], ...]
    turn: int
    taken: tuple[tuple[str, str, int], ...]


ANSWERED, THREAD_END = "answered", "thread_end"
_MONTH, _INSIGHT = timedelta(days=30), timedelta(days=90)


def moment_facts(moment: Moment) -> dict[str, Any]:
    """Return what is known of the moment, whoever it is: a channel, a department, what for."""
    return {
        "channel": moment.channel,
        "department": moment.department,
        "need": moment.need,
        "known_customer": False,
    }


def customer_facts(
    kind: str | None, golden: Json, value: Value, entries: Sequence[Entry], acts: Sequence[Act], moment: Moment
) -> Json:
    """Return what is known of a customer.

    Args:
        kind: person or organisation.
        acts: all that bear on it.
        entries: its latest interactions, orders and acts, the newest first.
    """
    now = moment.now
    said = [entry for entry in entries if entry.type == "interaction"]
    cases = [entry.details for entry in said if entry.details.get("kind") == "case"]
    return {
        "known_customer": kind is not None,
        "type": kind,
        "tier": value.tier,
        "stage": value.stage,
        "amount": value.amount,
        "orders": value.orders,
        "days_since_order": (now - value.last_order_at).days if value.last_order_at else None,
        "language": golden.get("language"),
        "country": country_of(golden.get("addresses")),
        "open_orders": sum(e.type == "order" and e.details.get("status") in OPEN_ORDERS for e in entries),
        "open_cases": sum(case.get("outcome") in OPEN_CASES for case in cases),
        "escalated": any(case.get("outcome") == "escalated" for case in cases),
        "complained": any(e.details.get("kind") == "complaint" and now - e.time <= _MONTH for e in said),
        "collection": any(e.details.get("kind") == "collection" and e.details.get("outcome") == "open" for e in said),
        "interactions_30_days": sum(now - entry.time <= _MONTH for entry in said),
        "days_since_interaction": (now - said[0].time).days if said else None,
        "last_department": _latest(said, "department"),
        "last_agent": _latest(said, "agent"),
        "insights": sorted({e.details["outcome"] for e in said if _is_insight(e, now)}),
        "answered": sorted(_answered(acts)),
        "prefers_assisted": _prefers_assisted(acts, moment),
    }


def _answered(acts: Sequence[Act]) -> set[str]:
    """The threads that the customer answered and that nobody said have ended since."""
    ended: dict[str | None, datetime] = {}
    for act in acts:
        if act.kind == "lift" and act.reason == THREAD_END:
            ended[act.thread] = max(act.time, ended.get(act.thread, act.time))
    said = (act for act in acts if act.reason == ANSWERED and act.thread is not None)
    return {act.thread or "" for act in said if act.thread not in ended or act.time > ended[act.thread]}


def _prefers_assisted(acts: Sequence[Act], moment: Moment) -> bool | None:
    """The newest preference about it that is in force, for this channel or any."""
    stated = [
        act
        for act in acts
        if act.kind == "preference"
        and "assisted" in act.terms
        and act.channel in (ANY, moment.channel)
        and (act.valid_until is None or act.valid_until > moment.now)
    ]
    newest = max(stated, key=lambda act: (act.time, act.id), default=None)
    return bool(newest.terms["assisted"]) if newest is not None else None


def _latest(said: Sequence[Entry], name: str) -> str | None:
    return next((entry.details[name] for entry in said if entry.details.get(name)), None)


def _is_insight(entry: Entry, now: datetime) -> bool:
    return entry.details.get("kind") == "insight" and "outcome" in entry.details and now - entry.time <= _INSIGHT
