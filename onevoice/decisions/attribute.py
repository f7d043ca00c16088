"""What an expression may read: attributes, each with its kind, and the demands that a condition makes on them.

Takes raw facts, gives checked ones. The one rule: a fact is of its attribute's kind or it is unknown (None); numbers
are exact decimals, so that the same facts give the same answer whenever they are looked at again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeAlias

from onevoice.errors import RefusedError

Facts: TypeAlias = Mapping[str, Any]

MOST_TEXT = 200
MOST_TEXTS = 100
_GREATEST = Decimal(10) ** 15


class Kind(StrEnum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One thing that is known of a customer or a moment.

    Attributes:
        values: the texts that it can be, where they are a closed list.
        words: what it means, for the reference.
    """

    name: str
    kind: Kind
    words: str
    values: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What must be so of one attribute for a condition to hold: it is one of `values`, or lies between two numbers."""

    attribute: str
    values: frozenset[Any] | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    def met(self, value: Any) -> bool:
        """Return whether a value that is known meets it."""
        if self.values is not None:
            return value in self.values
        above = self.low is None or (value > self.low if self.low_open else value >= self.low)
        below = self.high is None or (value < self.high if self.high_open else value <= self.high)
        return above and below


def checked_facts(raw: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    """Return a fact for every attribute, unknown where there is none.

    Raises:
        RefusedError: a fact is of another kind than its attribute, or no attribute has its name; the text names it.
    """
    unknown = raw.keys() - attributes.keys()
    if unknown:
        raise RefusedError(f"decision: {len(unknown)} attribute(s) are not declared in rules/decisions.yaml")
    return {name: _checked(raw.get(name), attribute) for name, attribute in attributes.items()}


def fitting_facts(facts: Mapping[str, Any], attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    """Return a fact for every attribute from facts of other rules: what is not of its kind here is unknown."""
    return {
        name: _READERS[attribute.kind](facts[name]) if facts.get(name) is not None else None
        for name, attribute in attributes.items()
    }


def _checked(value: Any, attribute: Attribute) -> Any:
    if value is None:
        return None
    found = _READERS[attribute.kind](value)
    if found is None:
        raise RefusedError(f"decision: attribute {attribute.name} is not a {attribute.kind}, or is too long")
    return found


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str) and len(value) <= MOST_TEXT else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) <= _GREATEST else None


def _texts(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple | set | frozenset) or len(value) > MOST_TEXTS:
        return None
    return tuple(sorted(value)) if all(_text(one) is not None for one in value) else None


_READERS = {Kind.TEXT: _text, Kind.TRUTH: _truth, Kind.NUMBER: _number, Kind.TEXTS: _texts}
