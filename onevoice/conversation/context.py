"""What a touch point needs at this moment: who it is, what went before, what may be said, what to offer, who answers.

Takes what the other rooms know of a customer, gives one document. The one rule: where a reference fits more than one
customer nobody's data is told, only what tells them apart, and the strictest permissions hold.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from onevoice.conversation.timeline import Entry
from onevoice.conversation.value import Value
from onevoice.messages import STRICTEST_FIRST, Act, Json, Permission

LAST_INTERACTIONS = 10
OPEN_ORDERS = frozenset({"open", "paid"})
OPEN_CASES = frozenset({"open", "escalated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionNow:
    """What may be done on a channel for a purpose, and the acts that say so.

    Attributes:
        may_contact: the answer for the company; an unknown permission means no where consent is needed.
    """

    channel: str
    purpose: str
    permission: Permission
    may_contact: bool
    because: tuple[Act, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One customer, as the context is made from it.

    Attributes:
        golden_at: when the golden record changed last.
        entries: its latest interactions, orders and acts, the newest first.
        orders: all its orders in canonical shape.
    """

    id: UUID
    type: str
    golden: Json
    golden_at: datetime
    entries: Sequence[Entry]
    orders: Sequence[Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The touch point that asks: how the customer came, to which department, what for, and when."""

    now: datetime
    channel: str | None = None
    department: str | None = None
    need: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The answer as JSON, and its entity tag, which changes when the answer does."""

    body: bytes
    etag: str

    @property
    def document(self) -> Json:
        """The answer, taken apart."""
        document: Json = orjson.loads(self.body)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersNow:
    """What may be offered at this moment, the best first, or why nothing is; and the question that waits, if any."""

    offers: Sequence[Json] = ()
    withheld: str | None = None
    question: Json | None = None


def known_context(
    known: Known,
    permissions: Sequence[PermissionNow],
    value: Value,
    offers: OffersNow,
    route: Json,
    moment: Moment,
    *,
    objected: bool,
) -> Context:
    """Return the context of one customer.

    Args:
        route: who answers, and why.
        objected: it objects to marketing as a whole, which is warned of on every channel.
    """
    interactions = [entry for entry in known.entries if entry.type == "interaction"]
    document = {
        "match": "customer",
        "customer": {"id": known.id, "type": known.type, "record": known.golden},
        "value": _value(value),
        "stage": value.stage,
        "interactions": [_interaction(entry) for entry in interactions[:LAST_INTERACTIONS]],
        "open_orders": [_told(entry) for entry in known.entries if _is_open_order(entry)],
        "open_cases": [_told(entry) for entry in known.entries if _is_open_case(entry)],
        "permissions": _permissions(permissions),
        **_offers(offers),
        "route": route,
        "warnings": [*_case_warnings(known.entries), *_prohibitions(permissions, moment.channel, objected=objected)],
        "as_of": {
            "customer": known.golden_at,
            "value": value.last_order_at,
            "interactions": interactions[0].time if interactions else None,
            "permissions": _newest(permissions),
        },
    }
    return _context(document)


def candidates_context(
    candidates: Sequence[tuple[UUID, Json]], permissions: Sequence[PermissionNow], route: Json, moment: Moment
) -> Context:
    """Return the context of a reference that fits several customers, of which each is (id, golden record).

    Args:
        permissions: the strictest of all candidates and of the contact point itself.
    """
    document = {
        "match": "candidates",
        "candidates": _told_apart(candidates),
        "permissions": _permissions(permissions),
        **_offers(OffersNow(withheld="it is not known which of the candidates this is")),
        "route": route,
        "warnings": [
            "more than one customer fits: confirm who it is before anything personal is said",
            *_prohibitions(permissions, moment.channel, objected=False),
        ],
        "as_of": {"permissions": _newest(permissions)},
    }
    return _context(document)


def anonymous_context(
    entries: Sequence[Entry],
    permissions: Sequence[PermissionNow],
    value: Value,
    offers: OffersNow,
    route: Json,
    moment: Moment,
    *,
    objected: bool,
) -> Context:
    """Return the context of somebody who is not known; `entries` is what happened at the contact point before."""
    interactions = [entry for entry in entries if entry.type == "interaction"]
    document = {
        "match": "anonymous",
        "value": _value(value),
        "stage": value.stage,
        "interactions": [_interaction(entry) for entry in interactions[:LAST_INTERACTIONS]],
        "permissions": _permissions(permissions),
        **_offers(offers),
        "route": route,
        "warnings": _prohibitions(permissions, moment.channel, objected=objected),
        "as_of": {
            "interactions": interactions[0].time if interactions else None,
            "permissions": _newest(permissions),
        },
    }
    return _context(document)


def strictest(permissions: Collection[PermissionNow]) -> list[PermissionNow]:
    """Return one permission for each channel and purpose: the strictest there is, with all acts that say so."""
    grouped: dict[tuple[str, str], list[PermissionNow]] = {}
    for one in permissions:
        grouped.setdefault((one.channel, one.purpose), []).append(one)
    found = []
    for (channel, purpose), some in sorted(grouped.items()):
        strict = min((one.permission for one in some), key=STRICTEST_FIRST.index)
        because = {act.id: act for one in some if one.permission is strict for act in one.because}
        found.append(
            PermissionNow(
                channel=channel,
                purpose=purpose,
                permission=strict,
                may_contact=all(one.may_contact for one in some),
                because=tuple(because.values()),
            )
        )
    return found


def _value(value: Value) -> Json:
    return {
        "tier": value.tier,
        "amount": str(value.amount),
        "currency": value.currency,
        "orders": value.orders,
        "orders_without_rate": value.uncounted,
    }


def _offers(now: OffersNow) -> Json:
    return {"offers": list(now.offers), "offers_withheld": now.withheld, "question": now.question}


def _interaction(entry: Entry) -> Json:
    shown = ("channel", "direction", "kind", "department", "subject", "thread", "outcome", "campaign")
    told = {name: entry.details[name] for name in shown if name in entry.details}
    return {"time": entry.time, "system": entry.ref.system if entry.ref else None, **told}


def _told(entry: Entry) -> Json:
    return {"time": entry.time, "record": str(entry.ref), **entry.details}


def _is_open_order(entry: Entry) -> bool:
    return entry.type == "order" and entry.details.get("status") in OPEN_ORDERS


def _is_open_case(entry: Entry) -> bool:
    details = entry.details
    return entry.type == "interaction" and details.get("kind") == "case" and details.get("outcome") in OPEN_CASES


def _permissions(permissions: Sequence[PermissionNow]) -> Json:
    told: dict[str, dict[str, Json]] = {}
    for one in permissions:
        reasons = [
            {"kind": act.kind, "reason": act.reason, "time": act.time, "source": str(act.source)} for act in one.because
        ]
        told.setdefault(one.channel, {})[one.purpose] = {
            "permission": one.permission.value,
            "may_contact": one.may_contact,
            "because": reasons,
        }
    return told


def _case_warnings(entries: Sequence[Entry]) -> list[str]:
    warnings = []
    if any(_is_open_case(entry) and entry.details.get("outcome") == "escalated" for entry in entries):
        warnings.append("an escalated case is open")
    if any(entry.details.get("kind") == "complaint" for entry in entries if entry.type == "interaction"):
        warnings.append("has complained")
    return warnings


def _prohibitions(permissions: Sequence[PermissionNow], channel: str | None, *, objected: bool) -> list[str]:
    """The prohibitions on the touch point's channel, or on every channel where it names none."""
    if objected:
        return ["objects to marketing on every channel"]
    return [
        f"no {one.purpose} by {one.channel}: {', '.join(sorted({act.reason for act in one.because}))}"
        for one in permissions
        if one.permission is Permission.DENIED and channel in (None, one.channel)
    ]


def _told_apart(candidates: Sequence[tuple[UUID, Json]]) -> list[Json]:
    """Initials and town; the given name only where those are equal."""
    short = [(_initials(golden), _town(golden)) for _, golden in candidates]
    return [
        {
            "id": customer,
            "name": seen[0] if short.count(seen) == 1 else _given(golden) or seen[0],
            "town": seen[1],
        }
        for (customer, golden), seen in zip(candidates, short, strict=True)
    ]


def _initials(golden: Json) -> str | None:
    name = golden.get("name")
    if isinstance(name, str):
        return name[:1]
    parts = [(name or {}).get(part) for part in ("given", "family")]
    return " ".join(f"{part[:1].upper()}." for part in parts if part) or None


def _given(golden: Json) -> str | None:
    name = golden.get("name")
    return name if isinstance(name, str) else (name or {}).get("given")


def _town(golden: Json) -> str | None:
    towns: list[str] = [address["city"] for address in golden.get("addresses") or () if address.get("city")]
    return towns[0] if towns else None


def _newest(permissions: Sequence[PermissionNow]) -> datetime | None:
    return max((act.time for one in permissions for act in one.because), default=None)


def _context(document: Mapping[str, Any]) -> Context:
    packed = orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
    return Context(body=packed, etag=hashlib.blake2b(packed, digest_size=16).hexdigest())
