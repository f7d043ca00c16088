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
_NAMESAKES = frozenset({"exact", "nickname", "similar"})
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
_ONE_HOME = frozenset({"same", "similar", "street", "postal"})


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
        holders: counted key -> people there, as `people_at` counts them; 1 where it is not named.

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
        lines = _on_relatives(a, b, evidence, total, against_relatives, model, holders)
        evidence += lines
        total += sum(line.weight for line in lines)
    total = _thousandths(total)
    if trusted:
        outcome = "trusted" if against >= model.marks.veto else "review"
    else:
        outcome = _outcome(total, beyond_name, model)
    return PairScore(score=total, outcome=outcome, evidence=tuple(evidence))


def _on_relatives(
    a: Profile,
    b: Profile,
    evidence: Iterable[Evidence],
    total: float,
    against_relatives: float,
    model: Model,
    holders: Mapping[str, int],
) -> list[Evidence]:
    """What there is to say where two relatives may have as much in common: whether any are known, and the cut."""
    lines: list[Evidence] = []
    found = {line.comparison: line.level for line in evidence}
    if _lives_alone(a, b, found, holders):
        lines.append(Evidence(comparison="home", level="alone", weight=model.marks.alone))
        total += model.marks.alone
        against_relatives += model.marks.alone
    if found.get("given") in _NAMESAKES:
        unlike = (found.get("birth") == "different") + (found.get("family") == "different")
        against_relatives += unlike * model.marks.namesakes
    excess = against_relatives + model.marks.link - model.marks.relatives - total
    if excess < -_LEAST / 2:
        lines.append(Evidence(comparison="relatives", level="possible", weight=_thousandths(excess)))
    return lines


def _lives_alone(a: Profile, b: Profile, found: Mapping[str, str], holders: Mapping[str, int]) -> bool:
    """Whether nobody else is known at their home, nor at a contact point that they share.

    It says something only where births are known: they tell a family's records from those of one person.
    """
    one_home = found.get("address") in _ONE_HOME and (a.homes or b.homes)
    if not one_home or "birth" not in found or found.get("suffix") in ("one", "different"):
        return False
    points = [f"email:{email}" for email in a.emails if email in b.emails]
    points += [f"phone:{phone}" for phone in a.phones if phone in b.phones]
    return all(holders.get(key, 1) <= 1 for key in (*a.homes, *b.homes, *points))


@lru_cache(maxsize=64)
def _steps(model: Model, record_type: str) -> tuple[_Step, ...]:
    rarest = {
        "given": max([*model.given_bits.values(), model.unknown_given]),
        "family": max([*model.family_bits.values(), model.unknown_family]),
    }
    steps: list[_Step] = []
    ahead = _LEAST + max(0.0, model.marks.alone)
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


def _outcome(total: float, beyond_name: bool, model: Model) -> str:
    if total < model.marks.review:
        return "apart"
    if not beyond_name:
        return "link" if total >= model.marks.rare_name else "apart"
    return "link" if total >= model.marks.link else "review"
