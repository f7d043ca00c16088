"""The page in one piece: looked at, saved, confirmed, and given in writing.

Takes signed links, gives what to show. The one rule: a look changes nothing; what is said is kept in one transaction,
from which ingest is kept out, and a yes or a new contact point counts only once the point itself confirmed it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, select

from onevoice.consent import Gate, Holding, Question
from onevoice.consent.holdings import acts_at, holdings_of
from onevoice.errors import RefusedError
from onevoice.messages import ANY, Act, Json, Permission, RecordRef
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import source_record
from onevoice.workers.acts import SELF, Acts, open_acts
from onevoice.workers.contacts import point_of
from onevoice.workers.customers.judging import Judging
from onevoice.workers.hub import Hub
from onevoice.workers.links import CONFIRM, PAGE, PAGE_VALID, Signing
from onevoice.workers.own_page import confirmation
from onevoice.workers.own_page.confirmation import Confirmed, FloodedError, ToConfirm
from onevoice.workers.own_page.profile import FIELDS, Profiles, language_of
from onevoice.workers.own_page.receipt import receipt
from onevoice.workers.own_page.standing import (
    MARKETING,
    Choice,
    Form,
    Standing,
    Wishes,
    choices_of,
    places_of_wishes,
    shown,
    wishes_of,
)

_NOTICE = "own page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What became of a form: whether anything changed, and where a message went to be confirmed (points in part)."""

    changed: bool
    asked_at: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """Whose page it is: the record that the link names, and the customer that holds it now."""

    id: UUID
    ref: RecordRef
    customer: UUID
    canonical: Json
    type: str
    holding: Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """The pages of one hub's customers."""

    store: Store
    gate: Gate
    acts: Acts
    profiles: Profiles
    signing: Signing
    hub_name: str

    def link(self, customer_id: UUID) -> str:
        """Return a link to a customer's page.

        Raises:
            RefusedError: customers cannot reach the hub.
        """
        if not self.signing.base:
            raise RefusedError("own page: api.public_url is not set; say there where customers reach the hub")
        return self.signing.url(PAGE, customer_id, until=self.gate.clock() + PAGE_VALID)

    def look(self, token: str, language: str | None = None) -> Standing:
        """Return the page as it stands.

        Args:
            language: what titles are told in, instead of the customer's own.

        Raises:
            RefusedError: the link is not ours, has expired, or its record is not there any more.
        """
        with self.store.transaction() as connection:
            return self._standing(connection, self._whose(connection, token), language)

    def save(self, token: str, form: Form) -> Saved:
        """Keep what a customer says; what stands anyway is not said again.

        Raises:
            RefusedError: as `look`; or a contact point is none.
            FloodedError: one was written to often enough today; all else is kept.
            RecordError: what it says of itself does not fit.
        """
        now, flooded = self.gate.clock(), list[FloodedError]()
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            whose = self._whose(connection, token)
            standing = self._standing(connection, whose)
            acts = list(self._said(whose, standing, form, now))
            self.acts.state_in(connection, acts, by=SELF)
            asked_at = list(self._to_confirm(connection, whose, standing, form, now, flooded))
            said = {name: value for name, value in form.profile.items() if name in FIELDS and value}
            news = {name: value for name, value in said.items() if value != getattr(standing, name)}
            if news and standing.person:
                self.profiles.change(connection, whose.id, news, now)
            data = self.profiles.unheard(connection, whose.id)
        if data is not None:
            self.profiles.publish(whose.ref, data)
        if flooded:  # a no must not be lost because something else was asked too often
            raise flooded[0]
        return Saved(changed=bool(acts or asked_at or data), asked_at=tuple(asked_at))

    def to_confirm(self, token: str) -> Confirmed:
        """Return what a link would confirm.

        Raises:
            RefusedError: the link is not ours or has expired.
        """
        with self.store.transaction() as connection:
            return self._to_be_confirmed(connection, self.signing.read(CONFIRM, token, now=self.gate.clock()))

    def confirm(self, token: str) -> Confirmed:
        """Let it count: a yes with its evidence, or a new contact point. A second time changes nothing.

        Raises:
            RefusedError: as `to_confirm`; or the record that it belongs to is not there any more.
        """
        now = self.gate.clock()
        number = self.signing.read(CONFIRM, token, now=now)
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            wanted = self._to_be_confirmed(connection, number)
            whose = self._holder(connection, wanted.record_id)
            if wanted.confirmed_at is not None:
                acts = []
            elif wanted.purpose is not None:
                evidence = wanted.evidence | {"confirmed": True, "collection_method": "double opt-in"}
                acts = [_grant(whose, wanted.channel, wanted.purpose, wanted.point, now, evidence)]
            else:
                acts = list(self._verified(connection, wanted.point, now))
                self.profiles.change_point(connection, wanted.record_id, wanted.point, now)
            if wanted.confirmed_at is None:
                self.acts.state_in(connection, acts, by=SELF)
                confirmation.mark(connection, number, now)
            data = self.profiles.unheard(connection, wanted.record_id)
        if data is not None:
            self.profiles.publish(whose.ref, data)
        return replace(wanted, confirmed_at=wanted.confirmed_at or now)

    def receipt(self, token: str) -> str:
        """Return what the customer said about being contacted, as a signed document.

        Raises:
            RefusedError: as `look`.
        """
        now = self.gate.clock()
        with self.store.transaction() as connection:
            whose = self._whose(connection, token)
        page = self.signing.url(PAGE, whose.id, until=now + PAGE_VALID)
        number = uuid_utils.uuid7()
        told = receipt(
            whose.holding.acts,
            self.gate.rules,
            receipt_id=number,
            principal=whose.id,
            page=page,
            hub=self.hub_name,
            now=now,
        )
        return self.signing.sign(told)

    def _to_be_confirmed(self, connection: Connection, number: UUID) -> Confirmed:
        wanted = confirmation.load(connection, number)
        return replace(wanted, language=language_of(connection, wanted.record_id))

    def _whose(self, connection: Connection, token: str) -> _Whose:
        return self._holder(connection, self.signing.read(PAGE, token, now=self.gate.clock()))

    def _holder(self, connection: Connection, record_id: UUID) -> _Whose:
        row = connection.execute(select(source_record).where(source_record.c.id == record_id)).one_or_none()
        if row is None or row.customer_id is None:
            raise RefusedError("link: nobody is known under it any more")
        return _Whose(
            id=row.id,
            ref=RecordRef(system=row.system, stream=row.stream, key=row.key),
            customer=row.customer_id,
            canonical=row.canonical or {},
            type=row.type,
            holding=holdings_of(connection, [row.customer_id])[row.customer_id],
        )

    def _standing(self, connection: Connection, whose: _Whose, language: str | None = None) -> Standing:
        now = self.gate.clock()
        waiting = confirmation.waiting(connection, [whose.id], now)
        open_grants = {(one.point, one.channel, one.purpose or "") for one in waiting}
        said = self.profiles.load(connection, whose.id)
        person = whose.type == "person"
        # The name that the page's own record has, not the golden one: a link must not tell what a wrong merge brought.
        name = whose.canonical.get("name") if person else None
        own = language_of(connection, whose.id)
        return Standing(
            given_name=said.get("given_name") or (name or {}).get("given", ""),
            family_name=said.get("family_name") or (name or {}).get("family", ""),
            language=own or "",
            person=person,
            points=sorted({shown(point) for point in whose.holding.points}),
            open_points=sorted({shown(one.point) for one in waiting if one.kind == "point"}),
            choices=choices_of(self.gate, whose.holding, open_grants, language or own),
            wishes=wishes_of(self.gate, whose.holding),
            topics=self._topics(language or own),
            objects=self.gate.objects(whose.holding),
        )

    def _topics(self, language: str | None = None) -> dict[str, str]:
        marketing = self.gate.rules.purposes.get(MARKETING)
        return dict(marketing.said_in(language).topics) if marketing else {}

    def _said(self, whose: _Whose, standing: Standing, form: Form, now: datetime) -> Iterator[Act]:
        """Yield what counts at once: every no, a yes on a channel without points, wishes."""
        if form.nothing_at_all and not standing.objects:
            yield _act(whose, "objection", ANY, MARKETING, now, reason="objection", inbound=True)
        stopped = [choice for choice in standing.choices if form.choices.get(choice.id) is False]
        stopped = [choice for choice in stopped if choice.permission != Permission.DENIED]
        for choice in stopped:
            one = _act(whose, "withdrawal", choice.channel, choice.purpose, now, reason="unsubscribe")
            yield replace(one, anchor_point=choice.point)
        yield from self._kept(whose, standing, form, {(one.channel, one.purpose) for one in stopped}, now)
        for choice in standing.choices:
            if form.choices.get(choice.id) and choice.point is None and choice.permission != Permission.ALLOWED:
                yield _grant(whose, choice.channel, choice.purpose, None, now, _evidence(choice))
        if form.wishes is not None and form.wishes != standing.wishes:
            yield from self._wished(whose, form.wishes, now)

    def _kept(
        self, whose: _Whose, standing: Standing, form: Form, stopped: Collection[tuple[str, str]], now: datetime
    ) -> Iterator[Act]:
        """Say yes anew for points that keep theirs: a no at one point reaches the person's whole channel."""
        later = now + timedelta(microseconds=1)
        for choice in standing.choices:
            kept = choice.permission == Permission.ALLOWED and form.choices.get(choice.id, True)
            if kept and choice.point is not None and (choice.channel, choice.purpose) in stopped:
                asked = Question(channel=choice.channel, purpose=choice.purpose, point=choice.point, now=now)
                [granted, *_] = self.gate.grants(whose.holding, asked)
                evidence = {name: value for name, value in granted.evidence.items() if name != "stated_by"}
                yield _grant(whose, choice.channel, choice.purpose, choice.point, later, evidence)

    def _wished(self, whose: _Whose, wishes: Wishes, now: datetime) -> Iterator[Act]:
        for record, point in places_of_wishes(self.gate, whose.holding, whose.ref):
            for channel, terms in wishes.terms(self._topics()):
                one = _act(whose, "preference", channel, MARKETING, now, reason="preference", terms=terms)
                yield replace(one, anchor_record=record, anchor_point=point)

    def _to_confirm(
        self,
        connection: Connection,
        whose: _Whose,
        standing: Standing,
        form: Form,
        now: datetime,
        flooded: list[FloodedError],
    ) -> Iterator[str]:
        """Ask for confirmation of each yes at a point and of each new point; yields where, in part.

        Points that were written to often enough today are left out and noted in `flooded`.
        """
        language = form.profile.get("language") or standing.language or None
        for choice in standing.choices:
            wanted = form.choices.get(choice.id) and choice.permission != Permission.ALLOWED and not choice.waits
            if wanted and choice.point is not None:
                to_confirm = ToConfirm(
                    record_id=whose.id,
                    point=choice.point,
                    channel=choice.channel,
                    purpose=choice.purpose,
                    evidence=_evidence(choice),
                )
                if self._asked(connection, to_confirm, language, now, flooded):
                    yield shown(choice.point)
        for kind, channel, value in (("email", "email", form.email), ("phone", "sms", form.phone)):
            point = point_of(f"{kind}:{value}") if value and standing.person else None
            if point is not None and point not in whose.holding.points:
                new = ToConfirm(record_id=whose.id, point=point, channel=channel)
                if self._asked(connection, new, language, now, flooded):
                    yield shown(point)

    def _asked(
        self,
        connection: Connection,
        wanted: ToConfirm,
        language: str | None,
        now: datetime,
        flooded: list[FloodedError],
    ) -> bool:
        try:
            confirmation.request(connection, self.signing, wanted, language, now)
        except FloodedError as error:
            flooded.append(error)
            return False
        return True

    def _verified(self, connection: Connection, point: str, now: datetime) -> Iterator[Act]:
        """Lift what stands at a point until it is entered anew and verified."""
        for act in self.gate.live_prohibitions(acts_at(connection, (), [point])):
            if "verification" in self.gate.rules.reason(act.reason).lifted_by:
                yield replace(
                    act,
                    kind="lift",
                    reason="verification",
                    time=now,
                    earliest=None,
                    source=RecordRef(system=SELF, stream="act", key=""),
                    lifts=act.id,
                    evidence={"source": _NOTICE, "collection_method": "confirmed from the contact point"},
                )


def open_own_page(hub: Hub, signing: Signing) -> OwnPage:
    """Return the own pages of a hub."""
    judging = Judging(hub.store, hub.ingest)
    return OwnPage(
        store=hub.store,
        gate=hub.gate,
        acts=open_acts(hub),
        profiles=Profiles(store=hub.store, catalog=hub.catalog, door=hub.door, judging=judging),
        signing=signing,
        hub_name=hub.config.name,
    )


def _act(whose: _Whose, kind: str, channel: str, purpose: str, now: datetime, *, reason: str, **more: object) -> Act:
    values: Json = {"evidence": {"source": _NOTICE, "collection_method": _NOTICE}} | more
    return Act(
        id=UUID(int=0),
        kind=kind,
        channel=channel,
        purpose=purpose,
        reason=reason,
        time=now,
        source=RecordRef(system=SELF, stream="act", key=""),
        anchor_record=whose.ref,
        **values,
    )


def _grant(whose: _Whose, channel: str, purpose: str, point: str | None, now: datetime, evidence: Json) -> Act:
    return _act(whose, "grant", channel, purpose, now, reason="grant", anchor_point=point, evidence=evidence)


def _evidence(choice: Choice) -> Json:
    return {
        "source": _NOTICE,
        "collection_method": _NOTICE,
        "text": f"Yes, by {choice.channel}: {choice.title}",
        "notice": choice.title,
        "notice_language": "en",
        "lawful_basis": "consent",
    }
