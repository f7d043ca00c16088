"""Control arms: which customers get something else, so that it can be measured what the decisions bring.

Takes an experiment and the customer's oldest record, gives an arm. The one rule: the arm is a hash of the two, so that
it is the same at every touch point and on every day, and nobody chooses it.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from onevoice.rules_file import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One experiment over some groups of offers.

    Attributes:
        share: the probability of the control arm.
        groups: the groups whose offers the control arm does not get.
        gets: the offers of these groups that it gets all the same.
    """

    name: str
    share: float
    groups: frozenset[str]
    gets: frozenset[str]

    def arm(self, oldest: str) -> str:
        """Return `control` or `treated` for a customer, by the id of its oldest record."""
        digest = hashlib.blake2b(f"{self.name}\0{oldest}".encode(), digest_size=8).digest()
        return "control" if int.from_bytes(digest) / 2**64 < self.share else "treated"


def read_experiment(name: str, section: Section, groups: Collection[str]) -> Experiment:
    """Return the experiment of one section of `experiments` in `rules/decisions.yaml`.

    Raises:
        ConfigurationError: a key is wrong; the text names it.
    """
    experiment = Experiment(
        name=name,
        share=section.number("share"),
        groups=frozenset(section.text_list("groups")),
        gets=frozenset(section.text_list("gets")),
    )
    section.demand(0 < experiment.share < 1, "share", "a number between 0 and 1")
    section.demand(experiment.groups <= set(groups), "groups", f"some of {', '.join(sorted(groups))}")
    section.demand_nothing_else()
    return experiment
