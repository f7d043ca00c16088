"""Block keys: two records are compared only when they share one.

Takes a profile, gives its keys. The rules: blanks and placeholders make no key; where a key can be crowded because many
people share what it says (a full name, a home), the finer keys that take its place are stored beside it. Contact points
come first and look like those of `contact_points`, so that one index serves matching and the search for who holds a
point.
"""

from onevoice.identity.normalise import unordered_date
from onevoice.identity.profile import Profile

_BEGINNING = 3  # letters of a name beside a date of birth


def block_keys(seen: Profile) -> tuple[str, ...]:
    """Return a record's block keys, without repetition: contact points first."""
    keys = [f"email:{email}" for email in seen.emails]
    keys += [f"phone:{phone}" for phone in seen.phones]
    keys += _organisation_keys(seen) if seen.type == "organisation" else _person_keys(seen)
    return tuple(dict.fromkeys(keys))


def _person_keys(seen: Profile) -> list[str]:
    roots = sorted(seen.roots)
    keys: list[str] = []
    if seen.national_id:
        keys.append(f"id:{seen.national_id}")
    if seen.birth:
        birth = unordered_date(seen.birth)
        # The beginnings of either name, so that slips and names that changed places meet.
        beginnings = {name[:_BEGINNING] for name in (*roots, seen.family) if name}
        keys += [f"nb:{beginning}|{birth}" for beginning in sorted(beginnings)]
        keys += [f"pb:{place.postal}|{birth}" for place in seen.places if place.postal]
    keys += seen.homes
    named = {name[:_BEGINNING] for name in (*roots, seen.family) if name}
    keys += [f"st:{begin}|{place.landmark}" for place in seen.places if place.landmark for begin in sorted(named)]
    if seen.given and seen.family:
        # In order of letters, so that names which changed places meet as well.
        families = sorted(seen.family_roots)
        keys += [f"na:{a}|{b}" if a < b else f"na:{b}|{a}" for a in roots for b in families]
        if seen.common:
            keys += [
                f"np:{root}|{seen.family}|{place.postal}" for root in roots for place in seen.places if place.postal
            ]
    return keys


def _organisation_keys(seen: Profile) -> list[str]:
    keys = [f"dom:{domain}" for domain in seen.domains]
    if seen.register:
        keys.append(f"reg:{seen.register}")
    if seen.vat:
        keys.append(f"vat:{seen.vat}")
    if seen.organisation:
        keys += [f"oa:{seen.organisation}|{place.postal}" for place in seen.places if place.postal]
    return keys
