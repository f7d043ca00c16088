"""Canonical records to match, one line each."""

from functools import cache
from pathlib import Path
from typing import Any

from onevoice.identity import Model, PairScore, Profile, profile, score

RULES = Path(__file__).parents[2] / "rules"


@cache
def shipped_model() -> Model:
    return Model.load(RULES / "identity.yaml")


def person(
    given: str = "",
    family: str = "",
    *,
    born: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    street: str | None = None,
    postal_code: str | None = "M14 5TP",
    suffix: str | None = None,
    middle: str | None = None,
) -> dict[str, Any]:
    return {
        "name": {"given": given, "family": family, "suffix": suffix, "middle": middle},
        "birth_date": born,
        "emails": [{"kind": "main", "address": email}] if email else [],
        "phones": [{"kind": "main", "number": phone}] if phone else [],
        "addresses": [{"kind": "main", "street": street, "city": "Leeds", "postal_code": postal_code}]
        if street
        else [],
    }


def seen(canonical: dict[str, Any], record_type: str = "person") -> Profile:
    return profile(canonical, record_type, shipped_model())


def judge(a: dict[str, Any], b: dict[str, Any], record_type: str = "person", **holders: int) -> PairScore:
    """The score of two records; `holders` counts people on `email` and `phone` and in the `home` of the first one."""
    one, other = seen(a, record_type), seen(b, record_type)
    points = {f"email:{email}": holders.get("email", 1) for email in one.emails}
    points |= {f"phone:{phone}": holders.get("phone", 1) for phone in one.phones}
    points |= {home: holders.get("home", 1) for home in one.homes}
    return score(one, other, shipped_model(), points)
