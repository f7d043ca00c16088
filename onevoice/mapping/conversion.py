"""Conversions: pairs of functions between a source value and its canonical form.

Takes a rule and the source field's schema; gives `Conversion(get, put)`. The rule kept: `get(put(c)) == c` for every
canonical value, and a value that cannot be read raises ValueError without saying which value it was.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from onevoice.mapping.parts import make_address, make_name, make_split
from onevoice.mapping.paths import make_reader
from onevoice.mapping.phone import from_e164, known_region, to_e164
from onevoice.mapping.rule import Rule
from onevoice.mapping.table import Conversion, same, table_conversion
from onevoice.mapping.times import make_date, make_datetime
from onevoice.messages import Json

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_EMAIL_MAX, _LOCAL_MAX = 254, 64
_MAGNITUDE = 18
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*")


def source_types(field: Mapping[str, Any]) -> frozenset[str]:
    """Return the JSON types that a schema lets a field have, null left out; empty when it does not say."""
    declared = field.get("type", [])
    names = set([declared] if isinstance(declared, str) else declared)
    if not names and "enum" in field:
        kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
        names = {kinds[type(value)] for value in field["enum"] if type(value) in kinds}
    return frozenset(names - {"null"})


def make_conversion(rule: Rule, field: Mapping[str, Any], region: str) -> Conversion:
    """Return the conversion of a rule that reads a source field.

    Args:
        rule: a rule with `from`.
        field: the schema of that source field.
        region: region of telephone numbers where the rule names none.
    """
    if rule.values is not None:
        return table_conversion(rule)
    if rule.split is not None:
        return make_split(rule.split)
    name = rule.convert or ("text" if "string" in source_types(field) else "as it is")
    if name in _PLAIN:
        return Conversion(_PLAIN[name], same)
    return _MADE[name](rule, field, region)


def _as_it_is(raw: Any) -> Any:
    return raw


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError("not text")  # noqa: TRY004 - one kind of error for every unreadable value
    return raw


def _text(raw: Any) -> str | None:
    if not isinstance(raw, str):
        raise ValueError("not text")  # noqa: TRY004 - one kind of error for every unreadable value
    return raw.strip() or None


def _text_of_number(raw: Any) -> str | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    return _text(raw)


@lru_cache(maxsize=1 << 16)
def _checked_email(text: str) -> str | None:
    address = text.strip().lower()
    fits = len(address) <= _EMAIL_MAX and len(address.partition("@")[0]) <= _LOCAL_MAX
    return address if fits and _EMAIL.fullmatch(address) else None


def _email(raw: Any) -> str:
    address = _checked_email(_string(raw))
    if address is None:
        raise ValueError("no e-mail address")
    return address


def _country(raw: Any) -> str | None:
    code = _string(raw).strip().upper()
    if code and not _COUNTRY.fullmatch(code):
        raise ValueError("no country code of two letters")
    return code or None


def _currency(raw: Any) -> str | None:
    code = _string(raw).strip().upper()
    if code and not _CURRENCY.fullmatch(code):
        raise ValueError("no currency code of three letters")
    return code or None


def _language(raw: Any) -> str | None:
    tag = _string(raw).strip().lower()
    found = _LANGUAGE.fullmatch(tag)
    if tag and not found:
        raise ValueError("no language tag")
    return found[1] if found else None


def _decimal(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        raise ValueError("no number")  # noqa: TRY004 - one kind of error for every unreadable value
    try:
        number = Decimal(str(raw).strip())
    except InvalidOperation:
        raise ValueError("no number") from None
    if not number.is_finite() or abs(number.adjusted()) > _MAGNITUDE:
        raise ValueError("no number of a usable size")
    return f"{number:f}"


def _bool(raw: Any) -> bool:
    found = {"true": True, "false": False}.get(raw.strip().lower()) if isinstance(raw, str) else raw
    if not isinstance(found, bool):
        raise ValueError("neither true nor false")  # noqa: TRY004 - one kind of error for every unreadable value
    return found


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


def _phone(rule: Rule, default: str) -> Conversion:
    style = rule.style or "e164"
    if rule.region is None or not rule.region.startswith("$."):
        home = rule.region or default
        return Conversion(lambda raw: _number(raw, home), lambda number: from_e164(number, style, home))
    country = make_reader(rule.region.removeprefix("$."))

    def get(raw: Any, data: Json) -> str | None:
        return _number(raw, known_region(country(data)) or default)

    return Conversion(get, lambda number: from_e164(number, style, default), of_record=True)


def _number(raw: Any, region: str) -> str | None:
    number = to_e164(_string(raw), region)
    if number is None and not raw.isspace():
        raise ValueError("no telephone number")
    return number


def _point(rule: Rule, default: str) -> Conversion:
    phone = _phone(rule, default)

    def get(raw: Any, data: Json) -> str | None:
        if rule.kind == "email" or (rule.kind is None and "@" in _string(raw)):
            return f"email:{_email(raw)}"
        number = phone.get(raw, data) if phone.of_record else phone.get(raw)
        return f"phone:{number}" if number else None

    return Conversion(get, lambda point: point.partition(":")[2], of_record=True)


def _make_text(_rule: Rule, field: Mapping[str, Any], _region: str) -> Conversion:
    types = source_types(field)
    return Conversion(_text_of_number if "integer" in types else _text, int if types == {"integer"} else same)


def _make_reference(rule: Rule, field: Mapping[str, Any], _region: str) -> Conversion:
    stream, ending = rule.stream, f"#{rule.slot}" if rule.slot else ""
    whole = source_types(field) == {"integer"}

    def get(raw: Any) -> Json | None:
        key = _text_of_number(raw)
        return {"stream": stream, "key": key + ending} if key else None

    def put(party: Json) -> Any:
        if party["stream"] != stream or not party["key"].endswith(ending):
            return None  # what the field cannot name
        key = party["key"].removesuffix(ending)
        return int(key) if whole else key

    return Conversion(get, put)


def _make_bool(_rule: Rule, field: Mapping[str, Any], _region: str) -> Conversion:
    return Conversion(_bool, _bool_text if "string" in source_types(field) else same)


def _make_decimal(_rule: Rule, field: Mapping[str, Any], _region: str) -> Conversion:
    return Conversion(_decimal, same if "string" in source_types(field) else None)


def _make_language(rule: Rule, _field: Mapping[str, Any], _region: str) -> Conversion:
    return Conversion(_language, str.upper if rule.style == "upper" else same)


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "as it is": _as_it_is,
    "email": _email,
    "country": _country,
    "currency": _currency,
}
_MADE: dict[str, Callable[[Rule, Mapping[str, Any], str], Conversion]] = {
    "text": _make_text,
    "date": lambda rule, _field, _region: make_date(rule),
    "datetime": lambda rule, _field, _region: make_datetime(rule),
    "name": lambda rule, _field, _region: make_name(rule),
    "address": lambda rule, _field, _region: make_address(rule),
    "reference": _make_reference,
    "bool": _make_bool,
    "decimal": _make_decimal,
    "language": _make_language,
    "phone": lambda rule, _field, region: _phone(rule, region),
    "point": lambda rule, _field, region: _point(rule, region),
}
