"""Texts that hold several values: names, addresses, and whatever stands between separators.

Takes a rule; gives the conversion between such a text and an object of parts. The rule kept: what would not read back
as the same parts is not written, since no text of this form says it; a rule that only writes is not read back.
"""

import re
from collections.abc import Callable

from onevoice.mapping.rule import Rule, Split
from onevoice.mapping.table import Conversion

Parts = dict[str, str]

_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau", "m", "mme", "mlle"})
_LINES = re.compile(r"[\n,]")
_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTCODE_CITY = re.compile(r"(?P<postal_code>[0-9A-Z-]*[0-9][0-9A-Z-]*(?: [0-9]{2,3}(?= ))?) +(?P<city>[^0-9]+)")
_CITY_POSTCODE = re.compile(r"(?P<city>[^0-9]+?) +(?P<postal_code>[A-Z]{0,2}[0-9][0-9A-Z -]*)")


def make_name(rule: Rule) -> Conversion:
    """Return the conversion of a whole name; one word alone is a family name."""
    family_first = rule.style == "family-first"

    def get(raw: object) -> Parts | None:
        family, comma, rest = _text(raw).partition(",")
        words = (rest if comma else family).split()
        found: Parts = {}
        if len(words) > 1 and words[0].rstrip(".").lower() in _TITLES:
            found["prefix"] = words.pop(0)
        last = " ".join(family.split()) if comma else words.pop() if words else ""
        return found | _filled(given=" ".join(words), family=last) or None

    def put(name: Parts) -> str:
        first = " ".join(name[part] for part in ("prefix", "given", "middle") if part in name)
        family = " ".join(name[part] for part in ("family", "suffix") if part in name)
        return f"{family}, {first}" if family_first and first else f"{first} {family}".strip()

    return _guarded(get, put, reads=rule.direction != "out")


def make_address(rule: Rule) -> Conversion:
    """Return the conversion of an address in one text: street, town with postal code, country of two letters."""
    pattern = _CITY_POSTCODE if rule.style == "city-postcode" else _POSTCODE_CITY

    def get(raw: object) -> Parts | None:
        lines = [line.strip() for line in _LINES.split(_text(raw)) if line.strip()]
        found = {"country": lines.pop()} if lines and _COUNTRY.fullmatch(lines[-1]) else {}
        town = pattern.fullmatch(lines[-1]) if lines else None
        if town is not None:
            found |= town.groupdict()
            lines.pop()
        elif len(lines) > 1:
            found["city"] = lines.pop()
        return found | _filled(street="\n".join(lines)) or None

    def put(address: Parts) -> str:
        order = ("city", "postal_code") if rule.style == "city-postcode" else ("postal_code", "city")
        town = " ".join(address[part] for part in order if part in address)
        lines = [*address.get("street", "").split("\n"), town, address.get("country", "")]
        return ", ".join(line for line in lines if line)

    return _guarded(get, put, reads=rule.direction != "out")


def make_split(split: Split) -> Conversion:
    """Return the conversion of a text whose parts stand between separators; the last part takes the rest."""

    def get(raw: object) -> Parts | None:
        words = _text(raw).split(split.by, len(split.into) - 1)
        return _filled(**dict(zip(split.into, (word.strip() for word in words), strict=False))) or None

    return _guarded(get, lambda parts: split.by.join(parts.get(part, "") for part in split.into).rstrip(split.by))


def _guarded(get: Callable[[object], Parts | None], put: Callable[[Parts], str], *, reads: bool = True) -> Conversion:
    def write(parts: Parts) -> str | None:
        text = put(parts)
        return text if text and (not reads or get(text) == parts) else None

    return Conversion(get, write)


def _filled(**parts: str) -> Parts:
    return {name: value for name, value in parts.items() if value}


def _text(raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError("not text")  # noqa: TRY004 - one kind of error for every unreadable value
    return raw
