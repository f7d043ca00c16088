"""What a customer is worth and where it stands in its life as one: declared in `rules/value.yaml`, from its orders.

Takes orders, gives tier and stage. The one rule: a pure function of orders, rules and the moment asked about; money is
added exactly and never across currencies without a declared rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, Self

from onevoice.errors import ConfigurationError
from onevoice.messages import Json
from onevoice.rules_file import Section, read_yaml

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One tier: what a customer in it has at least bought within the window, and how lately.

    Attributes:
        max_days: whole days since the latest order, at most; None is any number.
    """

    name: str
    min_amount: Decimal
    min_orders: int
    max_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What one customer is worth.

    Attributes:
        tier: name of the first tier that fits; `unknown` for somebody without any order.
        amount: sum of the counted orders within the window, in the declared currency.
        orders: how many they are.
        uncounted: orders in a currency without a declared rate.
    """

    tier: str
    stage: str
    amount: Decimal
    currency: str
    orders: int
    uncounted: int
    last_order_at: datetime | None


class Valuation(Protocol):
    """What the hub asks of a customer's worth; a trained model may stand here in place of the declared rules."""

    @property
    def tier_names(self) -> frozenset[str]:
        """Every tier that somebody can be in."""

    @property
    def stage_names(self) -> frozenset[str]:
        """Every stage that somebody can be in."""

    def judge(self, orders: Sequence[Json], now: datetime) -> Value:
        """Return what canonical orders say about their customer at a moment."""

    def tier_of(self, amount: Decimal, orders: int, days: int | None) -> str:
        """Return the tier for a sum within the window, a number of orders, and whole days since the latest one."""

    def stage_of(self, days: int | None) -> str:
        """Return the stage for whole days since the latest order; None is no order at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRules:
    """The rules as data.

    Attributes:
        rates: currency -> what one unit is worth in `currency`.
        counted: states of orders that count.
        tiers: the most valuable first.
        stages: name and days since the last order up to which it holds, the shortest first; the last holds for ever.
    """

    currency: str
    rates: Mapping[str, Decimal]
    window: timedelta
    counted: frozenset[str]
    tiers: tuple[Tier, ...]
    stages: tuple[tuple[str, int], ...]
    never_bought: str
    long_ago: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check the file.

        Raises:
            ConfigurationError: it is missing, or a key is wrong; the message names the key.
        """
        return cls.read(read_yaml(path), file=path.name)

    @classmethod
    def read(cls, content: Mapping[str, Any], *, file: str = "value.yaml") -> Self:
        """Check the content of the file.

        Raises:
            ConfigurationError: a key is wrong; the message names the key.
        """
        top = Section(file=file, key="", content=content)
        tiers, stages, rates = top.section("tiers"), top.section("stages"), top.section("rates")
        within = stages.section("days_since_order")
        currency = top.text("currency")
        rules = cls(
            currency=currency,
            rates={currency: Decimal(1)} | {str(name): _decimal(rates, str(name)) for name in rates.content},
            window=timedelta(days=top.count("window_days")),
            counted=top.texts("counted"),
            tiers=tuple(_tier(str(name), tiers.section(name)) for name in tiers.content),
            stages=tuple((str(name), within.count(name)) for name in within.content),
            never_bought=stages.text("never_bought"),
            long_ago=stages.text("long_ago"),
        )
        stages.demand_nothing_else()
        top.demand_nothing_else()
        if [days for _, days in rules.stages] != sorted(days for _, days in rules.stages):
            raise ConfigurationError(f"{file}: stages.days_since_order: write the shortest first")
        return rules

    @property
    def tier_names(self) -> frozenset[str]:
        """Every tier that somebody can be in."""
        return frozenset({tier.name for tier in self.tiers} | {UNKNOWN})

    @property
    def stage_names(self) -> frozenset[str]:
        """Every stage that somebody can be in."""
        return frozenset({name for name, _ in self.stages} | {self.never_bought, self.long_ago})

    def judge(self, orders: Sequence[Json], now: datetime) -> Value:
        """Return what canonical orders say about their customer at a moment."""
        bought = [order for order in orders if order.get("status") in self.counted]
        recent = [order for order in bought if datetime.fromisoformat(order["placed_at"]) > now - self.window]
        worth = [self._worth(order) for order in recent]
        amount = sum((found for found in worth if found is not None), Decimal(0))
        last = max((datetime.fromisoformat(order["placed_at"]) for order in bought), default=None)
        days = (now - last).days if last is not None else None
        return Value(
            tier=self.tier_of(amount, len(recent), days),
            stage=self.stage_of(days),
            amount=amount,
            currency=self.currency,
            orders=len(recent),
            uncounted=sum(found is None for found in worth),
            last_order_at=last,
        )

    def _worth(self, order: Json) -> Decimal | None:
        total = order.get("total")
        if total is None:
            return Decimal(0)
        rate = self.rates.get(total["currency"])
        return Decimal(total["amount"]) * rate if rate is not None else None

    def tier_of(self, amount: Decimal, orders: int, days: int | None) -> str:
        """Return the tier for a sum within the window, a number of orders, and whole days since the latest one."""
        if days is None:
            return UNKNOWN
        return next((tier.name for tier in self.tiers if _reached(tier, amount, orders, days)), UNKNOWN)

    def stage_of(self, days: int | None) -> str:
        """Return the stage for whole days since the latest order; None is no order at all."""
        if days is None:
            return self.never_bought
        return next((name for name, limit in self.stages if days <= limit), self.long_ago)


def _reached(tier: Tier, amount: Decimal, orders: int, days: int) -> bool:
    lately = tier.max_days is None or days <= tier.max_days
    return amount >= tier.min_amount and orders >= tier.min_orders and lately


def _tier(name: str, section: Section) -> Tier:
    tier = Tier(
        name=name,
        min_amount=_decimal(section, "min_amount"),
        min_orders=int(section.number("min_orders")),
        max_days=section.count("max_days_since_order") if section.has("max_days_since_order") else None,
    )
    section.demand_nothing_else()
    return tier


def _decimal(section: Section, name: str) -> Decimal:
    return Decimal(str(section.number(name)))
