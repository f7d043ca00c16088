"""Many conditions at once: which of five hundred hold, without asking each of them.

Takes compiled conditions, gives bit masks (bit i is condition i). An index over what conditions demand of attributes
(equal to, one of, between) leaves few candidates; only those are evaluated, and only where their demands did not say
all. The one rule: the index never decides otherwise than the condition itself would; one that raises holds not, and is
named.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from onevoice.decisions.attribute import Demand, Facts
from onevoice.decisions.expression import RULE_ERRORS, Expression


class Conditions:
    """Conditions in their order; None holds always."""

    def __init__(self, expressions: Sequence[Expression | None]) -> None:
        self.every = (1 << len(expressions)) - 1
        self._runs = [one.run if one is not None else None for one in expressions]
        self._partial = mask_of(i for i, one in enumerate(expressions) if one is not None and not one.whole)
        demands = [one.demands if one is not None else () for one in expressions]
        self._values, self._ranges = _value_index(demands), _range_index(demands)

    def sift(self, facts: Facts, among: int, *, complete: bool = True) -> tuple[int, int]:
        """Return those among some that hold, and those that raised.

        Args:
            complete: every attribute has a fact; where a table gave none, each condition is asked itself, so that the
                ones that read it are named.
        """
        left = self._candidates(facts) & among if complete else among
        failed = 0
        ask = left & self._partial if complete else left
        while ask:
            bit = ask & -ask
            ask ^= bit
            run = self._runs[bit.bit_length() - 1]
            try:
                if run is not None and run(facts) is not True:
                    left ^= bit
            except RULE_ERRORS:
                left ^= bit
                failed |= bit
        return left, failed

    def _candidates(self, facts: Facts) -> int:
        left = self.every
        for name, masks, unasked in self._values:
            left &= masks.get(facts[name], unasked)
        for name, bounds, zones, unasked in self._ranges:
            value = facts[name]
            if value is None:
                left &= unasked
                continue
            at = bisect_left(bounds, value)
            left &= zones[2 * at + (at < len(bounds) and bounds[at] == value)]
        return left


def bits(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, the lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def mask_of(numbers: Iterator[int] | Sequence[int]) -> int:
    """Return the mask with these bits set."""
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


_Demands = Sequence[Sequence[Demand]]


def _value_index(demands: _Demands) -> list[tuple[str, Mapping[Any, int], int]]:
    asked = _by_attribute(demands, ranges=False)
    index: list[tuple[str, Mapping[Any, int], int]] = []
    for name, by_condition in sorted(asked.items()):
        unasked = mask_of([i for i in range(len(demands)) if i not in by_condition])
        masks: dict[Any, int] = {}
        for value in {value for some in by_condition.values() for one in some for value in one.values or ()}:
            masks[value] = unasked | mask_of([i for i, some in by_condition.items() if all(d.met(value) for d in some)])
        index.append((name, masks, unasked))
    return index


def _range_index(demands: _Demands) -> list[tuple[str, list[Decimal], list[int], int]]:
    """Zones of one attribute: below the first bound, at it, up to the second, at it, … above the last."""
    index = []
    for name, by_condition in sorted(_by_attribute(demands, ranges=True).items()):
        unasked = mask_of([i for i in range(len(demands)) if i not in by_condition])
        limits = {limit for some in by_condition.values() for d in some for limit in (d.low, d.high)}
        bounds = sorted(limit for limit in limits if limit is not None)
        points = [bounds[0] - 1]
        for number, bound in enumerate(bounds):
            points += [bound, (bound + bounds[number + 1]) / 2 if number + 1 < len(bounds) else bound + 1]
        zones = [
            unasked | mask_of([i for i, some in by_condition.items() if all(d.met(point) for d in some)])
            for point in points
        ]
        index.append((name, bounds, zones, unasked))
    return index


def _by_attribute(demands: _Demands, *, ranges: bool) -> dict[str, dict[int, list[Demand]]]:
    found: dict[str, dict[int, list[Demand]]] = defaultdict(lambda: defaultdict(list))
    for number, some in enumerate(demands):
        for demand in some:
            if (demand.values is None) is ranges:
                found[demand.attribute][number].append(demand)
    return found
