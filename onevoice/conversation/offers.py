"""Offers: a static list in `rules/offers.yaml`, each with its validity and the conditions under which it is made.

Takes the situation, gives offers with reasons. The one rule: an objection withholds every offer, whoever began the
conversation; that somebody may not be written to withholds none in a conversation that they began.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self

from onevoice.errors import ConfigurationError
from onevoice.messages import Channel
from onevoice.rules_file import Section, read_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One offer. An empty condition holds for everybody.

    Attributes:
        valid_from: the first day on which it is made, UTC.
        valid_until: the last one.
        when: condition (tier, stage, channel, department) -> the values that it holds for.
    """

    id: str
    title: str
    text: str
    valid_from: date
    valid_until: date
    when: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    """An offer for this moment, with why it fits."""

    offer: Offer
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRules:
    """The list, in the order in which offers are made."""

    offers: tuple[Offer, ...]

    @classmethod
    def load(cls, path: Path, *, tiers: Collection[str], stages: Collection[str]) -> Self:
        """Read and check the file against the tiers and stages there are.

        Raises:
            ConfigurationError: it is missing, or a key is wrong; the message names the key.
        """
        top = Section(file=path.name, key="", content=read_yaml(path))
        known = {"tier": tiers, "stage": stages, "channel": [channel.value for channel in Channel], "department": None}
        return cls(offers=tuple(_offer(str(name), top.section(name), known, path.name) for name in top.content))

    def made(self, situation: dict[str, str], now: datetime) -> tuple[OfferMade, ...]:
        """Return the offers that fit a situation (tier, stage, channel, department) at a moment."""
        today = now.date()
        return tuple(
            OfferMade(offer=offer, reasons=tuple(_reason(name, situation[name]) for name in offer.when))
            for offer in self.offers
            if offer.valid_from <= today <= offer.valid_until
            and all(situation.get(name) in wanted for name, wanted in offer.when.items())
        )


def _offer(name: str, section: Section, known: dict[str, Collection[str] | None], file: str) -> Offer:
    offer = Offer(
        id=name,
        title=section.text("title"),
        text=section.text("text"),
        valid_from=section.day("valid_from"),
        valid_until=section.day("valid_until"),
        when=_conditions(name, section.section("when"), known, file) if "when" in section.content else {},
    )
    section.demand(offer.valid_from <= offer.valid_until, "valid_until", "a day not before valid_from")
    section.demand_nothing_else()
    return offer


def _conditions(
    offer: str, section: Section, known: dict[str, Collection[str] | None], file: str
) -> dict[str, frozenset[str]]:
    conditions = {}
    for name in map(str, section.content):
        if name not in known:
            raise ConfigurationError(f"{file}: {offer}.when.{name}: unknown; known are {', '.join(known)}")
        wanted, allowed = frozenset(section.text_list(name)), known[name]
        if allowed is not None:
            section.demand(wanted <= set(allowed), name, f"some of {', '.join(sorted(allowed))}")
        conditions[name] = wanted
    return conditions


def _reason(condition: str, value: str) -> str:
    return f"{condition} is {value}"
