"""The one gate: may this customer be contacted at this point, on this channel, for this purpose, now?

Pure: a fold over acts by the rules. Prohibition reads wide: it counts wherever it is anchored, at the point, whoever
said it and whoever else holds it, or at any record of the customer. Permission reads narrow: a grant counts for exactly
its point, channel, purpose and controller. Neither is unknown, and unknown never permits what needs consent.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from onevoice.consent.lifting import Lifting, granted_points
from onevoice.consent.policy import policy_reasons
from onevoice.consent.question import (
    POINT_CHANNELS,
    Answer,
    Because,
    Holding,
    Question,
    Verdict,
    points_on_channel,
)
from onevoice.consent.rules import ADVERTISING, ConsentRules, Reason
from onevoice.messages import ANY, STRICTEST_FIRST, Act, Permission, RecordRef

PROHIBITING = frozenset({"withdrawal", "objection", "prohibition"})
FACTS = frozenset({"everything", "all_but_legal", "marketing_calls"})
"""What blocks these is true of the point or person, not of its dealings with one controller."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A prohibition that denies, and why each grant that might have lifted it did not."""

    act: Act
    not_lifted_by: tuple[tuple[Act, str], ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """Folds acts into permissions by the consent rules.

    Attributes:
        clock_bound: how far a system's clock may be off where `bounds` names none for it.
    """

    rules: ConsentRules
    clock_bound: timedelta = timedelta(minutes=5)
    bounds: Mapping[str, timedelta] = field(default_factory=dict)
    clock: Callable[[], datetime] = utc_now

    def fold(
        self,
        holding: Holding,
        channel: str,
        purpose: str,
        point: str | None = None,
        *,
        record: RecordRef | None = None,
    ) -> Verdict:
        """Return what the acts say now, at one point, or for one record as a flag on it would hold it."""
        asked = Question(channel=channel, purpose=purpose, point=point, record=record, now=self.clock())
        return self.permission(holding, asked)

    def permission(self, holding: Holding, asked: Question) -> Verdict:
        """Return what the customer's acts say: denied, allowed or unknown.

        Asked for a record, as a flag on it would hold it: the strictest of the points that it carries on the channel.
        """
        points = (
            points_on_channel(holding.carried.get(asked.record, frozenset()), asked.channel) if asked.record else []
        )
        if not points:
            return self._verdict(holding, asked)
        verdicts = [self._verdict(holding, replace(asked, point=point)) for point in points]
        return min(verdicts, key=lambda verdict: STRICTEST_FIRST.index(verdict.permission))

    def may_contact(self, holding: Holding, asked: Question) -> Answer:
        """Return whether to contact one customer, with every reason."""
        standing = self.standing(holding, asked)
        grants = self.grants(holding, asked)
        because = [_prohibited(one.act) for one in standing]
        because += [_not_lifted(grant, lack) for one in standing for grant, lack in one.not_lifted_by]
        refusing = list(policy_reasons(self.rules, holding, asked))
        permitting = self._permitting(holding, asked, grants)
        if standing:
            return Answer(allowed=False, permission=Permission.DENIED, because=(*_unique(because), *refusing))
        permission = Permission.ALLOWED if grants else Permission.UNKNOWN
        if not permitting:
            refusing.insert(0, Because(code="no_consent", says="nobody granted this for exactly this point"))
        return Answer(allowed=not refusing, permission=permission, because=(*permitting, *refusing))

    def may_contact_point(self, holders: Collection[Holding], bare: Holding, asked: Question) -> Answer:
        """Return whether to contact a bare point: no, if the answer is no for any of its holders.

        A holder who died does not deny a point that a living one holds.

        Args:
            holders: all customers that hold the point.
            bare: the acts at the point itself, for when nobody holds it.
        """
        if len(holders) == 1:
            return self.may_contact(next(iter(holders)), asked)
        answers = [(one, self.may_contact(one, asked)) for one in holders]
        living = [(one, answer) for one, answer in answers if not self._died(one, asked)]
        counted = [answer for _, answer in living or answers] or [self.may_contact(bare, asked)]
        return strictest(counted)

    def standing(self, holding: Holding, asked: Question) -> list[Standing]:
        """Return the prohibitions that deny this, the most recent first."""
        lifts = [act for act in holding.acts if act.kind in ("grant", "lift")]
        lifting = Lifting(rules=self.rules, bounds=self.bounds, bound=self.clock_bound)
        found = []
        for act in holding.acts:
            if act.kind not in PROHIBITING:
                continue
            row = self.rules.reason(act.reason)
            if not self._reaches(act, row, holding, asked) or not self._blocks(act, row, asked):
                continue
            if lifting.ended(act, row, asked):
                continue
            lacks = [(lift, lifting.why_not(lift, act, row, asked, holding)) for lift in lifts]
            if all(lack is not None for _, lack in lacks):
                told = tuple((lift, lack) for lift, lack in lacks if lack and _might_lift(lift, asked))
                found.append(Standing(act=act, not_lifted_by=told))
        return sorted(found, key=lambda one: (one.act.time, str(one.act.id)), reverse=True)

    def grants(self, holding: Holding, asked: Question) -> list[Act]:
        """Return the live grants for exactly this point, channel, purpose and controller, the most recent first."""
        found = [act for act in holding.acts if act.kind == "grant" and _grants(act, holding, asked)]
        return sorted(found, key=lambda act: (act.time, str(act.id)), reverse=True)

    def live_prohibitions(self, acts: Iterable[Act]) -> list[Act]:
        """Return the prohibitions among the acts that none of the others has lifted for what they name themselves."""
        acts = list(acts)
        live = []
        for act in acts:
            if act.kind in PROHIBITING:
                own = frozenset({act.anchor_record} if act.anchor_record else ())
                at = frozenset({act.anchor_point} if act.anchor_point else ())
                asked = Question(
                    channel=act.channel,
                    purpose=act.purpose,
                    point=act.anchor_point,
                    controller=act.controller,
                    thread=act.thread,
                    now=self.clock(),
                )
                alone = Holding(records=own, points=at, acts=acts, carried=dict.fromkeys(own, at))
                if any(one.act is act for one in self.standing(alone, asked)):
                    live.append(act)
        return sorted(live, key=lambda act: (act.time, str(act.id)), reverse=True)

    def objects(self, holding: Holding) -> bool:
        """Return whether it wants no offers even in conversations that it begins itself."""
        asked = Question(channel=ANY, purpose="marketing", inbound=True, now=self.clock())
        return bool(self.standing(holding, asked))

    def _verdict(self, holding: Holding, asked: Question) -> Verdict:
        standing = self.standing(holding, asked)
        if standing:
            return Verdict(permission=Permission.DENIED, because=tuple(one.act for one in standing))
        grants = self.grants(holding, asked)
        if grants:
            return Verdict(permission=Permission.ALLOWED, because=tuple(grants))
        return Verdict(permission=Permission.UNKNOWN)

    def _permitting(self, holding: Holding, asked: Question, grants: Collection[Act]) -> list[Because]:
        kind = self.rules.kind(asked.purpose)
        if kind not in ADVERTISING:
            return [Because(code="no_consent_needed", says=f"{asked.purpose} is of class {kind}")]
        if asked.inbound:
            return [Because(code="inbound", says="the customer began this conversation")]
        if grants:
            return [Because(code="granted", says=_said(act), act=act.id) for act in grants]
        soft = self.rules.country(holding.country).soft_opt_in
        since = asked.now - timedelta(days=soft.days) if soft else None
        if (
            soft is not None
            and kind == "marketing"
            and asked.channel in soft.channels
            and holding.ordered_at is not None
            and since is not None
            and holding.ordered_at >= since
            and (asked.point is None or asked.point in holding.points)
        ):
            return [Because(code="soft_opt_in", says=f"bought within {soft.days} days; the country's rules allow it")]
        return []

    def _reaches(self, act: Act, row: Reason, holding: Holding, asked: Question) -> bool:
        if asked.inbound and not (row.inbound or act.inbound):
            return False
        if row.blocks not in FACTS and act.controller != asked.controller:
            return False
        if row.reach in ("person", "written") and act.channel not in (asked.channel, ANY):
            return False
        if row.reach == "point":
            return self._reaches_point(act, row, holding, asked)
        if act.anchor_point is not None and act.anchor_point == asked.point:
            return not (row.spares_shared and act.anchor_point in holding.shared and act.anchor_record is None)
        if act.anchor_record in holding.records:
            return row.reach != "written" or act.anchor_point is None
        if row.reach == "written" or act.anchor_point not in holding.points:
            return False
        return not (row.spares_shared and act.anchor_point in holding.shared)

    def _reaches_point(self, act: Act, row: Reason, holding: Holding, asked: Question) -> bool:
        if row.blocks in ("purpose", "written") and act.channel not in (asked.channel, ANY):
            return False
        if act.anchor_point is not None:
            return act.anchor_point == asked.point
        if act.anchor_record not in holding.records:
            return False
        said = frozenset(act.evidence.get("points", ())) or holding.carried.get(act.anchor_record, frozenset())
        return asked.point is None or asked.point in said or not said

    def _blocks(self, act: Act, row: Reason, asked: Question) -> bool:
        kind = self.rules.kind(asked.purpose)
        if row.blocks in ("purpose", "written"):
            return act.purpose in (asked.purpose, ANY)
        if row.blocks == "thread":
            return act.thread is not None and act.thread == asked.thread
        if row.blocks == "all_but_legal":
            return kind != "legal"
        if row.blocks == "everything":
            return True
        return kind in ADVERTISING and (row.blocks == "marketing" or asked.channel == "phone")

    def _died(self, holding: Holding, asked: Question) -> bool:
        return any(self.rules.reason(one.act.reason).spares_shared for one in self.standing(holding, asked))


def strictest(answers: Collection[Answer]) -> Answer:
    """Return several answers to one question as one: no, if one of them is no, with the reasons of all that are."""
    refusals = [answer for answer in answers if not answer.allowed]
    return Answer(
        allowed=not refusals,
        permission=min((answer.permission for answer in answers), key=STRICTEST_FIRST.index),
        because=_unique([one for answer in refusals or answers for one in answer.because]),
    )


def _grants(act: Act, holding: Holding, asked: Question) -> bool:
    if not act.evidence or (act.channel, act.purpose) != (asked.channel, asked.purpose):
        return False
    if act.controller != asked.controller or act.time > asked.now:
        return False
    if act.valid_until is not None and asked.now >= act.valid_until:
        return False
    if act.anchor_record is None:
        held = asked.point in holding.points and asked.point not in holding.shared
        return act.anchor_point == asked.point and (held or not holding.records)
    if act.anchor_record not in holding.records:
        return False
    if asked.point is None:
        return act.anchor_record == asked.record or (asked.record is None and asked.channel not in POINT_CHANNELS)
    return asked.point in granted_points(act, holding)


def _might_lift(lift: Act, asked: Question) -> bool:
    return lift.kind == "grant" and (lift.channel, lift.purpose) == (asked.channel, asked.purpose)


def _prohibited(act: Act) -> Because:
    return Because(code="prohibited", says=_said(act), act=act.id)


def _not_lifted(grant: Act, lack: str) -> Because:
    return Because(code="not_lifted", says=f"{_said(grant)} does not lift it: {lack}", act=grant.id)


def _said(act: Act) -> str:
    where = f"at {act.anchor_record}" if act.anchor_record is not None else "at the contact point"
    what = act.kind if act.reason == act.kind else f"{act.kind} ({act.reason})"
    return f"{what} of {act.time:%Y-%m-%d} for {act.purpose} by {act.channel}, said {where}"


def _unique(because: Collection[Because]) -> tuple[Because, ...]:
    return tuple(dict.fromkeys(because))
