"""How many people are at a contact point or in a home, as far as the records on it tell.

Takes the profiles of all records on one key, gives a number. The one rule: it is counted over records, never over
customers, and depends on the set of them only.
"""

from collections.abc import Iterable

from onevoice.identity import compare
from onevoice.identity.model import Model
from onevoice.identity.profile import Profile

COUNTED = ("email:", "phone:", "ad:")
"""Beginnings of the block keys whose people are counted: contact points and homes."""
_OF_ONE_BIRTH = ("exact", "swapped", "typo")


def people_at(key: str, profiles: Iterable[Profile], model: Model) -> int:
    """Count the people that the records on one counted key speak of: those at a contact point, or in a home.

    The count depends on the set of records only, not on their order.
    """
    if not key.startswith("ad:"):
        return _people_of_point(profiles, model)
    return _people_of_home({(one.given, one.birth) for one in profiles if one.type == "person"}, model)


def _people_of_home(known: set[tuple[str, str]], model: Model) -> int:
    """1 where all that is known of may be one person over any chain of records, else 2: whoever they are, several.

    Two records may be one person's unless their names differ and their days of birth differ or are not known.
    """
    left = sorted(known)
    reached = [left.pop()] if left else []
    while reached and left:
        here = reached.pop()
        reached += [other for other in left if _may_be_one(here, other, model)]
        left = [other for other in left if other not in reached]
    return 2 if left else 1


def _may_be_one(one: tuple[str, str], other: tuple[str, str], model: Model) -> bool:
    given, others = one[0], other[0]
    if not given or not others or given == others:
        return True
    if one[1] and other[1] and compare.compare_dates(one[1], other[1]) in _OF_ONE_BIRTH:
        return True
    if len(given) == 1 or len(others) == 1:
        return compare.fits_initial(given, others, model)
    return compare.same_given(given, others, model)


def _people_of_point(profiles: Iterable[Profile], model: Model) -> int:
    """Count records as one person where the given name can be the same and no two dates of birth differ.

    So one person in several systems is one, whatever short form or misspelling each has. Organisations count by name.
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
