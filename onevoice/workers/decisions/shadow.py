"""The shadow: other rules that decide beside the live ones, and how often they differ.

The one rule: it is the same question with the same counts, so that only the rules can make the difference; what comes
out is kept and given to nobody.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select

from onevoice.decisions import Decision, Question
from onevoice.messages import Json
from onevoice.store.tables import shadow_decision
from onevoice.workers.decisions.rulebook import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCount:
    """How often a version decided beside the live one, and how often it would have given something else."""

    decided: int
    differed: int


def beside(shadow: Decider, decision: UUID, asked: Question, made: Decision) -> Json:
    """Return the row that keeps what a shadow decides on a question, beside what was decided."""
    other = shadow.engine.decide(shadow.translated(asked))
    return {
        "decision_id": decision,
        "ruleset": shadow.rules.version,
        "trace": other.trace(),
        "differs": other.given() != made.given(),
        "made_at": asked.now,
    }


def count_shadow(connection: Connection, version: str) -> ShadowCount:
    """Return how a version fared as a shadow."""
    counted = (
        select(shadow_decision.c.differs, func.count())
        .where(shadow_decision.c.ruleset == version)
        .group_by(shadow_decision.c.differs)
    )
    found: dict[bool, int] = {bool(differs): count for differs, count in connection.execute(counted)}
    return ShadowCount(decided=sum(found.values()), differed=found.get(True, 0))
