"""Names drawn as often as they really occur: the US census frequencies in the data files of the package `names`.

`CensusNames(chance)` gives `given(female)` and `family()`. One rule: every draw comes from the `random.Random` passed
in, so that the same seed gives the same people.
"""

from __future__ import annotations

import random
from bisect import bisect
from functools import cache
from importlib import resources
from itertools import accumulate


@cache
def _frequencies(file: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The names of a data file and their running total of frequency (per cent)."""
    lines = resources.files("names").joinpath(file).read_text("ascii").splitlines()
    pairs = [(fields[0].capitalize(), float(fields[1])) for fields in map(str.split, lines) if fields]
    return tuple(name for name, _ in pairs), tuple(accumulate(frequency for _, frequency in pairs))


class CensusNames:
    """Draws given and family names by their frequency in the US census."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def given(self, *, female: bool) -> str:
        """A given name, `Mary` style."""
        return self._draw("dist.female.first" if female else "dist.male.first")

    def family(self) -> str:
        """A family name, `Smith` style."""
        return self._draw("dist.all.last")

    def _draw(self, file: str) -> str:
        names, totals = _frequencies(file)
        return names[bisect(totals, self._chance.random() * totals[-1])]
