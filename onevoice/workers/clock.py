"""What comes by the clock alone: acts that end, values that begin or end, registers half told, the list doubted.

Takes what was dealt with up to when, from the store. The one rule: whoever is late catches up, and two who sweep at
once do nothing twice that would show.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from onevoice.consent import Gate
from onevoice.consent.holdings import act_of
from onevoice.consent.lists import Place, correct, wrong_places
from onevoice.messages import Act
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import act
from onevoice.workers.clock_mark import mark, marked
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.as_of import move_as_of
from onevoice.workers.registers import Registers

ENDED, LIST = "what ended", "suppression list"
LIST_EVERY = timedelta(days=1)
AT_ONCE = 200

log = structlog.get_logger("onevoice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Carries to the systems what nobody says."""

    store: Store
    gate: Gate
    ingest: Ingest

    def sweep(self) -> int:
        """Oblige the systems to what began or ended since the last sweep; daily, hold the suppression list to the acts.

        Returns how many acts ended.
        """
        for one in Registers(store=self.store, gate=self.gate, ingest=self.ingest).loaded():
            if not one.told:
                Registers(store=self.store, gate=self.gate, ingest=self.ingest).tell(one.register)
        ended = self._ended()
        move_as_of(self.store, self.ingest, self.gate.clock().date())
        if self.due(LIST, LIST_EVERY):
            wrong = doubt_list(self.store, self.gate)
            if wrong:
                log.error("suppression_list_corrected", entries=len(wrong))
        return ended

    def _ended(self) -> int:
        """Go from the last sweep to now; a step at a time, so that none is lost where one breaks off."""
        now = self.gate.clock()
        with self.store.transaction() as connection:
            since = marked(connection, ENDED)
            acts = _ending(connection, self.gate, since, now)
        for start in range(0, len(acts), AT_ONCE):
            with self.store.transaction() as connection:
                keep_out(connection, INGEST)
                self.ingest.owe(connection, (), acts[start : start + AT_ONCE])
        with self.store.transaction() as connection:
            mark(connection, ENDED, now)
        return len(acts)

    def due(self, name: str, every: timedelta) -> bool:
        """Return whether something was last dealt with longer ago than this."""
        with self.store.transaction() as connection:
            last = marked(connection, name)
        return last is None or self.gate.clock() >= last + every


def ensure_list(store: Store, gate: Gate) -> None:
    """Make the suppression list from the acts, where this store never kept one."""
    with store.transaction() as connection:
        made = marked(connection, LIST) is not None
    if not made:
        doubt_list(store, gate)


def doubt_list(store: Store, gate: Gate) -> frozenset[Place]:
    """Compare the whole suppression list with the acts and correct it; return what was wrong.

    Opt-outs go on while the acts are read; only what differs is looked at again with everybody else kept out.
    """
    with store.transaction() as connection:
        wrong = wrong_places(connection, gate)
    with store.transaction() as connection:
        if wrong:
            keep_out(connection, INGEST)
        corrected = correct(connection, gate, wrong, now=gate.clock()) if wrong else frozenset[Place]()
        mark(connection, LIST, gate.clock())
        return corrected


def _ending(connection: Connection, gate: Gate, since: datetime | None, now: datetime) -> list[Act]:
    """Return the acts that ended after `since` and up to now: at their own date, or by the days of their reason."""
    ends: list[ColumnElement[bool]] = [_between(act.c.valid_until, since, now)]
    for name, row in gate.rules.reasons.items():
        if row.days is not None:
            lasting = timedelta(days=row.days)
            until = since - lasting if since is not None else None
            ends.append(and_(act.c.reason == name, _between(act.c.time, until, now - lasting)))
    rows = connection.execute(select(act).where(act.c.superseded_at.is_(None), or_(*ends)))
    return [act_of(row) for row in rows.all()]


def _between(column: ColumnElement[datetime], after: datetime | None, until: datetime) -> ColumnElement[bool]:
    return column <= until if after is None else and_(column > after, column <= until)
