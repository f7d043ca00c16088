"""Graded comparators: each takes two profiles and gives the level of one comparison, or None where a side is blank.

The one rule: a comparison is symmetric, and blank never equals blank.
"""

from collections.abc import Mapping

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from onevoice.identity.model import Model
from onevoice.identity.profile import Place, Profile

_LEAST_GENERATION = 14  # years between a parent and a child of one name
_SHORTEST_TYPO = 3  # of names that begin alike; in shorter ones every slip makes another name
_SHORTEST_PART = 3
_SIMILAR_TOKENS = 92
_SIMILAR_STREET = 0.9
_SHARED = ("personal", "household", "role")


def compare_given(a: Profile, b: Profile, model: Model) -> str | None:
    """Compare the first given names."""
    if not a.given or not b.given:
        return None
    if len(a.given) == 1 or len(b.given) == 1:
        return "initial" if fits_initial(a.given, b.given, model) else "different"
    if a.given == b.given:
        return "exact"
    if not a.roots.isdisjoint(b.roots):
        return "nickname"
    if a.given == b.family and a.family == b.given:
        return "swapped"
    if not (a.common and b.common) and _misspelt(a.given, b.given, model):
        return "similar"
    return "middle" if a.given == b.middle or b.given == a.middle else "different"


def compare_family(a: Profile, b: Profile, model: Model) -> str | None:
    """Compare the family names; a double-barrelled one contains its parts."""
    if not a.family or not b.family:
        return None
    if a.family == b.family:
        return "exact"
    if a.given == b.family and a.family == b.given:
        return "swapped"
    if _part(a.family, b.family_parts) or _part(b.family, a.family_parts):
        return "part"
    return "similar" if _similar(a.family, b.family, model) else "different"


def compare_middle(a: Profile, b: Profile) -> str | None:
    """Compare the middle names."""
    if not a.middle or not b.middle:
        return None
    if a.middle == b.middle:
        return "exact"
    if len(a.middle) == 1 or len(b.middle) == 1:
        return "initial" if a.middle[0] == b.middle[0] else "different"
    return "different"


def compare_birth(a: Profile, b: Profile) -> str | None:
    """Compare the dates of birth."""
    if not a.birth or not b.birth:
        return None
    if a.birth == b.birth:
        return "exact"
    if a.birth[:4] == b.birth[:4] and a.birth[5:7] == b.birth[8:] and a.birth[8:] == b.birth[5:7]:
        return "swapped"
    if abs(int(a.birth[:4]) - int(b.birth[:4])) >= _LEAST_GENERATION:
        return "different"
    return "typo" if OSA.distance(a.birth, b.birth, score_cutoff=1) == 1 else "different"


def compare_text(a: str, b: str) -> str | None:
    """Compare two values that are either the same or not."""
    if not a or not b:
        return None
    return "same" if a == b else "different"


def compare_organisation(a: Profile, b: Profile) -> str | None:
    """Compare the names of organisations without their legal forms."""
    if not a.organisation or not b.organisation:
        return None
    if a.organisation == b.organisation:
        return "exact"
    return "similar" if token_set_ratio(a.organisation, b.organisation) >= _SIMILAR_TOKENS else "different"


def compare_domain(a: Profile, b: Profile) -> str | None:
    """Compare the internet domains."""
    if not a.domains or not b.domains:
        return None
    return "different" if set(a.domains).isdisjoint(b.domains) else "same"


def compare_emails(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> str | None:
    """Compare the e-mail addresses; the level says whose the shared one is."""
    if not a.emails or not b.emails:
        return None
    levels = [
        "role" if email.partition("@")[0] in model.role_mailboxes else _whose(holders.get(f"email:{email}", 1), model)
        for email in a.emails
        if email in b.emails
    ]
    return min(levels, key=_SHARED.index) if levels else "different"


def compare_phones(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> str | None:
    """Compare the telephone numbers; the level says whose the shared one is."""
    if not a.phones or not b.phones:
        return None
    levels = [_whose(holders.get(f"phone:{phone}", 1), model) for phone in a.phones if phone in b.phones]
    return min(levels, key=_SHARED.index) if levels else "different"


def compare_places(a: Profile, b: Profile) -> str | None:
    """Compare the addresses: the best level among all pairs of them."""
    if not a.places or not b.places:
        return None
    levels = {_place(one, other) for one in a.places for other in b.places}
    return next((level for level in ("same", "similar", "postal") if level in levels), "different")


def same_given(one: str, other: str, model: Model) -> bool:
    """Say whether two folded given names of more than one letter can be one person's."""
    roots, others = model.roots.get(one), model.roots.get(other)
    if one == other or one in (others or ()) or other in (roots or ()):
        return True
    if roots and others and not roots.isdisjoint(others):
        return True
    return not (one in model.given_names and other in model.given_names) and _misspelt(one, other, model)


def fits_initial(one: str, other: str, model: Model) -> bool:
    """Say whether two folded given names, one of them an initial, can be one person's: B. may be William's Bill."""
    initial, name = (one, other) if len(one) == 1 else (other, one)
    return name.startswith(initial) or any(form.startswith(initial) for form in model.forms.get(name, ()))


def _whose(people: int, model: Model) -> str:
    if people <= 1:
        return "personal"
    return "household" if people <= model.household_limit else "role"


def _misspelt(one: str, other: str, model: Model) -> bool:
    """Whether one given name is a misspelling of any form of the other."""
    if _similar(one, other, model):
        return True
    return any(_similar(form, other, model) for form in model.forms.get(one, ())) or any(
        _similar(one, form, model) for form in model.forms.get(other, ())
    )


def _similar(one: str, other: str, model: Model) -> bool:
    if JaroWinkler.similarity(one, other, score_cutoff=model.similar_name) > 0:
        return True
    if one[0] != other[0] or min(len(one), len(other)) < _SHORTEST_TYPO:
        return False
    return OSA.distance(one, other, score_cutoff=1) <= 1


def _part(name: str, parts: tuple[str, ...]) -> bool:
    return len(parts) > 1 and len(name) >= _SHORTEST_PART and name in parts


def _place(one: Place, other: Place) -> str:
    nearby = one.postal == other.postal if one.postal and other.postal else bool(one.city) and one.city == other.city
    if not nearby:
        return "different"
    if not one.street or not other.street:
        return "postal" if one.postal == other.postal else "different"
    if one.street == other.street:
        return "same"
    if _numbers(one.street) == _numbers(other.street):
        alike = JaroWinkler.similarity(one.street, other.street, score_cutoff=_SIMILAR_STREET) > 0
        return "similar" if alike else "postal"
    return "postal" if one.postal and one.postal == other.postal else "different"


def _numbers(street: str) -> list[str]:
    return [word for word in street.split() if word[0].isdigit()]
