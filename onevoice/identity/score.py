"""The score of a pair: the sum of the weights of all evidence, for and against.

Takes two profiles, the model and how many people hold each shared contact point; gives score, outcome and evidence.
Two records may be of one person, of two strangers or of two relatives of one home, and the score answers both doubts:
what a household shares counts against strangers, and is taken back as far as relatives would share it too. The rules:
all evidence is always looked at; two records with nothing in common but the name link only where the name is rare.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onevoice.identity import compare
from onevoice.identity.model import BY_FREQUENCY, Evidence, Model
from onevoice.identity.profile import Profile

_NAME = frozenset({"given", "family", "middle", "suffix", "organisation"})
_SAYS_SOMETHING = 1.0  # bits; living in one town alone does not
_AT_HOME = frozenset({"same", "similar", "street", "postal", "personal", "household", "suffix"})


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
    found = _organisation_levels(a, b) if a.type == "organisation" else _person_levels(a, b, model)
    email, phone = compare.compare_emails(a, b, model, holders), compare.compare_phones(a, b, model, holders)
    address = compare.compare_places(a, b)
    found += [("email", email, 0.0), ("phone", phone, 0.0), ("address", address, 0.0)]
    evidence: list[Evidence] = []
    total = against_relatives = 0.0
    for comparison, level, bits in found:
        if level is not None:
            weight = model.weights[comparison][level]
            value = weight.strangers + bits if (comparison, level) in BY_FREQUENCY else weight.strangers
            value = round(value, 3)
            evidence.append(Evidence(comparison=comparison, level=level, weight=value))
            total += value
            against_relatives += weight.relatives
    if not _AT_HOME.isdisjoint((email, phone, address)):
        marks = model.marks
        excess = round(against_relatives + marks.link - marks.relatives - total, 3)
        if excess < 0:
            evidence.append(Evidence(comparison="relatives", level="possible", weight=excess))
            total += excess
    total = round(total, 3)
    return PairScore(score=total, outcome=_outcome(total, evidence, model), evidence=tuple(evidence))


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
            births.setdefault(seen.given, set()).update((seen.birth,) if seen.birth else ())
    return len(organisations) + _people(births, model)


def _people(births: dict[str, set[str]], model: Model) -> int:
    whole = sorted(name for name in births if len(name) > 1)
    initials = {name for name in births if len(name) == 1}
    people = sum(not any(compare.fits_initial(initial, name, model) for name in whole) for initial in initials)
    if not whole and not initials:
        return _different(births.get("", ()))
    while whole and people <= model.household_limit:
        one_person = _names_of_one(whole, model)
        whole = [name for name in whole if name not in one_person]
        people += _different(set().union(*(births[name] for name in one_person)))
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


def _different(births: Iterable[str]) -> int:
    """How many people these dates of birth are of, one at least: a swapped or misspelt date is no other person's."""
    distinct: list[str] = []
    for birth in sorted(births):
        if all(compare.compare_dates(birth, other) in ("different", "generation") for other in distinct):
            distinct.append(birth)
    return max(1, len(distinct))


def _person_levels(a: Profile, b: Profile, model: Model) -> list[tuple[str, str | None, float]]:
    given, given_bits = compare.compare_given(a, b, model) or (None, 0.0)
    family, family_bits = compare.compare_family(a, b) or (None, 0.0)
    return [
        ("given", given, given_bits),
        ("family", family, family_bits),
        ("middle", compare.compare_middle(a, b), 0.0),
        ("suffix", compare.compare_suffix(a, b), 0.0),
        ("birth", compare.compare_birth(a, b), 0.0),
        ("national_id", compare.compare_code(a.national_id, b.national_id), 0.0),
    ]


def _organisation_levels(a: Profile, b: Profile) -> list[tuple[str, str | None, float]]:
    return [
        ("organisation", compare.compare_organisation(a, b), 0.0),
        ("register", compare.compare_text(a.register, b.register), 0.0),
        ("vat", compare.compare_text(a.vat, b.vat), 0.0),
        ("domain", compare.compare_domain(a, b), 0.0),
    ]


def _outcome(total: float, evidence: list[Evidence], model: Model) -> str:
    if total < model.marks.review:
        return "apart"
    if not any(found.weight > _SAYS_SOMETHING and found.comparison not in _NAME for found in evidence):
        return "link" if total >= model.marks.rare_name else "apart"
    return "link" if total >= model.marks.link else "review"
