"""What outcomes teach: the next snapshot of propensities, and what experiments brought."""

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.decisions.ledger import make_snapshot
from onevoice.decisions.lift import ArmCount, Lift, difference
from onevoice.decisions.outcome import standing
from onevoice.errors import RefusedError
from onevoice.store import Store
from onevoice.store.tables import decision, outcome
from onevoice.workers.clock_mark import mark

ARMS = ("treated", "control")
LEARNT = "outcomes counted"


def learn(store: Store, now: datetime | None = None) -> int:
    """Count all outcomes into a new snapshot, by which decisions go from then on; returns its number."""
    moment = now or datetime.now(UTC)
    with store.transaction() as connection:
        number = make_snapshot(connection, moment).number
        mark(connection, LEARNT, moment)
    return number


def lift(store: Store, experiment: str) -> Lift:
    """Return what an experiment brought so far.

    Raises:
        RefusedError: nothing was decided under it.
    """
    arm = decision.c.trace["arms"][experiment]
    decided = select(
        decision.c.id, decision.c.anchor, arm[0].as_string().label("arm"), arm[1].as_float().label("share")
    )
    in_it = arm[0].as_string().in_(ARMS)
    with store.reading() as connection:
        rows = connection.execute(decided.where(in_it).order_by(decision.c.made_at)).all()
        accepted = _accepted(connection, experiment)
    if not rows:
        raise RefusedError("decide lift: nothing was decided under an experiment of this name")
    arms: dict[str, set[str]] = defaultdict(set)
    probability = {}
    for row in rows:
        arms[row.anchor].add(row.arm)
        probability[row.arm] = row.share
    pleased = {row.anchor for row in rows if row.id in accepted}
    counts = []
    for name in ARMS:
        in_arm = {anchor for anchor, seen in arms.items() if seen == {name}}
        share = probability.get(name, 1 - sum(probability.values()))
        counts.append(ArmCount(arm=name, probability=share, customers=len(in_arm), accepted=len(in_arm & pleased)))
    apart = difference(*(count.share for count in counts)) if all(count.customers for count in counts) else None
    mixed = sum(len(seen) > 1 for seen in arms.values())
    return Lift(experiment=experiment, arms=tuple(counts), mixed=mixed, difference=apart)


def _accepted(connection: Connection, experiment: str) -> set[UUID]:
    """Return the decisions of which an offer stands as accepted."""
    arm = decision.c.trace["arms"][experiment]
    said = (
        select(outcome.c.decision_id, outcome.c.offer, outcome.c.kind, outcome.c.at)
        .join_from(outcome, decision, outcome.c.decision_id == decision.c.id)
        .where(arm[0].as_string().in_(ARMS))
    )
    reported: dict[tuple[UUID, str], list[tuple[str, datetime]]] = defaultdict(list)
    for row in connection.execute(said):
        reported[row.decision_id, row.offer].append((row.kind, row.at))
    return {number for (number, _), some in reported.items() if standing(some) == "accepted"}
