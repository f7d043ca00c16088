"""Telephone numbers between how a system writes them and E.164.

Takes text and a region; gives E.164 or None for what is no possible number. Parsing is the dearest step of a mapping,
so that numbers in everyday notation take a short way, and both directions are cached.
"""

import re
from functools import lru_cache

import phonenumbers

from onevoice.mapping.numbering import everyday_e164

_CACHE = 1 << 16
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@lru_cache(maxsize=_CACHE)
def to_e164(text: str, region: str) -> str | None:
    """Return the number in E.164, or None when it is no possible one; `region` rules numbers without a plus sign."""
    return everyday_e164(text, region) or parsed_e164(text, region)


def parsed_e164(text: str, region: str) -> str | None:
    """Return what `to_e164` does by way of the full parser alone: what the short way is held to."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not number.national_number:  # zeros alone are nobody's, and lose one each time they are read
        return None
    # A number that can only be dialled locally is possible too, but names nobody in E.164.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return text if _E164.fullmatch(text) else None


@lru_cache(maxsize=_CACHE)
def from_e164(number: str, style: str, region: str) -> str:
    """Return an E.164 number as a system wants it: `e164`, `international`, or `national` where it is of `region`."""
    if style == "e164":
        return number
    parsed = phonenumbers.parse(number)
    at_home = parsed.country_code == phonenumbers.country_code_for_region(region)
    national = style == "national" and at_home
    chosen = phonenumbers.PhoneNumberFormat.NATIONAL if national else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    text = phonenumbers.format_number(parsed, chosen)
    # A few numbers lose digits in their pretty form; one that would not read back is written plainly.
    return text if to_e164(text, region) == number else number


def known_region(region: object) -> str | None:
    """Return a country code that numbers can be read under, or None."""
    code = region.strip().upper() if isinstance(region, str) else ""
    return code if code in phonenumbers.SUPPORTED_REGIONS else None
