"""Judges a grouping by the truth, pair by pair.

Takes two groupings of the same records, the found and the true one; gives precision, recall, F1 and the number of
customers that hold records of more than one. The one rule: it looks at labels only, never at how they were found.
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
        over_merged: found groups that hold records of more than one entity.
    """

    records: int
    customers: int
    entities: int
    precision: float
    recall: float
    over_merged: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


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
    found_pairs = sum(map(_pairs, Counter(found.values()).values()))
    true_pairs = sum(map(_pairs, Counter(truth.values()).values()))
    entities_of = Counter(group for group, _ in cells)
    return Quality(
        records=len(truth),
        customers=len(set(found.values())),
        entities=len(set(truth.values())),
        precision=both / found_pairs if found_pairs else 1.0,
        recall=both / true_pairs if true_pairs else 1.0,
        over_merged=sum(entities > 1 for entities in entities_of.values()),
    )


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
