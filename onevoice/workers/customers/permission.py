"""What may be done with a customer or at a contact point, channel by channel and purpose by purpose."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate, Holding
from onevoice.consent.holdings import acts_at, holdings_of
from onevoice.consent.question import CHANNEL_OF_POINT, points_on_channel
from onevoice.consent.rules import ADVERTISING
from onevoice.conversation import PermissionNow, strictest
from onevoice.messages import Permission

_ALWAYS = ("email", "phone", "sms")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointPermission:
    """What may be done at one contact point; `point` is None where the customer has none on that channel."""

    point: str | None
    now: PermissionNow


def point_permissions(gate: Gate, holding: Holding) -> list[PointPermission]:
    """Return the permissions of one customer at each of its contact points, by channel, point and purpose."""
    return [
        PointPermission(point=point, now=_now(gate, holding, channel, purpose, point))
        for channel in _channels(holding)
        for point in _points(holding, channel)
        for purpose in gate.rules.purposes
    ]


def permissions_now(gate: Gate, holding: Holding, point: str | None) -> list[PermissionNow]:
    """Return one permission for each channel and purpose: at `point` on the channels it serves, else the strictest."""
    served = CHANNEL_OF_POINT.get(point.partition(":")[0], ()) if point else ()
    every = [p for p in point_permissions(gate, holding) if p.now.channel not in served]
    at_point = [_now(gate, holding, channel, purpose, point) for channel in served for purpose in gate.rules.purposes]
    return strictest([*at_point, *(p.now for p in every)])


def bare_holding(connection: Connection, point: str | None) -> Holding:
    """Return what is known of a contact point that nobody is known to hold."""
    points = frozenset({point} if point else ())
    return Holding(records=frozenset(), points=points, acts=acts_at(connection, (), points))


def holding_of(connection: Connection, customer: UUID) -> Holding:
    """Return what the gate needs to know of one customer."""
    return holdings_of(connection, [customer])[customer]


def strictest_of_all(gate: Gate, holdings: Collection[Holding], point: str | None) -> list[PermissionNow]:
    """Return the strictest permissions of several customers, for somebody who may be any of them."""
    return strictest([now for holding in holdings for now in permissions_now(gate, holding, point)])


def objects_to_marketing(gate: Gate, holding: Holding) -> bool:
    """Return whether a live prohibition of marketing reaches every channel, conversations that they begin included."""
    return gate.objects(holding)


def _now(gate: Gate, holding: Holding, channel: str, purpose: str, point: str | None) -> PermissionNow:
    verdict = gate.fold(holding, channel, purpose, point)
    unknown_permits = gate.rules.kind(purpose) not in ADVERTISING
    may = verdict.permission is Permission.ALLOWED or (verdict.permission is Permission.UNKNOWN and unknown_permits)
    return PermissionNow(
        channel=channel, purpose=purpose, permission=verdict.permission, may_contact=may, because=verdict.because
    )


def _channels(holding: Holding) -> Iterator[str]:
    said = {act.channel for act in holding.acts}
    yield from sorted(said.union(_ALWAYS))


def _points(holding: Holding, channel: str) -> tuple[str | None, ...]:
    return tuple(points_on_channel(holding.points, channel)) or (None,)
