"""The score of a pair: the sum of the weights of all evidence, for and against.

Takes two profiles, the model and how many people hold each shared contact point; gives score, outcome and evidence. The
rules: all evidence is always looked at; what a household shares says nothing about one person once the given names or
suffixes differ; two records with nothing in common but the name are never linked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onevoice.identity import compare
from onevoice.identity.model import Evidence, Model
from onevoice.identity.profile import Profile

_BEYOND_THE_NAME = frozenset({"birth", "email", "phone", "address", "national_id", "register", "vat", "domain"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PairScore:
    """What two records say about being one customer.

    Attributes:
        score: sum of the weights, in bits.
        outcome: "link", "review" or "apart".
        evidence: every comparison in which both sides had a value, in a fixed order.
    """

    score: float
    outcome: str
    evidence: tuple[Evidence, ...]


def score(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> PairScore:
    """Score two records of one type.

    Args:
        a: one record; `score(a, b)` equals `score(b, a)`.
        b: the other one.
        model: weights and marks.
        holders: contact point -> people holding it, as `holders_of` counts them; 1 where it is not named.

    Raises:
        ValueError: the types differ; a person and an organisation are never compared.
    """
    if a.type != b.type:
        raise ValueError("a person and an organisation are never compared")
    levels = _organisation_levels(a, b) if a.type == "organisation" else _person_levels(a, b, model)
    levels["email"] = compare.compare_emails(a, b, model, holders)
    levels["phone"] = compare.compare_phones(a, b, model, holders)
    levels["address"] = compare.compare_places(a, b)
    _weaken_what_goes_together(levels)
    weights = model.weights
    evidence = tuple([weights[comparison][level] for comparison, level in levels.items() if level is not None])
    total = round(sum([found.weight for found in evidence]), 6)
    return PairScore(score=total, outcome=_outcome(total, evidence, model), evidence=evidence)


def holders_of(profiles: Iterable[Profile], model: Model) -> int:
    """Count the people that the records on one contact point speak of.

    Records count as one where the given name can be the same (short form, misspelling, initial) and no two dates of
    birth differ; so one person in several systems is one holder. Organisations count by name. The count depends on the
    set of records only, not on their order.
    """
    births: dict[str, set[str]] = {}
    organisations: set[str] = set()
    for seen in profiles:
        if seen.type == "organisation":
            organisations.add(seen.organisation)
        else:
            births.setdefault(seen.given, set()).update((_unordered(seen.birth),) if seen.birth else ())
    return len(organisations) + _people(births, model)


def _people(births: dict[str, set[str]], model: Model) -> int:
    whole = sorted(name for name in births if len(name) > 1)
    initials = {name for name in births if len(name) == 1}
    people = sum(not any(compare.fits_initial(initial, name, model) for name in whole) for initial in initials)
    if not whole and not initials:
        return max(1, len(births.get("", ())))
    while whole and people <= model.household_limit:
        one_person = _names_of_one(whole, model)
        whole = [name for name in whole if name not in one_person]
        people += max(1, len(set().union(*(births[name] for name in one_person))))
    return people


def _names_of_one(names: list[str], model: Model) -> set[str]:
    """The first name, and all that can be the same person's over any chain of short forms and misspellings."""
    found, reached = set[str](), {names[0]}
    while reached:
        found |= reached
        reached = {
            name for name in names if name not in found and any(compare.same_given(name, one, model) for one in reached)
        }
    return found


def _unordered(birth: str) -> str:
    """A date with the smaller of day and month first: swapped ones are one date."""
    month, day = sorted((birth[5:7], birth[8:]))
    return f"{birth[:4]}-{month}-{day}"


def _person_levels(a: Profile, b: Profile, model: Model) -> dict[str, str | None]:
    return {
        "given": compare.compare_given(a, b, model),
        "family": compare.compare_family(a, b, model),
        "middle": compare.compare_middle(a, b),
        "suffix": compare.compare_text(a.suffix, b.suffix),
        "birth": compare.compare_birth(a, b),
        "national_id": compare.compare_text(a.national_id, b.national_id),
    }


def _organisation_levels(a: Profile, b: Profile) -> dict[str, str | None]:
    return {
        "organisation": compare.compare_organisation(a, b),
        "register": compare.compare_text(a.register, b.register),
        "vat": compare.compare_text(a.vat, b.vat),
        "domain": compare.compare_domain(a, b),
    }


def _weaken_what_goes_together(levels: dict[str, str | None]) -> None:
    """Not to count one fact twice: relatives share family name, home and numbers; a number comes with its home."""
    if levels.get("given") == "different" or levels.get("suffix") == "different":
        for comparison in ("family", "email", "phone", "address"):
            if levels[comparison] not in (None, "different"):
                levels[comparison] = "explained"
    elif levels["phone"] == "personal" and levels["address"] in ("same", "similar"):
        levels["phone"] = "same_door"


def _outcome(total: float, evidence: tuple[Evidence, ...], model: Model) -> str:
    if total < model.review_mark:
        return "apart"
    if not any(found.weight > 0 and found.comparison in _BEYOND_THE_NAME for found in evidence):
        return "apart"
    return "link" if total >= model.link_mark else "review"
