"""Value and life-cycle stage: exact sums, declared rates, marks and windows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from onevoice.conversation import ValueRules
from onevoice.errors import ConfigurationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULES = """
currency: GBP
rates: {EUR: 0.5}
window_days: 100
counted: [paid, fulfilled]
tiers:
  high: {min_amount: 100.30, min_orders: 2}
  low: {min_amount: 0, min_orders: 0}
stages:
  never_bought: prospect
  days_since_order: {active: 30, lapsing: 200}
  long_ago: lapsed
"""


@pytest.fixture
def rules(tmp_path: Path) -> ValueRules:
    return _load(tmp_path, RULES)


def _load(folder: Path, text: str) -> ValueRules:
    path = folder / "value.yaml"
    path.write_text(text, encoding="utf-8")
    return ValueRules.load(path)


def _order(amount: str, placed: str = "2025-12-20T00:00:00.000000Z", **changed: Any) -> dict[str, Any]:
    total = {"amount": amount, "currency": changed.pop("currency", "GBP")}
    return {"number": "1", "placed_at": placed, "status": "paid", "total": total} | changed


def test_sum_is_exact_and_reaches_the_mark_on_the_penny(rules: ValueRules) -> None:
    reached = rules.judge([_order("100.10"), _order("0.10"), _order("0.10")], NOW)
    missed = rules.judge([_order("100.10"), _order("0.10"), _order("0.09")], NOW)

    assert (reached.tier, reached.amount) == ("high", Decimal("100.30"))
    assert missed.tier == "low"


def test_tier_needs_both_marks(rules: ValueRules) -> None:
    assert rules.judge([_order("500")], NOW).tier == "low"


def test_tier_may_ask_how_lately(tmp_path: Path) -> None:
    lately = _load(tmp_path, RULES.replace("min_orders: 2}", "min_orders: 2, max_days_since_order: 11}"))

    first = _order("80", placed="2025-12-01T00:00:00.000000Z")
    tiers = [
        lately.judge([first, _order("80", placed=f"2025-12-{day}T00:00:00.000000Z")], NOW).tier for day in (21, 20)
    ]

    assert tiers == ["high", "low"]


def test_other_currency_counts_at_its_rate_and_not_without_one(rules: ValueRules) -> None:
    value = rules.judge([_order("100", currency="EUR"), _order("100", currency="JPY")], NOW)

    assert (value.amount, value.orders, value.uncounted) == (Decimal("50.0"), 2, 1)


def test_only_counted_states_within_the_window_make_the_amount(rules: ValueRules) -> None:
    orders = [
        _order("10"),
        _order("20", status="cancelled"),
        _order("40", placed="2025-01-01T00:00:00.000000Z"),
    ]

    value = rules.judge(orders, NOW)

    assert (value.amount, value.orders) == (Decimal(10), 1)


@pytest.mark.parametrize(
    ("placed", "stage"),
    [("2025-12-02", "active"), ("2025-12-01", "lapsing"), ("2025-06-15", "lapsing"), ("2025-06-14", "lapsed")],
)
def test_stage_follows_the_last_order(rules: ValueRules, placed: str, stage: str) -> None:
    orders = [_order("1", placed=f"{placed}T00:00:00.000000Z"), _order("1", placed="2020-01-01T00:00:00.000000Z")]

    assert rules.judge(orders, NOW).stage == stage


def test_nobody_without_orders_has_a_tier(rules: ValueRules) -> None:
    value = rules.judge([_order("500", status="cancelled")], NOW)

    assert (value.tier, value.stage) == ("unknown", "prospect")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("window_days: 100|window_days: soon", "window_days"),
        ("min_amount: 100.30|min_amount: much", r"tiers\.high\.min_amount"),
        ("min_orders: 2|least_orders: 2", r"tiers\.high\.min_orders"),
        ("active: 30|active: 300", "days_since_order"),
        ("currency: GBP|currency: GBP\nextra: 1", "extra"),
    ],
)
def test_mistake_in_the_rules_is_named_by_its_key(tmp_path: Path, wrong: str, named: str) -> None:
    old, new = wrong.split("|")

    with pytest.raises(ConfigurationError, match=named):
        _load(tmp_path, RULES.replace(old, new))
