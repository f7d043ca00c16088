"""What other rules would have made of decisions that were made before.

Takes the newest stored decisions, gives how many come out otherwise and which offers gain and lose. The one rule: each
is put to the other rules as the question it was, with the counts of its time; nothing is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_

from onevoice.decisions import Engine, given_by, reasons_by_offer, stored_question
from onevoice.store import Store
from onevoice.store.tables import decision as decision_table
from onevoice.workers.decisions.rulebook import Decider, Rulebook
from onevoice.workers.decisions.rules import Rules

NEWEST = 10_000
PAGE = 500
MOST_EXAMPLES = 5
ELSEWHERE = "no_longer_there_or_routed_elsewhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChange:
    """One offer, or one who answers: how many decisions gave it, how many would, and why those that lose it do."""

    offer: str
    before: int
    after: int
    lost_because: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesDifference:
    """All decisions that were looked at.

    Attributes:
        changed: how many would give something else, or in another order.
        offers: those that some decision would give now and did not before, or the other way round.
        examples: ids of some decisions that come out otherwise, for `onevoice decide explain`.
    """

    version: str
    compared: int
    changed: int
    offers: tuple[OfferChange, ...]
    examples: tuple[UUID, ...]


def difference(
    store: Store, rulebook: Rulebook, rules: Rules, *, newest: int = NEWEST, advance: Callable[[int], None]
) -> RulesDifference:
    """Put the newest decisions to other rules.

    Args:
        newest: how many, the newest first.
        advance: told how many more are done.
    """
    count = _Count()
    engines: dict[int, Engine] = {}
    for page in _pages(store, newest):
        with store.transaction() as connection:
            for row in page:
                if row.snapshot not in engines:
                    engines[row.snapshot] = Engine(rules.ruleset, rulebook.counts(connection, row.snapshot))
            inputs = {v: rulebook.version(connection, v).ruleset.inputs for v in {row.ruleset for row in page}}
        for row in page:
            decider = Decider(rules=rules, engine=engines[row.snapshot])
            asked = decider.translated(stored_question(row.question, inputs[row.ruleset]))
            count.add(row, decider, decider.engine.decide(asked).trace())
        advance(len(page))
    return count.result(rules.version)


@dataclass(slots=True)
class _Count:
    compared: int = 0
    changed: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    moved: set[str] = field(default_factory=set)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[UUID] = field(default_factory=list)

    def add(self, row: Row[Any], decider: Decider, trace: dict[str, Any]) -> None:
        gave, gives = given_by(row.trace), given_by(trace)
        self.compared += 1
        self.before.update(gave)
        self.after.update(gives)
        if gave == gives:
            return
        self.changed += 1
        self.moved |= set(gave) ^ set(gives)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(row.id)
        lost = set(gave) - set(gives)
        if lost:
            reasons = reasons_by_offer(decider.rules.ruleset, trace["rejected"])
            self.lost.update((offer, reasons[offer].value if offer in reasons else ELSEWHERE) for offer in lost)

    def result(self, version: str) -> RulesDifference:
        changes = [
            OfferChange(
                offer=offer,
                before=self.before[offer],
                after=self.after[offer],
                lost_because=tuple((why, n) for (name, why), n in self.lost.most_common() if name == offer),
            )
            for offer in sorted(self.moved, key=lambda one: (-abs(self.after[one] - self.before[one]), one))
        ]
        return RulesDifference(
            version=version,
            compared=self.compared,
            changed=self.changed,
            offers=tuple(changes),
            examples=tuple(self.examples),
        )


def _pages(store: Store, newest: int) -> Iterator[Sequence[Row[Any]]]:
    """Yield decisions, the newest first; each page is a transaction of its own, so that nobody waits for all."""
    table = decision_table.c
    columns = [table[name] for name in ("id", "ruleset", "snapshot", "question", "trace", "made_at")]
    page = select(*columns).order_by(table.made_at.desc(), table.id.desc())
    end: tuple[Any, Any] | None = None
    while newest > 0:
        wanted = page.limit(min(PAGE, newest))
        if end is not None:
            wanted = wanted.where(tuple_(table.made_at, table.id) < tuple_(*end))
        with store.transaction() as connection:
            rows = connection.execute(wanted).all()
        if not rows:
            return
        yield rows
        newest -= len(rows)
        end = (rows[-1].made_at, rows[-1].id)
