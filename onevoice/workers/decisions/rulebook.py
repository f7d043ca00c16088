"""The rules of one hub in their versions: the draft in its folder, the live one, the shadow beside it, all before.

Takes the folder `rules/` and connections. The one rule: what is live is said by the store alone; a file becomes live by
being released, and what does not lint, or fails its tests, is never released.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TypeVar

from sqlalchemy import Connection

from onevoice.decisions import Engine, Question, Snapshot, fitting_facts
from onevoice.decisions.ledger import load_snapshot, take_turns
from onevoice.decisions.release import LIVE, Standing, keep_version, kept_version, release, standing
from onevoice.errors import ConfigurationError, OperatorError
from onevoice.store import Store
from onevoice.workers.decisions.rules import Rules, failing_rule_tests, load_rules, rules_of, stored_documents

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MOST_COMPILED = 20
FIRST = "the first start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """One version of the rules with the counts that it decides by."""

    rules: Rules
    engine: Engine

    def translated(self, question: Question) -> Question:
        """Return a question that was put to other rules as these understand it.

        What they do not declare is left out, and tier and stage are judged anew by their own marks; the sum and the
        number of orders stay as they were counted.
        """
        facts = fitting_facts(question.facts, self.rules.ruleset.inputs)
        amount, orders, days = facts["amount"], facts["orders"], facts["days_since_order"]
        if amount is not None and orders is not None:
            passed = int(days) if days is not None else None
            facts["tier"] = self.rules.value.tier_of(amount, int(orders), passed)
            facts["stage"] = self.rules.value.stage_of(passed)
        return replace(question, facts=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciders:
    """Who decides at this moment."""

    live: Decider
    shadow: Decider | None


@dataclass(slots=True)
class Rulebook:
    """All versions, each compiled once; to be used by any number of threads.

    Whoever needs one that is not compiled yet compiles it, and the others wait: it takes half a second for 500 offers.
    """

    folder: Path
    _rules: dict[str, Rules] = field(default_factory=dict)
    _snapshots: dict[int, Snapshot] = field(default_factory=dict)
    _deciders: dict[tuple[str, int], Decider] = field(default_factory=dict)
    _compiling: RLock = field(default_factory=RLock, repr=False, compare=False)

    def draft(self) -> Rules:
        """Return the rules as the files have them.

        Raises:
            ConfigurationError: they do not lint; the text is the first problem.
        """
        return load_rules(self.folder)

    def drafted(self, connection: Connection) -> Decider:
        """Return the rules as the files have them, with the newest counts.

        Raises:
            ConfigurationError: they do not lint; the text is the first problem.
        """
        rules = self.draft()
        counts = self.counts(connection, standing(connection).snapshot)
        return Decider(rules=rules, engine=Engine(rules.ruleset, counts))

    def begin(self, store: Store) -> None:
        """Let the draft be live where nothing was ever released, and compile what is live.

        Raises:
            ConfigurationError: it does not lint, or a test in `tests.yaml` does not hold for it.
        """
        with store.transaction() as connection:
            take_turns(connection, "release")  # several processes may start at once
            if standing(connection).live is None:
                self._publish(connection, LIVE, self.draft(), actor=FIRST, reason=None)
            self.now(connection)

    def now(self, connection: Connection) -> Deciders:
        """Return who decides now.

        Raises:
            OperatorError: nothing was ever released.
        """
        return self.deciders(connection, standing(connection))

    def deciders(self, connection: Connection, found: Standing) -> Deciders:
        """Return who decides by a standing that was read; see `now`."""
        if found.live is None:
            raise OperatorError("rules: no version is live; start the hub again, or run 'onevoice rules live'")
        live = self.decider(connection, found.live, found.snapshot)
        shadow = self.decider(connection, found.shadow, found.snapshot) if found.shadow is not None else None
        return Deciders(live=live, shadow=shadow)

    def decider(self, connection: Connection, version: str, snapshot: int) -> Decider:
        """Return a version that is kept, with the counts of a snapshot.

        Raises:
            RefusedError: no such version is kept.
        """
        found = self._deciders.get((version, snapshot))
        if found is not None:
            return found
        with self._compiling:
            found = self._deciders.get((version, snapshot))
            if found is None:
                rules = self.version(connection, version)
                found = Decider(rules=rules, engine=Engine(rules.ruleset, self.counts(connection, snapshot)))
                _put(self._deciders, (version, snapshot), found)
        return found

    def version(self, connection: Connection, version: str) -> Rules:
        """Return the rules of a version that is kept.

        Raises:
            RefusedError: no such version is kept.
        """
        with self._compiling:
            rules = self._rules.get(version)
            if rules is None:
                rules = rules_of(kept_version(connection, version))
                _put(self._rules, version, rules)
            return rules

    def counts(self, connection: Connection, snapshot: int) -> Snapshot:
        """Return the counts of a snapshot that was made."""
        found = self._snapshots.get(snapshot)
        if found is None:
            found = load_snapshot(connection, snapshot)
            _put(self._snapshots, snapshot, found)
        return found

    def publish(self, store: Store, role: str, version: str | None, *, actor: str, reason: str | None) -> str:
        """Let a version that is kept, or else the draft, be live or shadow from now on, and return it.

        Raises:
            ConfigurationError: it does not lint, or a test in `tests.yaml` does not hold for it; nothing was released.
            RefusedError: it is so already, or no such version is kept.
        """
        with store.transaction() as connection:
            rules = self.draft() if version is None else self.version(connection, version)
            self._publish(connection, role, rules, actor=actor, reason=reason)
        return rules.version

    def _publish(self, connection: Connection, role: str, rules: Rules, *, actor: str, reason: str | None) -> None:
        failing = failing_rule_tests(self.folder, rules) if role == LIVE else []
        if failing:
            raise ConfigurationError(f"rules/tests.yaml: {failing[0]} (see 'onevoice rules test'); nothing went live")
        now = datetime.now(UTC)
        keep_version(connection, rules.version, stored_documents(rules.documents), now)
        release(connection, role, rules.version, actor=actor, reason=reason, now=now)


def _put(cache: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keep it; the one that was compiled first goes where there are too many."""
    if len(cache) >= MOST_COMPILED:
        cache.pop(next(iter(cache)), None)
    cache[key] = value
