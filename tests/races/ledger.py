"""The raw ledger of a race and its independent checker, which knows rows and their order of commit, not the gate.

A deferred trigger numbers every act and every end of a contact at commit, while the transaction still holds its locks,
so that the numbers of transactions that wait for each other are their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from onevoice.store import Store

_NUMBERING = """
create table race_ledger (seq bigserial primary key, kind text, id uuid);
create function race_number() returns trigger language plpgsql as $$
begin insert into race_ledger (kind, id) values (tg_table_name, new.id); return null; end $$;
create constraint trigger race_act after insert on act deferrable initially deferred
    for each row execute function race_number();
create constraint trigger race_contact after update on contact deferrable initially deferred
    for each row execute function race_number();
"""


def number_commits(store: Store) -> None:
    """Make the ledger of a store."""
    with store.transaction() as connection:
        connection.execute(text(_NUMBERING))


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One trial: the contact that was tried and, where somebody said no to it, by which rows of `act` to look for."""

    contact: UUID
    point: str
    stopping: str  # act, by its anchor point or record key and thread; empty: nothing was said that stops it
    thread: str


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the checker found."""

    trials: int
    delivered: int
    before: int
    after: int
    wrong_contacts: int
    wrongly_withheld: int

    def line(self) -> str:
        return f"trials={self.trials} wrong_contacts={self.wrong_contacts} wrongly_withheld={self.wrongly_withheld}"


def check(store: Store, trials: Collection[Tried], arrived: Mapping[UUID, int]) -> Counted:
    """Judge each trial by the raw rows; `arrived` is how often each contact really came out of the channels."""
    with store.transaction() as connection:
        seq = {row.id: row.seq for row in connection.execute(text("select id, seq from race_ledger"))}
        ends = {row.id: row for row in connection.execute(text("select id, committed_at, refused_at from contact"))}
        said: dict[tuple[str, str], int] = {}
        rows = connection.execute(
            text("select id, reason, anchor_point, anchor_key, thread, purpose, channel from act where kind <> 'grant'")
        )
        for row in rows:
            if row.reason == "answered" or (row.purpose, row.channel) == ("marketing", "email"):
                place = (row.anchor_point or row.anchor_key, row.thread or "")
                said[place] = min(seq[row.id], said.get(place, seq[row.id]))
    count: Counter[str] = Counter()
    for one in trials:
        end = ends[one.contact]
        stopped_at = said.get((one.stopping, one.thread)) if one.stopping else None
        forbidden = stopped_at is not None and stopped_at < seq[one.contact]
        came = arrived.get(one.contact, 0)
        count["delivered"] += came > 0
        count["before"] += forbidden
        count["after"] += stopped_at is not None and not forbidden
        count["wrong"] += came > 1 or (came == 1 and (forbidden or end.committed_at is None))
        count["withheld"] += came == 0 and not forbidden
    return Counted(
        trials=len(trials),
        delivered=count["delivered"],
        before=count["before"],
        after=count["after"],
        wrong_contacts=count["wrong"],
        wrongly_withheld=count["withheld"],
    )
