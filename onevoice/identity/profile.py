"""What matching sees of one record: folded, without placeholders, nothing else.

Takes a canonical person or organisation, gives a `Profile`. The one rule: a profile depends on the record and the model
alone, so equal hashes mean that there is nothing to resolve again.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson

from onevoice.identity.model import Model
from onevoice.identity.normalise import fold, fold_code, fold_date, fold_email, fold_phone, fold_suffix, is_suffix
from onevoice.messages import Json

_ONE_DIGIT = re.compile(r"(\d)\1{6,}$")
_FEWEST_DIGITS = 6
_MOST_POINTS = 20
_LANDMARK = 4  # letters
_COMMON = 20.0  # bits; of a million people, one or more have such a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One folded address: the street's words apart from the numbers in it.

    Attributes:
        landmark: beginning of the longest word of the street that is no kind of street.
    """

    words: str
    numbers: tuple[str, ...]
    postal: str
    city: str
    landmark: str = ""

    @property
    def home(self) -> str:
        """House number and beginning of the street, which survive most misspellings of either; blank without both."""
        if not self.numbers or not self.words:
            return ""
        return f"ad:{self.numbers[0]}|{self.words[:4]}|{self.postal or self.city}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One record as matching sees it; blank text and empty tuples mean "not known".

    Attributes:
        given: first given name; `middle` holds the others.
        roots: formal names that `given` may stand for; `family_roots` those of `family`, which may be a given name.
        given_bits: how rare `given` is; `family_bits` likewise.
        known: `given` is a name known to be one, not a misspelling.
        common: so many people have this full name that records by the thousand may share it.
        family: family name in one word; `family_parts` are its words.
        homes: block keys of those places that are a home.
    """

    type: str
    given: str = ""
    roots: frozenset[str] = frozenset()
    given_bits: float = 0.0
    known: bool = False
    common: bool = False
    middle: str = ""
    family: str = ""
    family_roots: frozenset[str] = frozenset()
    family_parts: tuple[str, ...] = ()
    family_bits: float = 0.0
    suffix: str = ""
    birth: str = ""
    national_id: str = ""
    organisation: str = ""
    register: str = ""
    vat: str = ""
    domains: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    homes: tuple[str, ...] = ()


def profile(canonical: Json, record_type: str, model: Model) -> Profile:
    """Return the profile of a canonical record.

    Args:
        canonical: a person or an organisation, valid against its schema.
        record_type: "person" or "organisation".
        model: says what is a placeholder, a short form, an abbreviation.
    """
    emails = tuple(email for email in _emails(canonical) if not _is_placeholder_email(email, model))
    phones = tuple(phone for phone in _phones(canonical) if not _is_placeholder_phone(phone, model))
    places = tuple(_places(canonical, model))
    if record_type == "organisation":
        return _organisation(canonical, model, emails, phones, places)
    name = canonical.get("name") or {}
    given, *others = _name(name.get("given"), model).split() or [""]
    family, suffix = _family(name, model)
    joined = "".join(family)
    given_bits = model.given_bits.get(given, model.unknown_given) if given else 0.0
    family_bits = _family_bits(family, joined, model)
    birth = fold_date(canonical.get("birth_date") or "")
    return Profile(
        type=record_type,
        given=given,
        roots=_roots(given, model),
        given_bits=given_bits,
        known=given in model.given_bits or given in model.roots,
        common=given_bits + family_bits < _COMMON,
        middle=" ".join((*others, _name(name.get("middle"), model))).strip(),
        family=joined,
        family_roots=_roots(joined, model),
        family_parts=tuple(family),
        family_bits=family_bits,
        suffix=suffix,
        birth="" if birth in model.placeholders.birth_dates else birth,
        national_id=_code(canonical.get("national_id"), model),
        emails=emails,
        phones=phones,
        places=places,
        homes=tuple(dict.fromkeys(place.home for place in places if place.home)),
    )


def identity_hash(seen: Profile) -> str:
    """Return a hash of all that matching looks at."""
    places = [(place.words, place.numbers, place.postal, place.city) for place in seen.places]
    packed = orjson.dumps(
        (
            seen.type, seen.given, seen.middle, seen.family_parts, seen.suffix, seen.birth, seen.national_id,
            seen.organisation, seen.register, seen.vat, seen.domains, seen.emails, seen.phones, places,
        )
    )  # fmt: skip
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def declared_ids(seen: Profile, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Return those of a record's ids whose names are given, each as (name, value)."""
    if not names:
        return ()
    found = (("national_id", seen.national_id), ("register_number", seen.register), ("vat_number", seen.vat))
    return tuple((name, value) for name, value in found if value and name in names)


def contact_points(canonical: Json) -> tuple[str, ...]:
    """Return every contact point of a canonical record, placeholders included, as `email:...` and `phone:...`."""
    points = [f"email:{email}" for email in _emails(canonical)]
    return (*points, *(f"phone:{phone}" for phone in _phones(canonical)))


def _organisation(
    canonical: Json, model: Model, emails: tuple[str, ...], phones: tuple[str, ...], places: tuple[Place, ...]
) -> Profile:
    words = _name(canonical.get("name"), model).split()
    known = {email.rpartition("@")[2] for email in emails}
    known |= {domain.strip().lower().removeprefix("www.") for domain in canonical.get("domains") or ()}
    return Profile(
        type="organisation",
        organisation=" ".join(word for word in words if word not in model.legal_forms) or " ".join(words),
        register=_code(canonical.get("register_number"), model),
        vat=_code(canonical.get("vat_number"), model),
        domains=tuple(sorted(known - model.public_mail_domains - {""})),
        emails=emails,
        phones=phones,
        places=places,
    )


def _name(text: str | None, model: Model) -> str:
    folded = fold(text) if text else ""
    return "" if folded in model.placeholders.names else folded


def _family(name: Json, model: Model) -> tuple[list[str], str]:
    """The words of the family name, and the suffix, wherever it was written."""
    family = _name(name.get("family"), model).split()
    suffix = fold_suffix(name.get("suffix") or "")
    if len(family) > 1 and is_suffix(family[-1]):
        last = fold_suffix(family.pop())
        suffix = suffix or last
    return family, suffix


def _roots(name: str, model: Model) -> frozenset[str]:
    return model.roots.get(name) or frozenset((name,) if name else ())


def _family_bits(family: list[str], joined: str, model: Model) -> float:
    """How rare a family name is; one of several words is at least as rare as the rarest of them."""
    if not family:
        return 0.0
    found = model.family_bits.get(joined)
    return found if found is not None else max([model.family_bits.get(word, model.unknown_family) for word in family])


def _code(text: str | None, model: Model) -> str:
    folded = fold_code(text) if text else ""
    return "" if folded in model.placeholders.names or len(set(folded)) < 2 else folded


def _emails(canonical: Json) -> tuple[str, ...]:
    return _distinct(fold_email(row.get("address") or "") for row in canonical.get("emails") or ())


def _phones(canonical: Json) -> tuple[str, ...]:
    return _distinct(fold_phone(row.get("number") or "") for row in canonical.get("phones") or ())


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    """The values that are not blank, sorted: the order in which a system lists them means nothing."""
    return tuple(sorted({value for value in values if value})[:_MOST_POINTS])


def _places(canonical: Json, model: Model) -> Iterable[Place]:
    folded = set()
    for row in canonical.get("addresses") or ():
        words = _street(row, model)
        numbers = tuple([word for word in words if word[0].isdigit()])
        street = " ".join([word for word in words if not word[0].isdigit()])
        folded.add((street, numbers, _code(row.get("postal_code"), model), _name(row.get("city"), model)))
    for street, numbers, postal, city in sorted(folded)[:_MOST_POINTS]:
        if street or numbers or postal:
            landmark = _landmark(street, model)
            yield Place(words=street, numbers=numbers, postal=postal, city=city, landmark=landmark)


def _landmark(street: str, model: Model) -> str:
    words = [word for word in street.split() if len(word) >= _LANDMARK and word not in model.street_kinds]
    return min(words, key=lambda word: (-len(word), word))[:_LANDMARK] if words else ""


def _street(row: Json, model: Model) -> list[str]:
    words = _name(row.get("street"), model).split()
    # The first word stays: "St Mary's Road" is no street "Street Mary's Road".
    return [*words[:1], *(model.street_words.get(word, word) for word in words[1:])]


def _is_placeholder_email(email: str, model: Model) -> bool:
    return email in model.placeholders.emails or email.partition("@")[0] in model.placeholders.mailboxes


def _is_placeholder_phone(phone: str, model: Model) -> bool:
    digits = phone.lstrip("+")
    too_plain = len(digits) < _FEWEST_DIGITS or _ONE_DIGIT.search(digits) is not None
    return too_plain or phone in model.placeholders.phones
