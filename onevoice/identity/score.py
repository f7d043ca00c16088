"""The score of a pair: the sum of the weights of all evidence, for and against.

Takes two profiles, the model and how many people hold each shared contact point; gives score, outcome and evidence.
Two records may be of one person, of two strangers or of two relatives of one home, and the score answers both doubts:
what a household shares counts against strangers, and is taken back as far as relatives would share it too. The rules:
all evidence is always looked at; two records with nothing in common but the name link only where the name is rare.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from math import floor, inf
from typing import NamedTuple, TypeAlias

from onevoice.identity import compare
from onevoice.identity.model import Evidence, Model, Weight
from onevoice.identity.profile import Profile, declared_ids

Compare: TypeAlias = Callable[[Profile, Profile, Model, Mapping[str, int]], str | None]

# In the order of looking: what can decide much and costs little comes first.
_COMPARISONS: Mapping[str, Mapping[str, Compare]] = {
    "person": {
        "given": compare.compare_given,
        "family": compare.compare_family,
        "birth": compare.compare_birth,
        "national_id": compare.compare_national_id,
        "email": compare.compare_email,
        "phone": compare.compare_phone,
        "address": compare.compare_address,
        "middle": compare.compare_middle,
        "suffix": compare.compare_suffix,
    },
    "organisation": {
        "organisation": compare.compare_organisation,
        "register": compare.compare_register,
        "vat": compare.compare_vat,
        "domain": compare.compare_domain,
        "email": compare.compare_email,
        "phone": compare.compare_phone,
        "address": compare.compare_address,
    },
}
_NAME = frozenset({"given", "family", "middle", "suffix", "organisation"})
_SAYS_SOMETHING = 1.0  # bits; living in one town alone does not
# What relatives have in common, or what tells father and son: it raises the doubt that two records are of relatives.
_OF_RELATIVES: Mapping[str, frozenset[str]] = {
    "birth": frozenset({"exact"}),  # of twins
    "email": frozenset({"personal", "household", "similar"}),
    "phone": frozenset({"personal", "household", "suffix"}),
    "address": frozenset({"same", "similar", "street", "postal"}),
    "suffix": frozenset({"one", "different"}),
}
_LEAST = 0.001  # bits, of a weight and of a score


class PairScore(NamedTuple):
    """What two records say about being one customer.

    Attributes:
        score: sum of the weights, in bits.
        outcome: "link", "review" or "apart"; "trusted" where a shared trusted id links them whatever the score.
        evidence: every comparison in which both sides had a value, in a fixed order.
    """

    score: float
    outcome: str
    evidence: tuple[Evidence, ...]


_NOTHING = PairScore(score=0.0, outcome="apart", evidence=())


class _Step(NamedTuple):
    """One comparison of a model; `ahead` is the most that those after it can add."""

    compare: Compare
    levels: Mapping[str, "_Level"]
    bits: Callable[[Profile, Profile], float]
    ahead: float


class _Level(NamedTuple):
    """What a level says: bits, the line that tells it, whether relatives may share it, whether it is of no name."""

    strangers: float
    relatives: float
    by_frequency: bool
    line: Evidence
    of_relatives: bool
    beyond_name: bool


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
    return _score(a, b, model, holders, -inf) or _NOTHING


def weigh(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> PairScore | None:
    """Score two records as `score` does; None where they are apart.

    It stops looking where the best that could still be found would not lift the pair to the review mark.
    """
    found = _score(a, b, model, holders, model.marks.review)
    return None if found is None or found.outcome == "apart" else found


def compared(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> list[tuple[str, str, float]]:
    """Return what each comparison finds: its name, the level, and how rare the name is that the level tells of."""
    found: list[tuple[str, str, float]] = []
    for compare_both, levels, bits, _ in _steps(model, a.type):
        level = compare_both(a, b, model, holders)
        if level is not None:
            line = levels[level].line
            found.append((line.comparison, level, bits(a, b) if levels[level].by_frequency else 0.0))
    return found


def _score(a: Profile, b: Profile, model: Model, holders: Mapping[str, int], least: float) -> PairScore | None:
    if a.type != b.type:
        raise ValueError("a person and an organisation are never compared")
    evidence: list[Evidence] = []
    total = against_relatives = against = 0.0
    doubt = beyond_name = False
    trusted = bool(model.trusted) and not set(declared_ids(a, model.trusted)).isdisjoint(declared_ids(b, model.trusted))
    least = -inf if trusted else least
    for compare_both, levels, bits, ahead in _steps(model, a.type):
        level = compare_both(a, b, model, holders)
        if level is not None:
            weight, relatives, by_frequency, line, of_relatives, more_than_name = levels[level]
            if by_frequency:
                line = _of_name(line.comparison, level, weight + bits(a, b))
                weight = line.weight
            evidence.append(line)
            total += weight
            against += min(weight, 0.0)
            against_relatives += relatives
            doubt = doubt or of_relatives
            beyond_name = beyond_name or more_than_name
        if total + ahead < least:
            return None
    if doubt:
        excess = against_relatives + model.marks.link - model.marks.relatives - total
        if excess < -_LEAST / 2:
            line = Evidence(comparison="relatives", level="possible", weight=_thousandths(excess))
            evidence.append(line)
            total += line.weight
    total = _thousandths(total)
    if trusted:
        outcome = "trusted" if against >= model.marks.veto else "review"
    else:
        outcome = _outcome(total, beyond_name, model)
    return PairScore(score=total, outcome=outcome, evidence=tuple(evidence))


@lru_cache(maxsize=64)
def _steps(model: Model, record_type: str) -> tuple[_Step, ...]:
    rarest = {
        "given": max([*model.given_bits.values(), model.unknown_given]),
        "family": max([*model.family_bits.values(), model.unknown_family]),
    }
    steps: list[_Step] = []
    ahead = _LEAST
    for comparison, function in reversed(tuple(_COMPARISONS[record_type].items())):
        weights = model.weights[comparison]
        levels = {level: _level(weight) for level, weight in weights.items()}
        bits = _family_bits if comparison == "family" else _given_bits
        steps.append(_Step(compare=function, levels=levels, bits=bits, ahead=ahead))
        most = [w.strangers + (rarest[comparison] if w.by_frequency else 0.0) for w in weights.values()]
        ahead += max(0.0, *most)
    return tuple(reversed(steps))


def _level(weight: Weight) -> _Level:
    comparison, level = weight.evidence.comparison, weight.evidence.level
    return _Level(
        strangers=weight.strangers,
        relatives=weight.relatives,
        by_frequency=weight.by_frequency,
        line=weight.evidence,
        of_relatives=level in _OF_RELATIVES.get(comparison, ()),
        beyond_name=comparison not in _NAME and weight.strangers > _SAYS_SOMETHING,
    )


@lru_cache(maxsize=1 << 14)
def _of_name(comparison: str, level: str, bits: float) -> Evidence:
    return Evidence(comparison=comparison, level=level, weight=round(bits, 3))


def _given_bits(a: Profile, b: Profile) -> float:
    return a.given_bits if a.given_bits < b.given_bits else b.given_bits


def _family_bits(a: Profile, b: Profile) -> float:
    return a.family_bits if a.family_bits < b.family_bits else b.family_bits


def _thousandths(bits: float) -> float:
    """Round as `round(bits, 3)` does, in a quarter of the time; no sum of thousandths lies half-way between two."""
    return floor(bits * 1000 + 0.5) / 1000


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


def _outcome(total: float, beyond_name: bool, model: Model) -> str:
    if total < model.marks.review:
        return "apart"
    if not beyond_name:
        return "link" if total >= model.marks.rare_name else "apart"
    return "link" if total >= model.marks.link else "review"
