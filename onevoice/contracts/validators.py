"""Two validators of one schema that always agree: a fast one for the verdict, a patient one for the reason.

Takes a schema; gives a compiled jsonschema-rs validator and a `jsonschema` validator. Where the two libraries differ
by themselves (formats, the regex flavour, multiples of fractions), the patient one asks the fast one: one dialect.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import isfinite
from typing import Any

import jsonschema_rs
from jsonschema import Draft202012Validator, FormatChecker, ValidationError, validators

from onevoice.messages import Json

FORMATS = (
    *("date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid"),
    *("idn-email", "idn-hostname", "iri", "iri-reference", "uri-template", "json-pointer", "relative-json-pointer"),
    "regex",
)
_DELEGATED = ("pattern", "multipleOf")
_EMAIL = jsonschema_rs.EmailOptions(allow_display_text=False, allow_domain_literal=False)


def fast_validator(schema: Json) -> jsonschema_rs.Draft202012Validator:
    """Return the validator whose verdict counts; formats are asserted, nothing is fetched."""
    return jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, email_options=_EMAIL, offline=True, mask="a value"
    )


def patient_validator(schema: Json) -> Any:
    """Return the validator that can say which of several errors is the one to show."""
    return _Patient(schema, format_checker=_formats())


@lru_cache(maxsize=1024)
def _single(keyword: str, value: object) -> jsonschema_rs.Draft202012Validator:
    return fast_validator({keyword: value})


def _delegate(keyword: str) -> Any:
    def check(_validator: object, value: object, instance: object, _schema: object) -> Iterator[ValidationError]:
        if not _accepts(keyword, value, instance):
            yield ValidationError(keyword)

    return check


def _accepts(keyword: str, value: object, instance: object) -> bool:
    try:
        return _single(keyword, value).is_valid(instance)
    except ValueError:  # what is no JSON text, a lone surrogate for one, has no valid form
        return False


def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())
    for name in FORMATS:
        checker.checks(name)(lambda instance, name=name: _accepts("format", name, instance))
    return checker


def _is_number(_checker: object, instance: object) -> bool:
    return not isinstance(instance, bool) and isinstance(instance, int | float) and isfinite(instance)


_extend: Any = validators.extend  # untyped in its library
_Patient = _extend(
    Draft202012Validator,
    {keyword: _delegate(keyword) for keyword in _DELEGATED},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number),
)
