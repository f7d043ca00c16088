"""Graded comparators: each takes two profiles and gives the level of one comparison, or None where a side is blank.

The one rule: a comparison is symmetric, and blank never equals blank. All have one shape, so that the score can walk
over them: two profiles, the model, and how many people hold each shared contact point.
"""

from collections.abc import Mapping
from functools import lru_cache

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_set_ratio

from onevoice.identity.model import Model
from onevoice.identity.normalise import national_suffix
from onevoice.identity.profile import Place, Profile

_GENERATION = 14  # years between a parent and a child of one name
_SHORTEST_TYPO = 3  # of names that begin alike; in shorter ones every slip makes another name
_SHORTEST_PART = 3
_SHORTEST_ID = 5
_SHORTEST_MAILBOX = 6  # of which one slip makes no other that somebody has
_SIMILAR_NAME = 0.9
_SIMILAR_TOKENS = 92
_SIMILAR_STREET = 0.88
_SIMILAR_WORDS = 85  # of the words of a street, whatever their order and what one side adds
_SHARED = ("personal", "household", "role")
_NEAREST_PLACES = ("same", "similar", "street", "postal", "city", "different")

Holders = Mapping[str, int]


def compare_given(a: Profile, b: Profile, model: Model, _: Holders) -> str | None:
    """Compare the first given names."""
    one, other = a.given, b.given
    if not one or not other:
        return None
    if one == other:
        return "exact" if len(one) > 1 else "initial"
    if len(one) == 1 or len(other) == 1:
        return "initial" if fits_initial(one, other, model) else "different"
    if not a.roots.isdisjoint(b.roots):
        return "nickname"
    if is_swapped(a, b):
        return "swapped"
    if _misspelt(one, other, model):
        return "alike" if a.known and b.known else "similar"
    return "middle" if one in b.middle.split() or other in a.middle.split() else "different"


def compare_family(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the family names; a double-barrelled one contains its parts."""
    one, other = a.family, b.family
    if not one or not other:
        return None
    if one == other:
        return "exact"
    if is_swapped(a, b):
        return "swapped"
    if _part(one, b.family_parts) or _part(other, a.family_parts):
        return "part"
    return "similar" if _similar(one, other) else "different"


def is_swapped(a: Profile, b: Profile) -> bool:
    """Say whether given and family name changed places, slips allowed."""
    if not (a.given and a.family and b.given and b.family) or a.given[0] != b.family[0]:
        return False
    return _similar(a.given, b.family) and _similar(a.family, b.given)


def compare_middle(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the middle names."""
    if not a.middle or not b.middle:
        return None
    if len(a.middle) == 1 or len(b.middle) == 1:
        return "initial" if a.middle[0] == b.middle[0] else "different"
    return "exact" if a.middle == b.middle or _similar(a.middle, b.middle) else "different"


def compare_suffix(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the suffixes; one that only one side has is a level of its own."""
    if a.suffix == b.suffix:
        return "same" if a.suffix else None
    return "different" if a.suffix and b.suffix else "one"


def compare_birth(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the dates of birth."""
    return compare_dates(a.birth, b.birth) if a.birth and b.birth else None


def compare_national_id(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the national ids; one slip of a digit makes a typo of it."""
    one, other = a.national_id, b.national_id
    if not one or not other:
        return None
    if one == other:
        return "same"
    return "typo" if len(one) >= _SHORTEST_ID and OSA.distance(one, other, score_cutoff=1) == 1 else "different"


def compare_organisation(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the names of organisations without their legal forms."""
    if not a.organisation or not b.organisation:
        return None
    if a.organisation == b.organisation:
        return "exact"
    return "similar" if token_set_ratio(a.organisation, b.organisation) >= _SIMILAR_TOKENS else "different"


def compare_register(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the register numbers."""
    return _same(a.register, b.register)


def compare_vat(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the VAT numbers."""
    return _same(a.vat, b.vat)


def compare_domain(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the internet domains."""
    if not a.domains or not b.domains:
        return None
    return "different" if set(a.domains).isdisjoint(b.domains) else "same"


def compare_email(a: Profile, b: Profile, model: Model, holders: Holders) -> str | None:
    """Compare the e-mail addresses; the level says whose the shared one is."""
    if not a.emails or not b.emails:
        return None
    levels = [
        "role" if email.partition("@")[0] in model.role_mailboxes else _whose(holders.get(f"email:{email}", 1), model)
        for email in a.emails
        if email in b.emails
    ]
    if levels:
        return min(levels, key=_SHARED.index) if len(levels) > 1 else levels[0]
    slips = any(_slip(one, other) for one in a.emails for other in b.emails)
    return "similar" if slips else "different"


def compare_phone(a: Profile, b: Profile, model: Model, holders: Holders) -> str | None:
    """Compare the telephone numbers; the level says whose the shared one is."""
    if not a.phones or not b.phones:
        return None
    levels = [_whose(holders.get(f"phone:{phone}", 1), model) for phone in a.phones if phone in b.phones]
    if levels:
        return min(levels, key=_SHARED.index) if len(levels) > 1 else levels[0]
    suffixes = {national_suffix(phone) for phone in a.phones} - {""}
    return "suffix" if any(national_suffix(phone) in suffixes for phone in b.phones) else "different"


def compare_address(a: Profile, b: Profile, _model: Model, _: Holders) -> str | None:
    """Compare the addresses: the best level among all pairs of them."""
    if not a.places or not b.places:
        return None
    if len(a.places) == len(b.places) == 1:
        return _place(a.places[0], b.places[0])
    levels = {_place(one, other) for one in a.places for other in b.places}
    return next((level for level in _NEAREST_PLACES if level in levels), None)


def compare_dates(one: str, other: str) -> str:
    """Compare two dates of birth, neither of them blank."""
    if one == other:
        return "exact"
    year, month, day = one[:4] == other[:4], one[5:7] == other[5:7], one[8:] == other[8:]
    if year and one[5:7] == other[8:] and one[8:] == other[5:7]:
        return "swapped"
    years_apart = abs(int(one[:4]) - int(other[:4]))
    if OSA.distance(one, other, score_cutoff=1) == 1 and years_apart < _GENERATION:
        return "typo"
    if years_apart >= _GENERATION:
        return "generation"
    return "part" if year + month + day == 2 else "different"


def same_given(one: str, other: str, model: Model) -> bool:
    """Say whether two folded given names of more than one letter can be one person's."""
    roots, others = model.roots.get(one), model.roots.get(other)
    if one == other or one in (others or ()) or other in (roots or ()):
        return True
    if roots and others and not roots.isdisjoint(others):
        return True
    return not (_known(one, model) and _known(other, model)) and _misspelt(one, other, model)


def fits_initial(one: str, other: str, model: Model) -> bool:
    """Say whether two folded given names, one of them an initial, can be one person's: B. may be William's Bill."""
    initial, name = (one, other) if len(one) == 1 else (other, one)
    return name.startswith(initial) or any(form.startswith(initial) for form in model.forms.get(name, ()))


def _known(name: str, model: Model) -> bool:
    return name in model.given_bits or name in model.roots


def _whose(people: int, model: Model) -> str:
    if people <= 1:
        return "personal"
    return "household" if people <= model.household_limit else "role"


@lru_cache(maxsize=1 << 16)
def _misspelt(one: str, other: str, model: Model) -> bool:
    """Whether one given name is a misspelling of any form of the other."""
    if _similar(one, other):
        return True
    return any(_similar(form, other) for form in model.forms.get(one, ())) or any(
        _similar(one, form) for form in model.forms.get(other, ())
    )


def _similar(one: str, other: str) -> bool:
    if JaroWinkler.similarity(one, other, score_cutoff=_SIMILAR_NAME) > 0:
        return True
    if one[0] != other[0] or min(len(one), len(other)) < _SHORTEST_TYPO:
        return False
    return OSA.distance(one, other, score_cutoff=1) <= 1


def _slip(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1 or min(one.find("@"), other.find("@")) < _SHORTEST_MAILBOX:
        return False
    return OSA.distance(one, other, score_cutoff=1) == 1


def _same(one: str, other: str) -> str | None:
    if not one or not other:
        return None
    return "same" if one == other else "different"


def _part(name: str, parts: tuple[str, ...]) -> bool:
    return len(parts) > 1 and len(name) >= _SHORTEST_PART and name in parts


def _place(one: Place, other: Place) -> str | None:
    area = _area(one, other)
    if not (one.words and other.words):
        return area
    number = one.numbers == other.numbers
    if one.words == other.words:
        if number:
            return "same" if area != "different" else "similar"
        near = "similar" if not (one.numbers and other.numbers) and area == "postal" else "street"
        return near if area != "different" else "different"
    alike = (
        JaroWinkler.similarity(one.words, other.words, score_cutoff=_SIMILAR_STREET) > 0
        or token_set_ratio(one.words, other.words, score_cutoff=_SIMILAR_WORDS) > 0
    )
    if alike and number and one.numbers:
        return "similar"
    return "street" if alike and area == "postal" else area


def _area(one: Place, other: Place) -> str | None:
    if one.postal and one.postal == other.postal:
        return "postal"
    if one.city and other.city:
        return "city" if one.city == other.city else "different"
    return "different" if one.postal and other.postal else None
