"""What matching sees of one record: folded, without placeholders, nothing else.

Takes a canonical person or organisation, gives a `Profile`. The one rule: a profile depends on the record and the model
alone, so equal hashes mean that there is nothing to resolve again.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from onevoice.identity.model import Model
from onevoice.identity.normalise import fold, fold_code, fold_date, fold_email, fold_phone, fold_suffix
from onevoice.messages import Json

_ONE_DIGIT = re.compile(r"(\d)\1{6,}$")
_FEWEST_DIGITS = 6
_MOST_POINTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One folded address."""

    street: str
    postal: str
    city: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One record as matching sees it; blank text and empty tuples mean "not known".

    Attributes:
        given: first given name; `middle` holds the others.
        roots: formal names that `given` may stand for.
        common: `given` is a name known to be one, not a misspelling.
        family: family name in one word; `family_parts` are its words.
    """

    type: str
    given: str = ""
    roots: frozenset[str] = frozenset()
    common: bool = False
    middle: str = ""
    family: str = ""
    family_parts: tuple[str, ...] = ()
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
    family = _name(name.get("family"), model)
    birth = fold_date(canonical.get("birth_date") or "")
    return Profile(
        type=record_type,
        given=given,
        roots=model.roots.get(given) or frozenset((given,) if given else ()),
        common=given in model.given_names,
        middle=" ".join((*others, _name(name.get("middle"), model))).strip(),
        family=family.replace(" ", ""),
        family_parts=tuple(family.split()),
        suffix=fold_suffix(name.get("suffix") or ""),
        birth="" if birth in model.placeholders.birth_dates else birth,
        national_id=_code(canonical.get("national_id"), model),
        emails=emails,
        phones=phones,
        places=places,
    )


def identity_hash(seen: Profile) -> str:
    """Return a hash of all that matching looks at."""
    places = [(place.street, place.postal, place.city) for place in seen.places]
    packed = orjson.dumps(
        (
            seen.type, seen.given, seen.middle, seen.family_parts, seen.suffix, seen.birth, seen.national_id,
            seen.organisation, seen.register, seen.vat, seen.domains, seen.emails, seen.phones, places,
        )
    )  # fmt: skip
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


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
    folded = {
        (_street(row, model), fold_code(row.get("postal_code") or ""), fold(row.get("city") or ""))
        for row in canonical.get("addresses") or ()
    }
    for street, postal, city in sorted(folded)[:_MOST_POINTS]:
        if street or postal:
            yield Place(street=street, postal=postal, city=city)


def _street(row: Json, model: Model) -> str:
    words = _name(row.get("street"), model).split()
    # The first word stays: "St Mary's Road" is no street "Street Mary's Road".
    return " ".join([*words[:1], *(model.street_words.get(word, word) for word in words[1:])])


def _is_placeholder_email(email: str, model: Model) -> bool:
    return email in model.placeholders.emails or email.partition("@")[0] in model.placeholders.mailboxes


def _is_placeholder_phone(phone: str, model: Model) -> bool:
    digits = phone.lstrip("+")
    too_plain = len(digits) < _FEWEST_DIGITS or _ONE_DIGIT.search(digits) is not None
    return too_plain or phone in model.placeholders.phones
