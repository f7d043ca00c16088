"""Acts as people and systems state them at the hub itself, rather than through a record.

Takes what was said, stores it with all that follows from it, in one transaction that stands wholly before or wholly
after each batch and each redemption. The one rule: what is stated is checked as strictly as what a system sends.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, select

from onevoice.consent import Gate
from onevoice.consent.gate import PROHIBITING
from onevoice.errors import RefusedError
from onevoice.messages import ANY, Act, RecordRef
from onevoice.store import Store, keep_out
from onevoice.store.tables import contact
from onevoice.workers.ingest import Ingest

STREAM = "act"
LATE = timedelta(days=1)
_INGEST = "ingest"


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
    """Takes acts."""

    store: Store
    ingest: Ingest
    gate: Gate

    def state(self, act: Act) -> Stated:
        """Keep an act. Its id and source are given here; what forbids and is dated ahead counts from now on.

        Raises:
            RefusedError: it has no anchor, names a purpose or reason that no rule knows, or is a grant without evidence
                or from a time to come.
        """
        now = self.gate.clock()
        number = uuid_utils.uuid7()
        kept = replace(act, id=number, source=RecordRef(system=act.source.system, stream=STREAM, key=str(number)))
        self._check(kept, now)
        if kept.kind in PROHIBITING:
            kept = replace(kept, time=min(kept.time, now))
        with self.store.transaction() as connection:
            keep_out(connection, _INGEST)
            self.ingest.say(connection, [kept])
            return Stated(act=kept, late=_late(connection, kept, now))

    def _check(self, act: Act, now: datetime) -> None:
        rules = self.gate.rules
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
        if act.kind == "lift" and act.reason == "role":
            raise RefusedError("act: this takes a role, and operators have none yet")
        if act.kind == "grant" and ANY in (act.channel, act.purpose):
            raise RefusedError("act: a grant names one channel and one purpose")


def _late(connection: Connection, act: Act, now: datetime) -> tuple[UUID, ...]:
    if act.kind not in PROHIBITING or act.anchor_point is None:
        return ()
    statement = select(contact.c.id).where(contact.c.point == act.anchor_point, contact.c.committed_at > now - LATE)
    return tuple(connection.execute(statement.order_by(contact.c.committed_at)).scalars())
