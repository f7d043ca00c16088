"""Customers as people and touch points ask for them: found, shown, explained, permitted, told in context, changed.

Takes references as people write them; joins the rooms. The one rule: reading changes nothing, and every answer is read
in one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate, Holding
from onevoice.consent import Question as GateQuestion
from onevoice.conversation import (
    LATEST,
    Context,
    Entry,
    Moment,
    anonymous_context,
    candidates_context,
    known_context,
    timeline,
)
from onevoice.decisions.ledger import contacts_at, latest_turn
from onevoice.decisions.place import taken_places
from onevoice.errors import RefusedError
from onevoice.identity import Model
from onevoice.master import Survivorship
from onevoice.messages import ANY, Act, RecordRef
from onevoice.store import Store
from onevoice.workers.customers.explanation import (
    CustomerExplanation,
    PairExplanation,
    explain_customer,
    explain_pairs,
)
from onevoice.workers.customers.judging import JudgementResult, Judging
from onevoice.workers.customers.permission import (
    PointPermission,
    bare_holding,
    holding_of,
    objects_to_marketing,
    permissions_now,
    point_permissions,
    strictest_of_all,
)
from onevoice.workers.customers.preview import MergePreview
from onevoice.workers.customers.reading import Here, Reading, read_reference
from onevoice.workers.customers.record import RecordState, load_record
from onevoice.workers.customers.reference import Reference, customers_of, parse_reference
from onevoice.workers.customers.review import Label, ReviewItem, labels, review_items
from onevoice.workers.customers.view import CustomerView, load_view, members_of, unknown_customer
from onevoice.workers.decisions import (
    Decider,
    Rulebook,
    Situation,
    Tried,
    customer_facts,
    moment_facts,
    offers_now,
    question,
    route_now,
    tried,
)
from onevoice.workers.hub import Hub
from onevoice.workers.ingest.record import Record, load_records

MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """The customers of one hub. Every `reference` may be an id, `rec:…`, `phone:+…` or `email:…`."""

    store: Store
    gate: Gate
    model: Model
    survivorship: Survivorship
    rulebook: Rulebook
    judging: Judging

    def find(self, reference: str) -> list[UUID]:
        """Return the customers that a reference fits, sorted; none when nobody is known under it.

        Raises:
            RefusedError: it is no reference.
        """
        with self.store.transaction() as connection:
            return customers_of(connection, parse_reference(reference))

    def show(self, reference: str) -> CustomerView:
        """Return a customer.

        Raises:
            RefusedError: nobody is known under the reference, or more than one.
        """
        with self.store.transaction() as connection:
            return load_view(connection, _the_one(connection, reference))

    def record(self, reference: str) -> RecordState:
        """Return one source record, `rec:…`, with what the hub has written into it.

        Raises:
            RefusedError: the reference names no record.
        """
        with self.store.transaction() as connection:
            return load_record(connection, reference)

    def explain(self, reference: str) -> CustomerExplanation:
        """Return why the customer's values, links and judgements are what they are.

        Raises:
            RefusedError: nobody is known under the reference, or more than one.
        """
        with self.store.transaction() as connection:
            return explain_customer(connection, _the_one(connection, reference), self.survivorship)

    def explain_pair(self, one: str, other: str) -> PairExplanation:
        """Return why two records are one customer or not; of two customers, their most alike pair of records.

        `rec:…` names that record, everything else the customer that it resolves to.

        Raises:
            RefusedError: a reference fits nobody or several, or both name one and the same record.
        """
        with self.store.transaction() as connection:
            ones, others = _records(connection, one), _records(connection, other)
            if {r.id for r in ones} == {r.id for r in others}:
                raise RefusedError("explain: both references name the same records; name two that differ")
            return explain_pairs(connection, ones, others, self.model)

    def timeline(self, reference: str, *, limit: int = 50, before: str | None = None) -> list[Entry]:
        """Return the customer's interactions, orders and acts, the newest first.

        Args:
            before: `cursor` of the last entry of the page before.

        Raises:
            RefusedError: nobody is known under the reference, or more than one; or `before` is no cursor.
        """
        with self.store.transaction() as connection:
            holding = holding_of(connection, _the_one(connection, reference))
            return timeline(connection, holding.records, holding.points, holding.acts, limit=limit, before=before)

    def acts(self, reference: str) -> list[Act]:
        """Return the acts that bear on the customer, the newest first; what was superseded is left out.

        Raises:
            RefusedError: nobody is known under the reference, or more than one.
        """
        with self.store.transaction() as connection:
            holding = holding_of(connection, _the_one(connection, reference))
        return sorted(holding.acts, key=lambda act: (act.time, act.id), reverse=True)

    def permissions(self, reference: str) -> list[PointPermission]:
        """Return what may be done at each contact point of the customer, with the acts that say so.

        Raises:
            RefusedError: nobody is known under the reference, or more than one.
        """
        with self.store.transaction() as connection:
            return point_permissions(self.gate, holding_of(connection, _the_one(connection, reference)))

    def context(
        self,
        reference: str,
        *,
        channel: str | None = None,
        department: str | None = None,
        need: str | None = None,
        now: datetime | None = None,
    ) -> Context:
        """Return what a touch point needs when this customer is there; of nobody known, what holds at the point.

        Args:
            need: what the customer came for, as the touch point knows it.

        Raises:
            RefusedError: it is no reference.
        """
        asked = parse_reference(reference)
        moment = Moment(now=now or datetime.now(UTC), channel=channel, department=department, need=need)
        with self.store.reading() as connection:
            found = read_reference(connection, asked, moment.now)
            if isinstance(found, Reading):
                return self._known(connection, found, asked.point, moment)
            if found:
                return self._candidates(connection, found, asked, moment)
            return self._anonymous(connection, asked.point, moment)

    def decide(
        self,
        reference: str,
        *,
        kind: str = "offer",
        channel: str | None = None,
        department: str | None = None,
        need: str | None = None,
        draft: bool = False,
    ) -> Tried:
        """Return what would be decided for a customer now, with a reason for all that is not; nothing is kept.

        Args:
            draft: by the rules as the files have them, instead of the live ones.

        Raises:
            ConfigurationError: the draft does not lint.
            RefusedError: nobody is known under the reference, or more than one; or the kind is unknown.
        """
        moment = Moment(now=datetime.now(UTC), channel=channel, department=department, need=need)
        with self.store.reading() as connection:
            drafted = self.rulebook.drafted(connection) if draft else None
            return self._tried(connection, reference, moment, kind, drafted)

    def decide_all(
        self,
        references: Iterable[str],
        *,
        kind: str = "offer",
        channel: str | None = None,
        department: str | None = None,
        draft: bool = False,
    ) -> Iterator[tuple[str, Tried | RefusedError]]:
        """Yield for each reference what `decide` answers, or why it does not; all at one moment, and nothing is kept.

        Raises:
            ConfigurationError: the draft does not lint.
        """
        moment = Moment(now=datetime.now(UTC), channel=channel, department=department)
        with self.store.reading() as connection:
            drafted = self.rulebook.drafted(connection) if draft else None
            for reference in references:
                try:
                    yield reference, self._tried(connection, reference, moment, kind, drafted)
                except RefusedError as error:
                    yield reference, error

    def _tried(
        self, connection: Connection, reference: str, moment: Moment, kind: str, drafted: Decider | None
    ) -> Tried:
        here = self.here(connection, reference, moment, drafted)
        decider = drafted or here.deciders.live
        return tried(decider, question(decider, here.situation, moment.now, kind=kind))

    def here(self, connection: Connection, reference: str, moment: Moment, decider: Decider | None = None) -> Here:
        """Return who is there and what counts for a decision; of a point that nobody holds, what is known of it.

        Args:
            decider: by whose rules of value, instead of the live ones.

        Raises:
            RefusedError: more than one customer fits the reference; or nobody does, and it is no contact point.
        """
        asked = parse_reference(reference)
        found = read_reference(connection, asked, moment.now)
        if isinstance(found, Reading):
            return self._here(connection, found, moment, decider)
        if found or asked.point is None:
            raise _not_one(found)
        return self._unknown(connection, asked.point, moment, decider)

    def merge(self, one: str, other: str, *, actor: str, reason: str) -> JudgementResult:
        """Say that two customers are one.

        Raises:
            RefusedError: see `Judging.merge`; or a reference fits nobody or several.
        """
        with self.store.transaction() as connection:
            a, b = _the_one(connection, one), _the_one(connection, other)
        return self.judging.merge(a, b, actor=actor, reason=reason)

    def preview(self, one: str, other: str) -> MergePreview:
        """Return what merging two customers would bring about; nothing is changed.

        Raises:
            RefusedError: see `Judging.merge`; or a reference fits nobody or several.
        """
        with self.store.transaction() as connection:
            a, b = _the_one(connection, one), _the_one(connection, other)
        return self.judging.preview(a, b)

    def reviews(self, *, limit: int = 50) -> list[ReviewItem]:
        """Return pairs of customers that a person must weigh, those with most at stake first."""
        with self.store.transaction() as connection:
            return review_items(connection, self.gate, limit=limit)

    def labels(self) -> list[Label]:
        """Return what people decided, as examples to train from."""
        with self.store.transaction() as connection:
            return labels(connection)

    def split(self, reference: str, records: Collection[RecordRef], *, actor: str, reason: str) -> JudgementResult:
        """Say that some of a customer's records are somebody else's.

        Raises:
            RefusedError: see `Judging.split`; or the reference fits nobody or several.
        """
        with self.store.transaction() as connection:
            customer = _the_one(connection, reference)
        return self.judging.split(customer, records, actor=actor, reason=reason)

    def say(self, verdict: str, one: RecordRef, other: RecordRef, *, actor: str, reason: str) -> JudgementResult:
        """Say that two records are "same" or "different", whether or not they are known yet.

        Raises:
            RefusedError: see `Judging.say`.
        """
        return self.judging.say(verdict, one, other, actor=actor, reason=reason)

    def pin(self, reference: str, path: str, value: Any, *, actor: str, reason: str) -> JudgementResult:
        """Fix one golden value of a customer.

        Raises:
            RefusedError: see `Judging.pin`; or the reference fits nobody or several.
        """
        with self.store.transaction() as connection:
            customer = _the_one(connection, reference)
        return self.judging.pin(customer, path, value, actor=actor, reason=reason)

    def retract(self, judgement: UUID, *, actor: str) -> JudgementResult:
        """Take a judgement or a pin back: undo a merge, a split, what was said of two records.

        Raises:
            RefusedError: there is none under this id, or it was retracted before.
        """
        return self.judging.retract(judgement, actor=actor)

    def _known(self, connection: Connection, read: Reading, point: str | None, moment: Moment) -> Context:
        here = self._here(connection, read, moment)
        assert here.known is not None  # noqa: S101 - a customer was found
        return known_context(
            here.known,
            permissions_now(self.gate, here.holding, point),
            here.value,
            offers_now(here.deciders.live, here.situation, moment.now),
            route_now(here.deciders.live, here.situation, moment.now),
            moment,
            objected=objects_to_marketing(self.gate, here.holding),
        )

    def _here(self, connection: Connection, read: Reading, moment: Moment, decider: Decider | None = None) -> Here:
        deciders = self.rulebook.deciders(connection, read.standing)
        rules = (decider or deciders.live).rules
        value = rules.value.judge(read.known.orders, moment.now)
        known, acts = read.known, read.holding.acts
        situation = Situation(
            facts=moment_facts(moment) | customer_facts(known.type, known.golden, value, known.entries, acts, moment),
            oldest=str(known.id),
            anchor=str(read.anchor),
            purposes=frozenset(self.gate.rules.purposes),
            refused=self._refused(read.holding, moment),
            contacts=read.contacts,
            turn=read.turn,
            taken=read.taken,
        )
        return Here(
            deciders=deciders,
            situation=situation,
            holding=read.holding,
            value=value,
            entries=known.entries,
            known=known,
        )

    def _unknown(
        self, connection: Connection, point: str | None, moment: Moment, decider: Decider | None = None
    ) -> Here:
        deciders = self.rulebook.now(connection)
        holding = bare_holding(connection, point)
        entries = timeline(connection, (), holding.points, holding.acts, limit=LATEST)
        value = (decider or deciders.live).rules.value.judge([], moment.now)
        situation = Situation(
            facts=moment_facts(moment) | customer_facts(None, {}, value, entries, holding.acts, moment),
            oldest=point or "",
            anchor=point or "",
            purposes=frozenset(self.gate.rules.purposes),
            refused=self._refused(holding, moment),
            contacts=contacts_at(connection, holding.points, moment.now),
            turn=latest_turn(connection, point) if point else 0,
            taken=taken_places(connection, moment.now),
        )
        return Here(deciders=deciders, situation=situation, holding=holding, value=value, entries=entries)

    def _refused(self, holding: Holding, moment: Moment) -> dict[str, str]:
        """What the gate refuses in a conversation that the customer began: purpose -> code of the reason."""
        refused = {}
        for purpose in self.gate.rules.purposes:
            asked = GateQuestion(channel=moment.channel or ANY, purpose=purpose, now=moment.now, inbound=True)
            answer = self.gate.may_contact(holding, asked)
            if not answer.allowed:
                refused[purpose] = answer.because[0].code
        return refused

    def _candidates(self, connection: Connection, found: Collection[UUID], asked: Reference, moment: Moment) -> Context:
        holdings = [holding_of(connection, customer) for customer in found]
        views = [load_view(connection, customer) for customer in list(found)[:MOST_CANDIDATES]]
        unconfirmed = self._unknown(connection, None, moment)
        return candidates_context(
            [(view.id, view.golden) for view in views],
            strictest_of_all(self.gate, holdings, asked.point),
            route_now(unconfirmed.deciders.live, unconfirmed.situation, moment.now),
            moment,
        )

    def _anonymous(self, connection: Connection, point: str | None, moment: Moment) -> Context:
        here = self._unknown(connection, point, moment)
        return anonymous_context(
            here.entries,
            permissions_now(self.gate, here.holding, point),
            here.value,
            offers_now(here.deciders.live, here.situation, moment.now),
            route_now(here.deciders.live, here.situation, moment.now),
            moment,
            objected=objects_to_marketing(self.gate, here.holding),
        )


def open_customers(hub: Hub) -> Customers:
    """Return the customers of a hub, with the rules for value and decisions.

    Raises:
        ConfigurationError: nothing was ever released, and a rule in the files is wrong; the text names the key.
    """
    rulebook = Rulebook(hub.config.root / "rules")
    rulebook.begin(hub.store)
    return Customers(
        store=hub.store,
        gate=hub.gate,
        model=hub.model,
        survivorship=hub.survivorship,
        rulebook=rulebook,
        judging=Judging(hub.store, hub.ingest),
    )


def _the_one(connection: Connection, reference: str) -> UUID:
    return _only(customers_of(connection, parse_reference(reference)))


def _only(found: Sequence[UUID]) -> UUID:
    if len(found) != 1:
        raise _not_one(found)
    return found[0]


def _not_one(found: Sequence[UUID]) -> RefusedError:
    if not found:
        return unknown_customer()
    ids = ", ".join(map(str, found[:MOST_CANDIDATES]))
    return RefusedError(f"customer: {len(found)} fit this reference; name one of {ids}")


def _records(connection: Connection, reference: str) -> list[Record]:
    asked = parse_reference(reference)
    if asked.record is None:
        return members_of(connection, _the_one(connection, reference))
    found = [r for r in load_records(connection, [asked.record]).values() if r.is_party]
    if not found:
        raise RefusedError(f"{asked.record}: no person or organisation is known under this key")
    return found
