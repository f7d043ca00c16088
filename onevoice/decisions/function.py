"""The functions of the expression language: a closed list, each bounded in time and in what it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from onevoice.decisions.attribute import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function.

    Attributes:
        shape: how it is written.
        words: what it gives, for the reference.
        gives: kinds of the arguments -> kind of the result; None where they do not fit.
        takes_unknown: it is asked even where an argument is unknown.
    """

    shape: str
    words: str
    gives: Callable[[Sequence[Kind]], Kind | None]
    run: Callable[..., Any]
    takes_unknown: bool = False


def _fits(*wanted: Kind, gives: Kind) -> Callable[[Sequence[Kind]], Kind | None]:
    return lambda kinds: gives if list(kinds) == list(wanted) else None


def _some_numbers(kinds: Sequence[Kind]) -> Kind | None:
    return Kind.NUMBER if 2 <= len(kinds) <= 10 and set(kinds) == {Kind.NUMBER} else None


def _two_alike(kinds: Sequence[Kind]) -> Kind | None:
    return kinds[0] if len(kinds) == 2 and kinds[0] is kinds[1] else None


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)


FUNCTIONS: Mapping[str, Function] = {
    "known": Function(
        shape="known(attribute)",
        words="whether a fact is there; the only way to ask that",
        gives=lambda kinds: Kind.TRUTH if len(kinds) == 1 else None,
        run=lambda value: value is not None,
        takes_unknown=True,
    ),
    "otherwise": Function(
        shape="otherwise(value, value of the same kind)",
        words="the first value, or the second where the first is unknown",
        gives=_two_alike,
        run=lambda one, other: other if one is None else one,
        takes_unknown=True,
    ),
    "min": Function(shape="min(number, number, …)", words="the smallest", gives=_some_numbers, run=min),
    "max": Function(shape="max(number, number, …)", words="the greatest", gives=_some_numbers, run=max),
    "abs": Function(
        shape="abs(number)", words="without its sign", gives=_fits(Kind.NUMBER, gives=Kind.NUMBER), run=abs
    ),
    "round": Function(
        shape="round(number)",
        words="the nearest whole number, the even one of two",
        gives=_fits(Kind.NUMBER, gives=Kind.NUMBER),
        run=_rounded,
    ),
    "count": Function(
        shape="count(texts)",
        words="how many they are",
        gives=_fits(Kind.TEXTS, gives=Kind.NUMBER),
        run=lambda texts: Decimal(len(texts)),
    ),
    "starts_with": Function(
        shape="starts_with(text, text)",
        words="whether the first begins with the second",
        gives=_fits(Kind.TEXT, Kind.TEXT, gives=Kind.TRUTH),
        run=str.startswith,
    ),
}
