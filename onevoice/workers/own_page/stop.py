"""One-click unsubscribe (RFC 8058): what a message was sent under is stopped, whoever follows its link.

The one rule: a look at the link changes nothing, since mailboxes and their guards look at every link; a second request
to stop adds nothing either.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.consent.holdings import acts_at
from onevoice.errors import RefusedError
from onevoice.messages import Act, RecordRef
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import contact, source_record
from onevoice.workers.acts import SELF, Acts
from onevoice.workers.links import UNSUBSCRIBE, Signing
from onevoice.workers.own_page.profile import language_of
from onevoice.workers.own_page.standing import shown

_UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """What following the link stops.

    Attributes:
        shown: the contact point in part.
        language: the customer's, as far as it is known.
    """

    channel: str
    title: str
    shown: str | None
    language: str | None
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Takes requests to stop."""

    store: Store
    acts: Acts
    signing: Signing

    def look(self, token: str) -> Stopping:
        """Return what the link would stop.

        Raises:
            RefusedError: the link is not ours, or what it names cannot be stopped.
        """
        with self.store.transaction() as connection:
            act, language = self._act(connection, token)
            return self._stopping(act, language, stopped=self._stands(connection, act))

    def stop(self, token: str) -> Stopping:
        """Stop it; the gate obeys from the answer on.

        Raises:
            RefusedError: as `look`.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            act, language = self._act(connection, token)
            if not self._stands(connection, act):
                self.acts.state_in(connection, [act], by=SELF)
        return self._stopping(act, language, stopped=True)

    def _act(self, connection: Connection, token: str) -> tuple[Act, str | None]:
        """What the link states, and the language of who has it."""
        number = self.signing.read(UNSUBSCRIBE, token, now=self.acts.gate.clock())
        row = connection.execute(select(contact).where(contact.c.id == number)).one_or_none()
        if row is None:
            raise RefusedError("link: the message that it came with is not known any more")
        if self.acts.gate.rules.kind(row.purpose) == "legal":
            raise RefusedError("link: what the law demands cannot be stopped")
        act = Act(
            id=UUID(int=0),
            kind="withdrawal",
            channel=row.channel,
            purpose=row.purpose,
            reason=_UNSUBSCRIBE,
            time=self.acts.gate.clock(),
            source=RecordRef(system=SELF, stream="act", key=""),
            anchor_record=_record(connection, row.record_id),
            anchor_point=row.point,
            controller=row.controller,
            evidence={"source": "unsubscribe link", "collection_method": "one click"},
        )
        return act, language_of(connection, row.record_id)

    def _stands(self, connection: Connection, act: Act) -> bool:
        said = acts_at(
            connection,
            [act.anchor_record] if act.anchor_record else [],
            [act.anchor_point] if act.anchor_point else [],
        )
        names = ("reason", "channel", "purpose", "controller", "anchor_point", "anchor_record")
        same = [getattr(act, name) for name in names]
        live = self.acts.gate.live_prohibitions(said)
        return any([getattr(one, name) for name in names] == same for one in live)

    def _stopping(self, act: Act, language: str | None, *, stopped: bool) -> Stopping:
        purpose = self.acts.gate.rules.purposes.get(act.purpose)
        return Stopping(
            channel=act.channel,
            title=purpose.said_in(language).title if purpose else act.purpose,
            shown=shown(act.anchor_point) if act.anchor_point else None,
            language=language,
            stopped=stopped,
        )


def _record(connection: Connection, record_id: UUID | None) -> RecordRef | None:
    if record_id is None:
        return None
    c = source_record.c
    row = connection.execute(select(c.system, c.stream, c.key).where(c.id == record_id)).one_or_none()
    return RecordRef(system=row.system, stream=row.stream, key=row.key) if row is not None else None
