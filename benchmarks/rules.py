"""The rules of the decision benchmarks: 500 offers with conditions on eight attributes, 200 rules in 20 tables."""

import random
from datetime import date
from typing import Any

OFFERS, TABLES, ROWS = 500, 20, 10
TIERS, STAGES = ("high", "middle", "low"), ("prospect", "active", "lapsing", "lapsed")
CHANNELS = ("email", "phone", "web", "app", "chat")
DEPARTMENTS = tuple(f"d{n}" for n in range(8))
COUNTRIES = ("GB", "DE", "FR", "US", "NL", "IT")


def documents(tables: dict[str, Any], offers: dict[str, Any]) -> dict[str, Any]:
    """The files of rules with these tables and offers."""
    decisions = {
        "objectives": {"profit": 1}, "prior": {"a": 1, "b": 19}, "least_shown": 50, "holds_minutes": 30,
        "attributes": {"basket": "number"}, "experiments": {},
        "groups": {f"g{n}": {"at_most": 1, "suitable": "not collection"} for n in range(10)},
        "weights": [{"name": "w", "when": "department == 'd1'", "groups": ["g1"], "weight": 0.5}],
    }  # fmt: skip
    routing = {
        "holds_minutes": 30,
        "targets": {"a": {"kind": "queue", "channels": ["web"]}},
        "routes": [],
        "fall_back": "a",
    }
    return {"decisions": decisions, "tables": tables, "offers": offers, "routing": routing}


def many_rules() -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables and offers of whole decisions."""
    chance = random.Random(1)
    tables = {
        f"t{n}": {
            "gives": "number",
            "hit": "first",
            "rows": [
                {"when": f"basket >= {chance.randrange(200)} and country == {chance.choice(COUNTRIES)!r}", "then": row}
                for row in range(ROWS)
            ],
            "otherwise": -1,
        }
        for n in range(TABLES)
    }
    offers = {
        f"o{n}": {
            "kind": "offer", "title": "T", "text": "X", "purpose": "marketing", "group": f"g{n % 10}",
            "valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31),
            "channels": chance.sample(CHANNELS, 3),
            "eligible": f"tier in {tuple(chance.sample(TIERS, 2))!r} and orders >= {chance.randrange(5)}",
            "applicable": f"department == {chance.choice(DEPARTMENTS)!r} or t{n % TABLES} > {chance.randrange(ROWS)}",
            "suitable": f"days_since_order > {chance.randrange(100)} and not escalated",
            "value": chance.randrange(1, 100),
            "serves": {"profit": 1},
        }
        for n in range(OFFERS)
    }  # fmt: skip
    return tables, offers
