"""Offers, messages and questions as `rules/offers.yaml` declares them, and the groups that they may belong to.

Takes sections of the files, gives checked values. The one rule: what an offer says of itself is all there is; nothing
about one offer stands in code.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from onevoice.decisions.attribute import Attribute, Kind
from onevoice.decisions.expression import Expression, compile_expression
from onevoice.decisions.table import read_number
from onevoice.messages import Channel
from onevoice.rules_file import Section

KINDS = ("offer", "message", "question")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """At most `count` for one customer within `window`."""

    count: int
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in all, and what one costs, in one unit."""

    limit: Decimal
    each: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """The belief before anything was shown: `a` accepted against `b` that were not."""

    a: float
    b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Offers that get in each other's way, across departments.

    Attributes:
        at_most: how many of them one decision gives.
        suitable: what must hold for any of them to be given.
    """

    name: str
    at_most: int
    suitable: Expression | None
    caps: tuple[Cap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing that the company may say: an offer, a message or a question.

    Attributes:
        purpose: an entry of `rules/purposes.yaml`; the gate decides by it.
        channels: where it may be said; empty is everywhere.
        valid_from: the first day on which it is said, UTC.
        valid_until: the last one.
        value: what it is worth when it is accepted.
        lever: what people multiply its score by.
        objective: the sum over the company's objectives of their weight times how far it serves them; 1 where it
            names none.
        holds: how long caps and budget stay reserved for it.
    """

    id: str
    kind: str
    title: str
    text: str
    purpose: str
    group: str | None
    channels: frozenset[str]
    valid_from: date
    valid_until: date
    eligible: Expression | None
    applicable: Expression | None
    suitable: Expression | None
    value: Decimal | Expression
    lever: float
    objective: float
    prior: Prior
    caps: tuple[Cap, ...]
    budget: Budget | None
    holds: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What an offer is checked against, and what holds where it says nothing itself."""

    attributes: Mapping[str, Attribute]
    purposes: Collection[str]
    groups: Collection[str]
    objectives: Mapping[str, float]
    prior: Prior
    holds: timedelta


def read_offer(name: str, section: Section, defaults: Defaults) -> Offer:
    """Return the offer of one section of `rules/offers.yaml`.

    Raises:
        ConfigurationError: a key or an expression is wrong; the text names it.
    """
    offer = Offer(
        id=name,
        kind=_of(section, "kind", KINDS),
        title=section.text("title"),
        text=section.text("text"),
        purpose=_of(section, "purpose", defaults.purposes),
        group=_of(section, "group", defaults.groups) if section.has("group") else None,
        channels=_channels(section),
        valid_from=section.day("valid_from"),
        valid_until=section.day("valid_until"),
        eligible=read_condition(section, "eligible", defaults.attributes),
        applicable=read_condition(section, "applicable", defaults.attributes),
        suitable=read_condition(section, "suitable", defaults.attributes),
        value=read_number(section, "value", defaults.attributes),
        lever=_factor(section, "lever") if section.has("lever") else 1.0,
        objective=_objective(section, defaults.objectives) if section.has("serves") else 1.0,
        prior=read_prior(section.section("prior")) if section.has("prior") else defaults.prior,
        caps=read_caps(section),
        budget=_budget(section.section("budget")) if section.has("budget") else None,
        holds=timedelta(minutes=section.count("holds_minutes")) if section.has("holds_minutes") else defaults.holds,
    )
    section.demand(offer.valid_from <= offer.valid_until, "valid_until", "a day not before valid_from")
    section.demand_nothing_else()
    return offer


def read_group(name: str, section: Section, attributes: Mapping[str, Attribute]) -> Group:
    """Return the group of one section of `groups` in `rules/decisions.yaml`.

    Raises:
        ConfigurationError: a key or an expression is wrong; the text names it.
    """
    group = Group(
        name=name,
        at_most=section.count("at_most"),
        suitable=read_condition(section, "suitable", attributes),
        caps=read_caps(section),
    )
    section.demand_nothing_else()
    return group


def read_prior(section: Section) -> Prior:
    """Return a prior; both of its numbers are above 0."""
    prior = Prior(a=section.number("a"), b=section.number("b"))
    section.demand(prior.a > 0, "a", "a number above 0")
    section.demand(prior.b > 0, "b", "a number above 0")
    section.demand_nothing_else()
    return prior


def read_condition(section: Section, name: str, attributes: Mapping[str, Attribute]) -> Expression | None:
    """Return the condition under a key that may be left out."""
    if not section.has(name):
        return None
    where = f"{section.file}: {section.key}.{name}"
    return compile_expression(section.text(name), attributes, where=where, wanted=Kind.TRUTH)


def read_caps(section: Section) -> tuple[Cap, ...]:
    """Return the caps under `caps`, which may be left out."""
    caps = []
    for one in section.sections("caps") if section.has("caps") else ():
        caps.append(Cap(count=one.count("count"), window=timedelta(days=one.count("days"))))
        one.demand_nothing_else()
    return tuple(caps)


def _of(section: Section, name: str, known: Collection[str]) -> str:
    value = section.text(name)
    section.demand(value in known, name, f"one of {', '.join(sorted(known))}")
    return value


def _channels(section: Section) -> frozenset[str]:
    if not section.has("channels"):
        return frozenset()
    channels = frozenset(section.text_list("channels"))
    known = {channel.value for channel in Channel}
    section.demand(bool(channels) and channels <= known, "channels", f"some of {', '.join(sorted(known))}")
    return channels


def _factor(section: Section, name: str) -> float:
    value = section.number(name)
    section.demand(0 <= value <= 1000, name, "a number from 0 to 1000")
    return value


def _objective(section: Section, objectives: Mapping[str, float]) -> float:
    serves = section.section("serves")
    section.demand(set(serves.content) <= set(objectives), "serves", f"some of {', '.join(sorted(objectives))}")
    return sum(objectives[name] * _factor(serves, name) for name in sorted(serves.content))


def _budget(section: Section) -> Budget:
    budget = Budget(limit=Decimal(str(section.number("limit"))), each=Decimal(str(section.number("each"))))
    section.demand(budget.limit > 0, "limit", "a number above 0")
    section.demand(budget.each > 0, "each", "a number above 0")
    section.demand_nothing_else()
    return budget
