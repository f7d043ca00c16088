"""The closures that expressions are made of.

Takes terms whose kinds were found to agree, gives a term that runs. The one rule: a closure does one thing, holds no
state, and answers None where what it looks at is unknown.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from onevoice.decisions.attribute import Attribute, Demand, Facts, Kind

Run: TypeAlias = Callable[[Facts], Any]

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A part of an expression.

    Attributes:
        constant: it is written out; `value` is what it says.
        many: it is a list that is written out; `kind` is that of its values.
        attribute: it is the bare name of this one.
        demands: what must all be so for it to be true; `whole` where that is all it says.
    """

    kind: Kind
    run: Run
    constant: bool = False
    value: Any = None
    many: bool = False
    attribute: Attribute | None = None
    demands: tuple[Demand, ...] = ()
    whole: bool = False


def constant(kind: Kind, value: Any) -> Term:
    """Return what always gives one value."""
    return Term(kind=kind, run=lambda _facts: value, constant=True, value=value)


def read(attribute: Attribute) -> Term:
    """Return what gives an attribute's fact; by itself, a truth demands to be true."""
    truth = attribute.kind is Kind.TRUTH
    demands = (Demand(attribute=attribute.name, values=frozenset({True})),) if truth else ()
    return Term(
        kind=attribute.kind, run=operator.itemgetter(attribute.name), attribute=attribute, demands=demands, whole=truth
    )


def all_of(parts: Sequence[Term]) -> Term:
    """Return `and`."""
    runs = tuple(part.run for part in parts)

    def run(facts: Facts) -> bool | None:
        known = True
        for one in runs:
            found = one(facts)
            if found is False:
                return False
            known = known and found is not None
        return True if known else None

    return Term(
        kind=Kind.TRUTH,
        run=run,
        demands=tuple(demand for part in parts for demand in part.demands),
        whole=all(part.whole for part in parts),
    )


def any_of(parts: Sequence[Term]) -> Term:
    """Return `or`."""
    runs = tuple(part.run for part in parts)

    def run(facts: Facts) -> bool | None:
        known = True
        for one in runs:
            found = one(facts)
            if found is True:
                return True
            known = known and found is not None
        return False if known else None

    return Term(kind=Kind.TRUTH, run=run)


def negated(part: Term) -> Term:
    """Return `not`."""
    inner = part.run

    def run(facts: Facts) -> bool | None:
        found = inner(facts)
        return None if found is None else not found

    if part.attribute is not None:
        demand = Demand(attribute=part.attribute.name, values=frozenset({False}))
        return Term(kind=Kind.TRUTH, run=run, demands=(demand,), whole=True)
    return Term(kind=Kind.TRUTH, run=run)


def minus(part: Term) -> Term:
    """Return the number with the other sign."""
    if part.constant:
        return constant(Kind.NUMBER, -part.value)
    inner = part.run

    def run(facts: Facts) -> Decimal | None:
        found = inner(facts)
        return None if found is None else -found

    return Term(kind=Kind.NUMBER, run=run)


def arithmetic(sign: str, left: Term, right: Term) -> Term:
    """Return the sum, difference, product or quotient."""
    return Term(kind=Kind.NUMBER, run=_both(_SIGNS[sign], left.run, right.run))


def comparison(sign: str, left: Term, right: Term) -> Term:
    """Return whether two values stand so to each other."""
    if left.constant and not right.constant:
        left, right, sign = right, left, _TURNED[sign]
    if left.attribute is None or not right.constant:
        return Term(kind=Kind.TRUTH, run=_both(_SIGNS[sign], left.run, right.run))
    name, value, compare = left.attribute.name, right.value, _SIGNS[sign]

    def run(facts: Facts) -> bool | None:
        found = facts[name]
        return None if found is None else compare(found, value)

    demands = _demands(name, sign, value)
    return Term(kind=Kind.TRUTH, run=run, demands=demands, whole=bool(demands))


def one_of(left: Term, values: frozenset[Any]) -> Term:
    """Return whether a value is in a list that is written out."""
    inner = left.run

    def run(facts: Facts) -> bool | None:
        found = inner(facts)
        return None if found is None else found in values

    demands = (Demand(attribute=left.attribute.name, values=values),) if left.attribute else ()
    return Term(kind=Kind.TRUTH, run=run, demands=demands, whole=bool(demands))


def within(left: Term, right: Term) -> Term:
    """Return whether a text is among those of an attribute."""
    return Term(kind=Kind.TRUTH, run=_both(lambda one, many: one in many, left.run, right.run))


def choice(test: Term, yes: Term, no: Term) -> Term:
    """Return one of two values; unknown where the test is."""
    asked, then, otherwise = test.run, yes.run, no.run

    def run(facts: Facts) -> Any:
        found = asked(facts)
        if found is None:
            return None
        return then(facts) if found else otherwise(facts)

    return Term(kind=yes.kind, run=run)


def call(function: Callable[..., Any], gives: Kind, arguments: Sequence[Term], *, takes_unknown: bool) -> Term:
    """Return a function of its arguments; of an unknown one it is unknown, unless it looks for just that."""
    runs = tuple(argument.run for argument in arguments)

    def run(facts: Facts) -> Any:
        values = [one(facts) for one in runs]
        if not takes_unknown and None in values:
            return None
        return function(*values)

    return Term(kind=gives, run=run)


def _both(function: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    def run(facts: Facts) -> Any:
        one, other = left(facts), right(facts)
        return None if one is None or other is None else function(one, other)

    return run


def _demands(name: str, sign: str, value: Any) -> tuple[Demand, ...]:
    if sign == "==":
        return (Demand(attribute=name, values=frozenset({value})),)
    if sign in ("<", "<="):
        return (Demand(attribute=name, high=value, high_open=sign == "<"),)
    if sign in (">", ">="):
        return (Demand(attribute=name, low=value, low_open=sign == ">"),)
    return ()
