"""`python -m tests.faults --kills 50 --seed 1`: hurt a running hub's parts and lines at random, let the checker look.

Ends with `kills=… lost=… twice=… stuck=…` and exit code 1 where any of the three is more than 0. With a guard off
(`--without`) what it guards against must be found: then the exit code is 1 where it was not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from samples.population import generate
from tests.faults.checker import Verdict, check
from tests.faults.hub import GUARDS
from tests.faults.plant import VICTIMS, Plant
from tests.faults.traffic import Traffic

ROUND = 10
SETTLE_SECONDS = 240.0
FEW_SECONDS = 90.0
"""With a guard off it will not settle; what is only late has arrived by then."""
BETWEEN_SECONDS = (0.5, 3.0)
LOOK_SECONDS = 2.0
SHOWN = 10


def main() -> int:
    """Run the rounds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="how many in all (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of victims and moments (default 1)")
    parser.add_argument("--people", type=int, default=100, help="size of the sample company (default 100)")
    parser.add_argument("--without", choices=("none", *GUARDS), default="none", help="the guard that is off")
    wanted = parser.parse_args()
    chance = random.Random(wanted.seed)
    with (
        tempfile.TemporaryDirectory(prefix="onevoice-faults-") as folder,
        Plant(Path(folder), people=wanted.people, seed=wanted.seed, without=wanted.without) as plant,
    ):
        settle = SETTLE_SECONDS if wanted.without == "none" else FEW_SECONDS
        verdict = _rounds(plant, wanted.kills, wanted.people, wanted.seed, chance, settle)
    for name in ("lost", "twice", "stuck"):
        for text in getattr(verdict, name)[:SHOWN]:
            _say(f"{name}: {text}")
    _say(verdict.line(wanted.kills))
    return int(not verdict.is_clean if wanted.without == "none" else not getattr(verdict, GUARDS[wanted.without]))


def _rounds(plant: Plant, kills: int, people: int, seed: int, chance: random.Random, settle: float) -> Verdict:
    verdict = Verdict()
    population = generate(people, seed)
    for first in range(0, kills, ROUND):
        with Traffic(plant.stack.company, population, seed + first) as traffic:
            for number in range(first, min(first + ROUND, kills)):
                time.sleep(chance.uniform(*BETWEEN_SECONDS))
                victim = chance.choice(VICTIMS)
                _say(f"kill {number + 1} of {kills}: {victim} {plant.hurt(victim, chance)}")
                for ended in plant.revive():
                    _say(f"  {ended} had ended by itself and was started again")
        began = time.monotonic()
        verdict = _settled(plant, settle)
        waited = time.monotonic() - began
        took = f"the doors took {traffic.accepted}, the post copied {plant.post.copied}"
        _say(f"  {verdict.line(number + 1)}; {took}; at rest after {waited:.0f} s")
        if not verdict.is_clean:
            break
    return verdict


def _settled(plant: Plant, settle: float) -> Verdict:
    """Look until nothing is wrong any more, or the time to settle is over."""
    stack = plant.stack
    deadline = time.monotonic() + settle
    while True:
        plant.revive()
        found = check(
            stack.company.directory, _libpq(stack.company.erp_url), _libpq(stack.store_url), plant.post.told()
        )
        if found.is_clean or time.monotonic() > deadline:
            return found
        time.sleep(LOOK_SECONDS)


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
