"""The one gate: may this customer be contacted at this point, on this channel, for this purpose?

A fold over acts. A live prohibition counts wherever it is anchored: at the point, whoever said it and whoever else
holds it, or at any record of the customer. A grant counts only for exactly its point, or its record and the points that
this record carries. Neither is unknown, and unknown never permits what needs consent.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from onevoice.consent.rules import ConsentRules
from onevoice.messages import Act, Permission, RecordRef

CHANNEL_OF_POINT = {"email": ("email",), "phone": ("phone", "sms")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is known of one customer for the gate: the records in it, the points they carry, the acts at either.

    Attributes:
        carried: record -> the points that it carries itself; a record's grant counts at no others.
        former: points that no record carries any more, of which a withdrawal was said while its record carried them.
    """

    records: frozenset[RecordRef]
    points: frozenset[str]
    acts: Sequence[Act]
    carried: Mapping[RecordRef, frozenset[str]] = field(default_factory=dict)
    former: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, with the acts that decided it."""

    permission: Permission
    because: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """Folds acts into permissions by the consent rules."""

    rules: ConsentRules
    clock_bound: timedelta = timedelta(minutes=5)

    def permission(
        self,
        holding: Holding,
        channel: str,
        purpose: str,
        point: str | None = None,
        *,
        record: RecordRef | None = None,
    ) -> Verdict:
        """Return what the customer's acts say about a channel and purpose, at one point or for one record.

        Without `point` the answer is that for `record` as a whole, as a flag on it would hold it; without either no
        grant counts, since each is for something.
        """
        live = self.live_prohibitions(holding.acts)
        denying = tuple(a for a in live if self._reaches(a, holding, channel, purpose, point))
        if denying:
            return Verdict(permission=Permission.DENIED, because=denying)
        grants = tuple(a for a in holding.acts if self._grants(a, holding, channel, purpose, point, record))
        if grants:
            return Verdict(permission=Permission.ALLOWED, because=grants)
        return Verdict(permission=Permission.UNKNOWN)

    def may_contact(self, holding: Holding, channel: str, purpose: str, point: str) -> Verdict:
        """Return whether to contact: unknown becomes denied where the purpose needs consent."""
        verdict = self.permission(holding, channel, purpose, point)
        if verdict.permission is not Permission.UNKNOWN:
            return verdict
        denied = self.rules.consent_needed.get(purpose, True)
        return Verdict(permission=Permission.DENIED if denied else Permission.ALLOWED)

    def live_prohibitions(self, acts: Iterable[Act]) -> list[Act]:
        """Return the prohibitions that nothing has lifted, most recent first."""
        acts = list(acts)
        grants = [a for a in acts if a.kind == "grant" and a.evidence]
        live = [a for a in acts if a.kind != "grant" and not any(self._lifts(g, a) for g in grants)]
        return sorted(live, key=lambda a: (a.time, str(a.id)), reverse=True)

    def _lifts(self, grant: Act, prohibition: Act) -> bool:
        rule = self.rules.reasons.get(prohibition.reason)
        return (
            rule is not None
            and rule.lifted_by == "grant"
            and grant.time > prohibition.time + self.clock_bound
            and (grant.channel, grant.purpose) == (prohibition.channel, prohibition.purpose)
            and grant.controller == prohibition.controller
            and _same_anchor(grant, prohibition)
        )

    def _reaches(self, act: Act, holding: Holding, channel: str, purpose: str, point: str | None) -> bool:
        reach = self.reach(act)
        if act.purpose != purpose or (act.channel != channel and reach != "all"):
            return False
        if act.anchor_point is not None and reach == "point":
            return act.anchor_point == point
        return act.anchor_record in holding.records or act.anchor_point in holding.points or act.anchor_point == point

    def _grants(
        self, act: Act, holding: Holding, channel: str, purpose: str, point: str | None, record: RecordRef | None
    ) -> bool:
        if act.kind != "grant" or not act.evidence or (act.channel, act.purpose) != (channel, purpose):
            return False
        if act.anchor_point is not None:
            return act.anchor_point == point
        if act.anchor_record not in holding.records:
            return False
        if point is None:
            return act.anchor_record == record
        return point in holding.carried.get(act.anchor_record, ())

    def reach(self, act: Act) -> str:
        """Return the reach of a prohibition; an unknown reason reaches as wide as any."""
        rule = self.rules.reasons.get(act.reason)
        return rule.reach if rule else "all"


def _same_anchor(one: Act, other: Act) -> bool:
    if one.anchor_point is not None or other.anchor_point is not None:
        return one.anchor_point == other.anchor_point
    return one.anchor_record == other.anchor_record


def points_said_of(act: Act) -> tuple[str, ...]:
    """Return the points that the record of a flag carried since the flag made this act."""
    if act.kind == "grant" or act.source != act.anchor_record:
        return ()
    return tuple(act.evidence.get("points", ()))


def points_on_channel(points: Collection[str], channel: str) -> list[str]:
    """Return those contact points (`email:…`, `phone:…`) that a channel reaches, sorted."""
    return sorted(p for p in points if channel in CHANNEL_OF_POINT.get(p.partition(":")[0], ()))
