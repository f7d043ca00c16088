"""What lifts a prohibition: only the event that its row of the table names, and only beyond any doubt about clocks.

Pure. `why_not` says what a grant or lift lacks, so that an answer can tell why a prohibition stands all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from onevoice.consent.question import Holding, Question
from onevoice.consent.rules import ConsentRules, Reason
from onevoice.messages import Act

GRANTS = ("grant", "confirmed_grant", "register_grant")
OF_SYSTEMS = frozenset({"delivery", "verification", "thread_end"})
"""What a system may lift by: it knows what arrived, what was verified and what is over; the hub judges the rest."""
OF_ITSELF = frozenset({"time", "end"})
"""What comes about by the clock alone, so that nobody can state it."""
OWN_CLOCK = frozenset({"hub", "self"})
"""What these say is dated by the database that also dates everything else."""


def may_lift(reason: str, system: str) -> bool:
    """Return whether a lift for this reason may be stated by a system; `hub` stands for the hub's own operators."""
    return reason in OF_SYSTEMS or (system == "hub" and reason not in OF_ITSELF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting:
    """The rules of lifting.

    Attributes:
        bounds: system -> how far its clock may be off.
        bound: the same for every system that is not named.
    """

    rules: ConsentRules
    bounds: Mapping[str, timedelta]
    bound: timedelta

    def ended(self, act: Act, row: Reason, asked: Question) -> bool:
        """Return whether the prohibition has ended by itself."""
        if "time" in row.lifted_by and row.days is not None and asked.now >= act.time + timedelta(days=row.days):
            return True
        campaign = self.rules.campaigns.get(act.thread or "") if "thread_end" in row.lifted_by else None
        if campaign is not None and campaign.has_ended(asked.now):
            return True
        return act.valid_until is not None and asked.now >= act.valid_until and "end" in row.lifted_by

    def why_not(self, lift: Act, act: Act, row: Reason, asked: Question, holding: Holding) -> str | None:  # noqa: PLR0911 - one line a condition
        """Return what a grant or lift lacks to lift the prohibition for this question; None: it lifts it."""
        if lift.kind == "lift":
            return self._lift_lacks(lift, act, row, holding)
        if lift.valid_until is not None and asked.now >= lift.valid_until:
            return "ended"
        ways = [way for way in row.lifted_by if way in GRANTS]
        if ways == ["register_grant"] and not self._register_yields(act):
            return "no grant outweighs this register"
        if not ways:
            return "no grant lifts this"
        if not lift.evidence:
            return "without evidence"
        if "grant" not in ways and "confirmed_grant" in ways and not lift.evidence.get("confirmed"):
            return "not confirmed"
        if (lift.channel, lift.purpose) != (asked.channel, asked.purpose):
            return "for another channel or purpose"
        if lift.controller != act.controller:
            return "towards somebody else"
        if not self.later(lift, act):
            return "not later beyond doubt about the clocks"
        return None if _same_place(lift, act, row, asked, holding) else "at another point or record"

    def later(self, lift: Act, act: Act) -> bool:
        """Return whether the lift was said after the prohibition whatever the clocks of both systems were off by."""
        if lift.first_sight:
            return False
        one, other = lift.source.system, act.source.system
        doubt = self._bound(one) if one == other else self._bound(one) + self._bound(other)
        return (lift.earliest or lift.time) > act.time + doubt

    def _bound(self, system: str) -> timedelta:
        return timedelta(0) if system in OWN_CLOCK else self.bounds.get(system, self.bound)

    def _lift_lacks(self, lift: Act, act: Act, row: Reason, holding: Holding) -> str | None:
        if lift.reason not in row.lifted_by or lift.reason in GRANTS or not may_lift(lift.reason, lift.source.system):
            return "of a kind that does not lift this"
        if lift.controller != act.controller:
            return "towards somebody else"
        if lift.lifts is not None and lift.lifts != act.id:
            return "about another act"
        if lift.reason == "role" and lift.evidence.get("role") != row.role:
            return "by somebody without the role"
        if lift.lifts is None and not _at_its_anchor(lift, act, holding):
            return "at another point"
        if lift.thread != act.thread:
            return "about another thread"
        return None if self.later(lift, act) else "not later beyond doubt about the clocks"

    def _register_yields(self, act: Act) -> bool:
        register = self.rules.registers.get(act.source.key)
        return register is not None and register.own_grant


def _at_its_anchor(lift: Act, act: Act, holding: Holding) -> bool:
    """Whether a lift that names no act stands where the act does; a thread's end, also at a record joined for sure."""
    if lift.anchor_point is not None and lift.anchor_point == act.anchor_point:
        return True
    if lift.reason != "thread_end" or lift.anchor_record is None or act.anchor_record is None:
        return False
    ends = {lift.anchor_record, act.anchor_record}
    return len(ends) == 1 or any(ends <= group for group in holding.joined)


def _same_place(lift: Act, act: Act, row: Reason, asked: Question, holding: Holding) -> bool:
    """A grant lifts at its own place: the same point or source record; for that grant's own points only."""
    if lift.anchor_point is not None and lift.anchor_point != asked.point:
        return False
    if asked.point is not None and asked.point not in granted_points(lift, holding):
        return False
    if act.anchor_point is not None:
        same_record = lift.anchor_record is not None and lift.anchor_record == act.anchor_record
        by_listing = "register_grant" in row.lifted_by and asked.point == act.anchor_point  # it names no person
        return lift.anchor_point == act.anchor_point or same_record or by_listing
    if lift.anchor_record is not None and lift.anchor_record == act.anchor_record:
        return True
    if row.reach != "all" or lift.anchor_record is None:
        return False
    together = any({lift.anchor_record, act.anchor_record} <= group for group in holding.joined)
    return together and asked.point is not None


def granted_points(grant: Act, holding: Holding) -> frozenset[str]:
    """Return the points that a grant names: its own, those of its version, or those that its record carries."""
    if grant.anchor_point is not None:
        return frozenset({grant.anchor_point})
    if "points" in grant.evidence:
        return frozenset(grant.evidence["points"])
    return holding.carried.get(grant.anchor_record, frozenset()) if grant.anchor_record is not None else frozenset()
