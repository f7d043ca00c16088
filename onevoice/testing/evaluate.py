"""Judges a grouping by the truth: pair by pair, record by record (B-cubed) and group by group.

Takes two groupings of the same records, the found and the true one; gives precision, recall and F1 over pairs, B-cubed
F1 (Bagga and Baldwin 1998), the entities found exactly, and the customers that hold records of more than one. The one
rule: it looks at labels only, never at how they were found.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Record = TypeVar("Record", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good a grouping is.

    Attributes:
        records: records judged.
        customers: groups found.
        entities: groups in truth.
        precision: share of the found pairs that are true; 1 where none was found.
        recall: share of the true pairs that were found; 1 where there are none.
        b_cubed_precision: mean over records of the share of its found group that is of its entity.
        b_cubed_recall: mean over records of the share of its entity that is in its found group.
        exact: entities whose records are one found group, no record more or less.
        over_merged: found groups that hold records of more than one entity.
    """

    records: int
    customers: int
    entities: int
    precision: float
    recall: float
    b_cubed_precision: float
    b_cubed_recall: float
    exact: int
    over_merged: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _harmonic(self.precision, self.recall)

    @property
    def b_cubed_f1(self) -> float:
        """Harmonic mean of B-cubed precision and recall."""
        return _harmonic(self.b_cubed_precision, self.b_cubed_recall)


def evaluate(found: Mapping[Record, Hashable], truth: Mapping[Record, Hashable]) -> Quality:
    """Compare a grouping with the truth.

    Args:
        found: record -> its group.
        truth: record -> its entity.

    Raises:
        ValueError: the two do not speak of the same records.
    """
    if found.keys() != truth.keys():
        raise ValueError("found and truth must name the same records")
    cells = Counter((found[record], truth[record]) for record in truth)
    both = sum(map(_pairs, cells.values()))
    found_sizes, true_sizes = Counter(found.values()), Counter(truth.values())
    found_pairs = sum(map(_pairs, found_sizes.values()))
    true_pairs = sum(map(_pairs, true_sizes.values()))
    records = max(1, len(truth))
    entities_of = Counter(group for group, _ in cells)
    return Quality(
        records=len(truth),
        customers=len(found_sizes),
        entities=len(true_sizes),
        precision=both / found_pairs if found_pairs else 1.0,
        recall=both / true_pairs if true_pairs else 1.0,
        b_cubed_precision=sum(n * n / found_sizes[group] for (group, _), n in cells.items()) / records,
        b_cubed_recall=sum(n * n / true_sizes[entity] for (_, entity), n in cells.items()) / records,
        exact=sum(n == found_sizes[group] == true_sizes[entity] for (group, entity), n in cells.items()),
        over_merged=sum(entities > 1 for entities in entities_of.values()),
    )


def _pairs(size: int) -> int:
    return size * (size - 1) // 2


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
