"""Acts as people and systems state them at the hub itself, rather than through a record.

Takes what was said, stores it with all that follows from it, in one transaction that stands wholly before or wholly
after each batch and each redemption. The one rule: what is stated keeps to the contract of acts that systems send.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, select

from onevoice.consent import Gate
from onevoice.consent.gate import PROHIBITING
from onevoice.consent.lifting import may_lift
from onevoice.consent.registers import ERASED, erase
from onevoice.contracts import Contract, Contracts
from onevoice.errors import RefusedError
from onevoice.mapping.times import moment_text
from onevoice.messages import ANY, Act, Json, RecordRef
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.locks import lock_names, lock_names_of
from onevoice.store.tables import contact, record_key, source_record
from onevoice.workers.customers.reference import holders_of
from onevoice.workers.hub import Hub
from onevoice.workers.ingest import Ingest

STREAM = "act"
HUB, SELF = "hub", "self"
SESSION = "session:"
LATE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """An act as it was kept.

    Attributes:
        late: contacts at its point that were committed within a day before; it came after them.
    """

    act: Act
    late: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """Takes acts.

    Attributes:
        contract: the canonical contract of acts, `schemas/canonical/act.json`.
    """

    contract: Contract
    store: Store
    ingest: Ingest
    gate: Gate

    def state(self, act: Act, *, by: str, roles: Collection[str] = ()) -> Stated:
        """Keep an act. Its id and source are given here; what forbids and is dated ahead counts from now on.

        Args:
            act: what was said; evidence in the fields of the contract alone.
            by: who states it; kept with the evidence, where there is any.
            roles: those of the operator who states it, for what takes one to lift.

        Raises:
            RecordError: it does not fit the contract.
            RefusedError: it has no anchor, names a purpose or reason that no rule knows, or is a grant without evidence
                or from a time to come; a system grants a point that no record of its own carries; it lifts what is not
                its to lift, or takes a role that the operator has not, or gives no reason for taking it.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            [stated] = self.state_in(connection, [act], by=by, roles=roles)
            return stated

    def state_in(
        self, connection: Connection, acts: Sequence[Act], *, by: str, roles: Collection[str] = ()
    ) -> list[Stated]:
        """Keep acts inside the caller's transaction, which keeps ingest out; all of them or none.

        Raises:
            RecordError, RefusedError: as `state`.
        """
        now = self.gate.clock()
        kept = [self._kept(act, by, roles, now) for act in acts]
        for one in kept:
            _check_point(connection, one)
        late = [_late(connection, one, now) for one in kept]
        told = [self._hidden(connection, one) for one in kept]
        self.ingest.say(connection, told)
        erased = {one.anchor_point for one, hid in zip(kept, told, strict=True) if hid is not one and one.anchor_point}
        if erased:
            holders = holders_of(connection, erased).values()
            self.ingest.owe(connection, {customer for some in holders for customer in some})
        return [Stated(act=one, late=some) for one, some in zip(told, late, strict=True)]

    def _hidden(self, connection: Connection, act: Act) -> Act:
        """Keep an erased contact point by its keyed hash alone, in the act as well; a hub without a secret cannot."""
        if act.kind not in PROHIBITING or act.reason != ERASED or act.anchor_point is None:
            return act
        lock_names(connection, lock_names_of(points={act.anchor_point}))
        value = erase(connection, act.anchor_point, now=act.time)
        return replace(act, anchor_point=f"{ERASED}:{value}") if value is not None else act

    def _kept(self, act: Act, by: str, roles: Collection[str], now: datetime) -> Act:
        number = uuid_utils.uuid7()
        kept = replace(act, id=number, source=RecordRef(system=act.source.system, stream=STREAM, key=str(number)))
        self._check(kept, roles, now)
        if kept.kind in PROHIBITING:
            kept = replace(kept, time=min(kept.time, now))
        return replace(kept, evidence=kept.evidence | {"stated_by": by}) if kept.evidence else kept

    def _check(self, act: Act, roles: Collection[str], now: datetime) -> None:
        rules = self.gate.rules
        self.contract.check(_canonical(act))
        if act.anchor_record is None and act.anchor_point is None:
            raise RefusedError("act: name the record or the contact point that it is about")
        if act.purpose != ANY and act.purpose not in rules.purposes:
            raise RefusedError("act: no such purpose in rules/purposes.yaml")
        if act.kind in PROHIBITING and act.reason not in rules.reasons:
            raise RefusedError("act: no such reason in rules/suppression.yaml")
        if act.kind in ("grant", "lift") and not act.evidence:
            raise RefusedError("act: a grant needs evidence; say what proves it")
        if act.kind in ("grant", "lift") and act.time > now:
            raise RefusedError("act: a grant cannot be dated ahead")
        if act.kind == "lift" and not may_lift(act.reason, act.source.system):
            raise RefusedError(
                "act: a system lifts by delivery, verification or thread_end only, and nobody by time or end"
            )
        if act.kind == "lift" and act.reason == "role":
            _check_role(act, roles)
        if act.kind == "grant" and ANY in (act.channel, act.purpose):
            raise RefusedError("act: a grant names one channel and one purpose")


def open_acts(hub: Hub) -> Acts:
    """Return what takes acts into a hub."""
    contract = Contracts(hub.config.root / "schemas").canonical("act")  # whether or not any system tells of acts
    return Acts(contract=contract, store=hub.store, ingest=hub.ingest, gate=hub.gate)


def _check_role(act: Act, roles: Collection[str]) -> None:
    """Whoever takes a role to lift something has it, by `operators.<name>.roles`, and says why."""
    if act.evidence.get("role") not in roles:
        raise RefusedError("act: this takes a role that you have not; see operators.<name>.roles in onevoice.toml")
    if not str(act.evidence.get("text", "")).strip():
        raise RefusedError("act: say why in evidence.text, for those who come after")


def _canonical(act: Act) -> Json:
    """Return the act as a system would send it; sessions are known to the hub alone and have no place there."""
    record, point = act.anchor_record, act.anchor_point
    stated = {
        "kind": act.kind,
        "channel": act.channel,
        "purpose": act.purpose,
        "reason": act.reason,
        "controller": act.controller,
        "time": moment_text(act.time.astimezone(UTC)),
        "valid_until": moment_text(act.valid_until.astimezone(UTC)) if act.valid_until else None,
        "inbound": act.inbound,
        "thread": act.thread,
        "party": {"stream": record.stream, "key": record.key} if record else None,
        "point": None if point is None or point.startswith(SESSION) else point,
        "terms": act.terms or None,
        "evidence": act.evidence or None,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _check_point(connection: Connection, act: Act) -> None:
    """Refuse a system's grant at a point that none of its records carries; what forbids may be said anywhere."""
    point, system = act.anchor_point, act.source.system
    if act.kind != "grant" or system in (HUB, SELF) or point is None or point.startswith(SESSION):
        return
    carried = (
        select(source_record.c.id)
        .join(record_key, record_key.c.record_id == source_record.c.id)
        .where(record_key.c.key == point, source_record.c.system == system)
    )
    if connection.execute(carried.limit(1)).first() is None:
        raise RefusedError("act: no record of this system carries the point; send the record first")


def _late(connection: Connection, act: Act, now: datetime) -> tuple[UUID, ...]:
    if act.kind not in PROHIBITING or act.anchor_point is None:
        return ()
    statement = select(contact.c.id).where(contact.c.point == act.anchor_point, contact.c.committed_at > now - LATE)
    return tuple(connection.execute(statement.order_by(contact.c.committed_at)).scalars())
