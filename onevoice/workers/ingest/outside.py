"""Outside data: what others supply enters under an opt-in that names the supplier or the purpose, else quarantine.

Takes a batch that passed every check, whatever door it came by. The one rule: what forbids is let in all the same; a
record that may not enter leaves its withdrawals at its contact points.
"""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from onevoice.config import OutsideConfig
from onevoice.consent.gate import PROHIBITING
from onevoice.consent.holdings import acts_at
from onevoice.consent.question import points_on_channel
from onevoice.identity import contact_points
from onevoice.messages import Act
from onevoice.workers.catalog import Catalog
from onevoice.workers.ingest.prepare import Incoming
from onevoice.workers.ingest.set_aside import quarantine_row

STEP = "outside data"
_ACTS = uuid.UUID("0197a000-0000-7000-8000-6f7574736964")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A batch: what may enter, quarantine rows of the rest, and what that forbids."""

    entering: list[Incoming]
    refused: list[dict[str, Any]]
    forbidding: list[Act]


def sift(connection: Connection, incoming: Sequence[Incoming], catalog: Catalog, now: datetime) -> Sifted:
    """Tell outside data without an opt-in apart; a hub without outside streams asks nothing."""
    outside = {(system.name, name): one for system in catalog.systems.values() for name, one in system.outside.items()}
    if not outside:
        return Sifted(entering=list(incoming), refused=[], forbidding=[])
    asked = [one for one in incoming if _asks(one, outside)]
    said = _opt_ins(connection, {point for one in asked for point in _points(one)}, now)
    entering, refused, forbidding = [], [], list[Act]()
    for one in incoming:
        declared = outside.get((one.ref.system, one.ref.stream))
        here = [act for point in _points(one) for act in said.get(point, ())] if declared else []
        if declared is None or not _asks(one, outside) or any(_names(act, declared) for act in here):
            entering.append(one)
            continue
        forbidding += _withdrawn(one)
        reason = "no opt-in at its contact points names the supplier or the purpose; get one, then reprocess"
        refused.append(quarantine_row(one.delivery, step=STEP, reason=reason, mapping_version=one.mapping.version_id))
    return Sifted(entering=entering, refused=refused, forbidding=forbidding)


def _asks(one: Incoming, outside: Mapping[tuple[str, str], OutsideConfig]) -> bool:
    """Return whether it needs an opt-in: not what forbids, not an opt-in that names the supplier itself."""
    declared = outside.get((one.ref.system, one.ref.stream))
    if declared is None or one.mapped is None:
        return False
    if one.mapped.type != "act":
        return True
    said = one.mapped.canonical
    if said["kind"] in PROHIBITING or said["kind"] == "preference":
        return False
    return said["kind"] != "grant" or (said.get("evidence") or {}).get("supplier") != declared.supplier


def _points(one: Incoming) -> tuple[str, ...]:
    if one.mapped is None:
        return ()
    said = one.mapped.canonical
    return (*contact_points(said), *([said["point"]] if said.get("point") else ()))


def _opt_ins(connection: Connection, points: Collection[str], now: datetime) -> Mapping[str, list[Act]]:
    """Return the grants in force at each point, with evidence; whether something else forbids is the gate's to say."""
    found: dict[str, list[Act]] = {}
    for act in acts_at(connection, (), points):
        if act.kind == "grant" and act.evidence and (act.valid_until is None or act.valid_until > now):
            found.setdefault(act.anchor_point or "", []).append(act)
    return found


def _names(act: Act, declared: OutsideConfig) -> bool:
    return act.evidence.get("supplier") == declared.supplier or (
        declared.purpose is not None and act.purpose == declared.purpose
    )


def _withdrawn(one: Incoming) -> Iterator[Act]:
    """Yield a withdrawal at each contact point for each consent field of a record that says no."""
    for flag in one.mapped.flags if one.mapped else ():
        if flag.observed != "withdrawn":
            continue
        for point in points_on_channel(_points(one), flag.channel):
            yield Act(
                id=uuid.uuid5(_ACTS, f"{one.ref}|{flag.channel}|{flag.purpose}|{point}"),
                kind="withdrawal",
                channel=flag.channel,
                purpose=flag.purpose,
                reason="withdrawal",
                time=min(one.occurred_at, one.envelope.time),
                anchor_point=point,
                source=one.ref,
            )
