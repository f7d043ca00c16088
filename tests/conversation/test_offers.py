"""Offers: conditions, validity, and mistakes in the file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from onevoice.conversation import OfferRules, ValueRules
from onevoice.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
OFFERS = """
everybody:
  title: A
  text: For all.
  valid_from: 2026-01-01
  valid_until: 2026-01-31
best:
  title: B
  text: For the best, by telephone.
  valid_from: 2026-01-01
  valid_until: 2026-12-31
  when: {tier: [high], channel: [phone]}
"""


def _load(folder: Path, text: str) -> OfferRules:
    path = folder / "offers.yaml"
    path.write_text(text, encoding="utf-8")
    return OfferRules.load(path, tiers={"high", "low"}, stages={"active"})


def _made(rules: OfferRules, day: str, **situation: str) -> list[str]:
    moment = datetime.fromisoformat(f"{day}T23:59:59+00:00").astimezone(UTC)
    return [made.offer.id for made in rules.made(situation, moment)]


def test_offer_is_made_from_its_first_day_to_its_last(tmp_path: Path) -> None:
    rules = _load(tmp_path, OFFERS)

    days = ("2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01")
    assert [_made(rules, day) for day in days] == [[], ["everybody"], ["everybody"], []]


def test_every_condition_must_hold_and_is_given_as_reason(tmp_path: Path) -> None:
    rules = _load(tmp_path, OFFERS)

    assert _made(rules, "2026-06-01", tier="high", channel="phone") == ["best"]
    assert _made(rules, "2026-06-01", tier="low", channel="phone") == []
    assert _made(rules, "2026-06-01", tier="high") == []
    (made,) = rules.made({"tier": "high", "channel": "phone"}, datetime(2026, 6, 1, tzinfo=UTC))
    assert made.reasons == ("tier is high", "channel is phone")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("tier: [high]|tier: [golden]", r"best\.when\.tier"),
        ("channel: [phone]|channel: [smoke]", r"best\.when\.channel"),
        ("channel: [phone]|weather: [fine]", r"best\.when\.weather"),
        ("2026-12-31|2025-12-31", r"best\.valid_until"),
        ("2026-12-31|soon", r"best\.valid_until"),
        ("title: B|titel: B", r"best\.title"),
    ],
)
def test_mistake_in_the_list_is_named_by_its_key(tmp_path: Path, wrong: str, named: str) -> None:
    old, new = wrong.split("|")

    with pytest.raises(ConfigurationError, match=named):
        _load(tmp_path, OFFERS.replace(old, new))


def test_shipped_rules_load_together() -> None:
    value = ValueRules.load(ROOT / "rules" / "value.yaml")
    offers = OfferRules.load(ROOT / "rules" / "offers.yaml", tiers=value.tier_names, stages=value.stage_names)

    assert offers.offers
