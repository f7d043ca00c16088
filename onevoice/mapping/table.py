"""Value tables, and the form that every conversion has.

Takes a rule with `values`; gives a `Conversion`. The rule kept: a canonical value that several source values read as is
written back only when `back` names one of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onevoice.mapping.rule import Rule

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Conversion:
    """One two-way step.

    Attributes:
        get: source value -> canonical value; None when it counts as absent; ValueError when unreadable.
        put: canonical value -> source value, None to leave the field; None when there is no way back.
        of_record: `get` takes the source record as its second argument.
    """

    get: Callable[..., Any]
    put: Callable[[Any], Any] | None
    of_record: bool = False


def same(value: Any) -> Any:
    """Return the value: the way back of conversions that write what they hold."""
    return value


def table_conversion(rule: Rule) -> Conversion:
    """Return the conversion of a rule with `values`."""
    values, outside, has_otherwise = dict(rule.values or {}), rule.outside, rule.has_otherwise

    def get(raw: Any) -> Any:
        try:
            found = values.get(raw, _MISSING)
        except TypeError:  # a list or an object is in no table
            found = _MISSING
        if found is not _MISSING:
            return found
        if has_otherwise:
            return outside
        raise ValueError("not in the table")

    back = written_values(rule)
    if back is None:
        return Conversion(get, None)

    def put(value: Any) -> Any:
        if value in back or has_otherwise:
            return back.get(value)
        raise ValueError("not in the table")

    return Conversion(get, put)


def written_values(rule: Rule) -> dict[Any, Any] | None:
    """Return canonical value -> source value of a table rule; None when a value has several and `back` names none."""
    written = dict(rule.back or {})
    for raw, value in (rule.values or {}).items():
        if value in (rule.back or {}):
            continue
        if value in written:
            return None
        written[value] = raw
    return written
