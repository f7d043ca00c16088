"""What a merge would bring about, told before anybody says so.

The one rule: the preview is the merge itself, taken back before its transaction ends; so it shows what would happen,
refusals included, and nobody else ever sees it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate
from onevoice.mapping.paths import flatten
from onevoice.messages import STRICTEST_FIRST, Permission
from onevoice.workers.customers.permission import holding_of, point_permissions
from onevoice.workers.customers.view import load_view

_Permissions = dict[tuple[str | None, str, str], Permission]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePreview:
    """One golden value of each of the two now, and of the one customer after; None where there is none."""

    path: str
    one: Any
    other: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionPreview:
    """One permission, at a contact point, that is otherwise after the merge than it was for either that had it."""

    point: str | None
    channel: str
    purpose: str
    before: Permission | None
    after: Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePreview:
    """What merging two customers would bring about; `permissions` has only those that would change."""

    customers: tuple[UUID, UUID]
    into: UUID
    values: tuple[ValuePreview, ...]
    permissions: tuple[PermissionPreview, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A customer as it is at one moment of a transaction."""

    id: UUID
    values: dict[str, Any]
    permissions: _Permissions


def stand(connection: Connection, gate: Gate, customer: UUID) -> Standing:
    """Return how a customer stands now."""
    permissions = {
        (p.point, p.now.channel, p.now.purpose): p.now.permission
        for p in point_permissions(gate, holding_of(connection, customer))
    }
    return Standing(customer, flatten(load_view(connection, customer).golden), permissions)


def compare_standings(one: Standing, other: Standing, after: Standing) -> MergePreview:
    """Return what differs."""
    paths = sorted(one.values.keys() | other.values.keys() | after.values.keys())
    return MergePreview(
        customers=(one.id, other.id),
        into=after.id,
        values=tuple(
            ValuePreview(path=p, one=one.values.get(p), other=other.values.get(p), after=after.values.get(p))
            for p in paths
        ),
        permissions=tuple(
            PermissionPreview(point=key[0], channel=key[1], purpose=key[2], before=before, after=permission)
            for key, permission in after.permissions.items()
            for before in [_before(key, one, other)]
            if before is not None and before != permission
        ),
    )


def _before(key: tuple[str | None, str, str], one: Standing, other: Standing) -> Permission | None:
    """The permission at that point as it was; the stricter where both had the point."""
    found = [side.permissions[key] for side in (one, other) if key in side.permissions]
    return min(found, key=STRICTEST_FIRST.index, default=None)
