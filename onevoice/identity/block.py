"""Block keys: two records are compared only when they share one.

Takes a profile, gives its keys. The one rule: blanks and placeholders make no key. Contact points come first and look
like those of `contact_points`, so that one index serves matching and the search for who holds a point.
"""

from onevoice.identity.profile import Profile


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
        if seen.family:
            keys.append(f"nb:{seen.family}|{seen.birth}")
        keys += [f"gb:{root}|{seen.birth}" for root in roots]
    if seen.family:
        keys += [f"na:{root}|{seen.family}|{place.postal}" for root in roots for place in seen.places if place.postal]
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
