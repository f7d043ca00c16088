"""How likely an offer is accepted, from what was shown and accepted so far.

Takes counts, gives (accepted + a) / (shown + a + b) for an offer on a channel in a value tier: the mean of a Beta(a, b)
belief after the counts (A. Gelman and others, Bayesian Data Analysis, third edition, section 2.4). A cell that was
shown too seldom falls back to the offer's counts everywhere, and those to the declared prior. The one rule: a decision
reads one numbered snapshot, which is kept, so that it can be made again.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from onevoice.decisions.offer import Offer
from onevoice.messages import Json

Cell: TypeAlias = tuple[str, str, str]
"""Offer, channel, value tier."""

NO_CHANNEL = "-"


class Propensity(Protocol):
    """What arbitration asks; a trained model may stand here in place of the counts."""

    @property
    def number(self) -> int:
        """Which snapshot of it this is."""

    def of(self, offer: Offer, channel: str | None, tier: str | None, *, least_shown: int) -> float:
        """Return the probability, above 0 and below 1."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts as they stood at one moment.

    Attributes:
        cells: (offer, channel, tier) -> how often it was (shown, accepted).
    """

    number: int
    cells: Mapping[Cell, tuple[int, int]]
    _offers: dict[str, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for (offer, _, _), (shown, accepted) in self.cells.items():
            totals[offer][0] += shown
            totals[offer][1] += accepted
        object.__setattr__(self, "_offers", {offer: (one[0], one[1]) for offer, one in totals.items()})

    def of(self, offer: Offer, channel: str | None, tier: str | None, *, least_shown: int) -> float:
        """Return (accepted + a) / (shown + a + b) of the narrowest counts that were shown `least_shown` times."""
        a, b = offer.prior.a, offer.prior.b
        for shown, accepted in (
            self.cells.get((offer.id, channel or NO_CHANNEL, tier or NO_CHANNEL), (0, 0)),
            self._offers.get(offer.id, (0, 0)),
        ):
            if shown >= least_shown:
                return (accepted + a) / (shown + a + b)
        return a / (a + b)

    def stored(self) -> Json:
        """Return the cells as JSON."""
        return {"|".join(cell): list(count) for cell, count in sorted(self.cells.items())}

    @classmethod
    def from_stored(cls, number: int, stored: Json) -> "Snapshot":
        """Return the snapshot that `stored` gave."""
        cells = {}
        for key, (shown, accepted) in stored.items():
            offer, channel, tier = key.split("|")
            cells[offer, channel, tier] = (shown, accepted)
        return cls(number, cells)


NOTHING_SHOWN = Snapshot(0, {})
