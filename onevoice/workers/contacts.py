"""Contacts: asked for, promised under a token, and committed at the last moment.

Whoever sends asks for a token when it decides and redeems it when it sends. The one rule: `redeem` is one transaction
that locks the point, the thread and the customer, asks the gate again and writes the contact; opt-outs and answers take
the same locks, so that each of them either stops the contact or comes after it.
"""

import hashlib
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, Row, select, update

from onevoice.consent import Answer, Because, Contacted, Gate, Holding, Question, strictest
from onevoice.consent.dealings import Dealings, contacts_at, dealings_of
from onevoice.consent.holdings import Said, carried_by, said_of
from onevoice.decisions.ledger import consume, stands_reserved
from onevoice.errors import RefusedError
from onevoice.messages import RecordRef
from onevoice.store import Store
from onevoice.store.locks import lock_names, lock_names_of
from onevoice.store.tables import contact, source_record
from onevoice.workers.customers.reference import Reference, customers_of, holders_of, parse_reference
from onevoice.workers.links import PAGE, PAGE_VALID, UNSUBSCRIBE, Signing

TOKEN_VALID = timedelta(days=1)
AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A contact that somebody wants to make.

    Attributes:
        reference: the customer, or the contact point where it is not known whose it is.
        point: the contact point; None on channels without points.
        decision, offer: what a decision reserved for it, of caps and budget; the redemption uses it up.
    """

    reference: str
    channel: str
    purpose: str
    point: str | None = None
    inbound: bool = False
    controller: str = "default"
    thread: str | None = None
    topic: str | None = None
    decision: UUID | None = None
    offer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The answer to a wish, with a token where it is yes. The token is told once and kept as a hash only.

    Attributes:
        headers: what an e-mail carries, for one-click unsubscribe (RFC 8058); None without `api.public_url`.
        unsubscribe: a link to stop messages of this purpose, for any channel.
        page: a link to the customer's own page, where it is known whose it is.
    """

    answer: Answer
    id: UUID | None = None
    token: str | None = None
    expires_at: datetime | None = None
    headers: dict[str, str] | None = None
    unsubscribe: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeemed:
    """What became of a contact: `committed` means send it now; otherwise it must not be sent."""

    id: UUID
    committed: bool
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Asks the gate and keeps the ledger of contacts."""

    store: Store
    gate: Gate
    signing: Signing | None = None

    def ask(self, wish: Wish, *, now: datetime | None = None) -> Answer:
        """Return whether the contact may be made now, with every reason; nothing is kept.

        Raises:
            RefusedError: the reference is none, or fits several customers.
        """
        with self.store.transaction() as connection:
            return self._answer(connection, _with_point(wish), now or self.gate.clock())[1]

    def ask_points(
        self,
        points: Iterable[str],
        *,
        channel: str,
        purpose: str,
        controller: str = "default",
        now: datetime | None = None,
    ) -> Iterator[tuple[str, Answer]]:
        """Yield for each contact point what `ask` answers for it, thousands at a time; for lists of a campaign.

        Args:
            points: `email:…` or `phone:…` as the hub writes them.
        """
        asked = Question(channel=channel, purpose=purpose, controller=controller, now=now or self.gate.clock())
        rest = iter(points)
        lots = iter(lambda: list(islice(rest, AT_ONCE)), [])
        # The database works on one lot while the gate judges another.
        with ThreadPoolExecutor(2 if self.store.dialect == "postgresql" else 1) as pool:
            under_way = deque((some, pool.submit(self._judged, some, asked)) for some in islice(lots, 2))
            while under_way:
                points_here, judged = under_way.popleft()
                answers = judged.result()
                under_way.extend((some, pool.submit(self._judged, some, asked)) for some in islice(lots, 1))
                yield from ((point, answers[point]) for point in points_here)

    def _judged(self, points: Sequence[str], asked: Question) -> dict[str, Answer]:
        with self.store.transaction() as connection:
            return self._judge_points(connection, points, asked)

    def offer(self, wish: Wish, *, content: str, valid: timedelta = TOKEN_VALID) -> Offered:
        """Return the answer and, where it is yes, a token for exactly this customer, point, purpose and content.

        Raises:
            RefusedError: the reference is none, or fits several customers; or the decision holds nothing for it.
        """
        now, wish = self.gate.clock(), _with_point(wish)
        with self.store.transaction() as connection:
            _check_reserved(connection, wish, now)
            held_by, answer = self._answer(connection, wish, now)
            if not answer.allowed:
                return Offered(answer=answer)
            token, number = secrets.token_urlsafe(32), uuid_utils.uuid7()
            row = {
                "id": number,
                "token_hash": _hash(token),
                "record_id": held_by,
                "point": wish.point,
                "channel": wish.channel,
                "purpose": wish.purpose,
                "controller": wish.controller,
                "inbound": wish.inbound,
                "thread": wish.thread,
                "topic": wish.topic,
                "decision_id": wish.decision,
                "offer": wish.offer,
                "content_hash": _hash(content),
                "offered_at": now,
                "expires_at": now + valid,
            }
            connection.execute(contact.insert().values(row))
        links = self._links(number, held_by, now)
        return Offered(answer=answer, id=number, token=token, expires_at=now + valid, **links)

    def redeem(self, token: str, *, point: str | None, purpose: str, content: str) -> Redeemed:
        """Commit a contact, or refuse it for good; what is committed is to be sent at once.

        Raises:
            RefusedError: the token is nobody's, was used, has expired, or was given for something else.
        """
        with self.store.transaction() as connection:
            row = connection.execute(
                select(contact).where(contact.c.token_hash == _hash(token)).with_for_update()
            ).one_or_none()
            _refuse_token(row, point, purpose, content, self.gate.clock())
            assert row is not None  # noqa: S101 - refused otherwise
            holder = self._locked(connection, row)
            now = self.gate.clock()
            asked = Question(
                channel=row.channel,
                purpose=row.purpose,
                point=row.point,
                inbound=row.inbound,
                controller=row.controller,
                thread=row.thread,
                topic=row.topic,
                now=now,
            )
            answer = self._judge(connection, holder, asked)
            if answer.allowed and row.decision_id is not None:
                answer = _used_up(connection, row, answer, now)
            because = [{"code": one.code, "says": one.says, "act": str(one.act or "")} for one in answer.because]
            end = {"committed_at": now} if answer.allowed else {"refused_at": now}
            connection.execute(update(contact).where(contact.c.id == row.id).values(**end, because=because))
            return Redeemed(id=row.id, committed=answer.allowed, answer=answer)

    def _links(self, contact_id: UUID, holder: UUID | None, now: datetime) -> dict[str, Any]:
        """What the message is to carry; the link to unsubscribe holds for ever."""
        if self.signing is None or not self.signing.base:
            return {}
        stop = self.signing.url(UNSUBSCRIBE, contact_id)
        page = self.signing.url(PAGE, holder, until=now + PAGE_VALID) if holder is not None else None
        headers = {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
        return {"headers": headers, "unsubscribe": stop, "page": page}

    def _locked(self, connection: Connection, row: Row[Any]) -> UUID | None:
        """Take the locks and return whose contact it is now; customers may have been merged meanwhile.

        Whoever holds the point is locked too: their acts and caps may count.
        """
        while True:
            holder, others = _customer_of(connection, row.record_id), _holders(connection, row.point)
            customers = {holder, *others}
            lock_names(connection, lock_names_of(points={row.point}, threads={row.thread}, customers=customers))
            if (_customer_of(connection, row.record_id), _holders(connection, row.point)) == (holder, others):
                return holder

    def _answer(self, connection: Connection, wish: Wish, now: datetime) -> tuple[UUID | None, Answer]:
        reference = parse_reference(wish.reference)
        found = customers_of(connection, reference)
        if len(found) > 1 and reference.point is None:
            raise RefusedError("contact: more than one customer fits this reference; name one of them")
        holder = None if reference.point is not None else (found[0] if found else _nobody(reference))
        asked = Question(
            channel=wish.channel,
            purpose=wish.purpose,
            point=wish.point,
            inbound=wish.inbound,
            controller=wish.controller,
            thread=wish.thread,
            topic=wish.topic,
            now=now,
        )
        return holder, self._judge(connection, holder, asked)

    def _judge(self, connection: Connection, holder: UUID | None, asked: Question) -> Answer:
        """Ask the gate; a point that the customer does not carry also needs the leave of all who do."""
        if holder is None and asked.point is not None:
            return self._judge_points(connection, [asked.point], asked)[asked.point]
        carrying = _holders(connection, asked.point)
        known = _Known.read(
            connection, {*carrying, *([holder] if holder else ())}, [asked.point] if asked.point else [], asked.now
        )
        bare = known.bare(asked.point)
        if holder is None:
            return self.gate.may_contact(bare, asked)
        own = known.holding(holder)
        if asked.point is None or asked.point in own.points:
            return self.gate.may_contact(own, asked)
        acts = {act.id: act for act in (*own.acts, *bare.acts)}
        own = replace(own, acts=list(acts.values()), contacts=[*own.contacts, *bare.contacts])
        answers = [self.gate.may_contact(own, asked)]
        if carrying:
            held = [known.holding(one) for one in carrying]
            answers.append(self.gate.may_contact_point(held, bare, asked))
        return strictest(answers)

    def _judge_points(self, connection: Connection, points: Sequence[str], asked: Question) -> dict[str, Answer]:
        """Ask the gate for bare contact points, with all that hold each of them, in a fixed number of statements."""
        carrying = holders_of(connection, points)
        known = _Known.read(connection, {one for some in carrying.values() for one in some}, points, asked.now)
        quiet: dict[tuple[str | None, str], Answer] = {}
        answers = {}
        for point in dict.fromkeys(points):
            held = carrying.get(point, ())
            alike = known.said_nothing(held, point)  # of such there are most, and their answers are the same
            answer = quiet.get(alike) if alike else None
            if answer is None:
                holdings, bare = [known.holding(one) for one in held], known.bare(point)
                answer = self.gate.may_contact_point(holdings, bare, replace(asked, point=point))
                if alike:
                    quiet[alike] = answer
            answers[point] = answer
        return answers


@dataclass(frozen=True, slots=True)
class _Known:
    """What the gate needs to know of some customers and contact points, read at once; holdings are made when asked for.

    Attributes:
        held: customer -> its records -> the contact points that each carries.
        bare_contacts: contact point -> contacts made there with nobody in particular.
    """

    held: Mapping[UUID, Mapping[RecordRef, Sequence[str]]]
    said: Said
    dealings: Mapping[UUID, Dealings]
    bare_contacts: Mapping[str, Sequence[Contacted]]

    @classmethod
    def read(
        cls, connection: Connection, customers: Collection[UUID], points: Collection[str], now: datetime
    ) -> "_Known":
        held = carried_by(connection, customers)
        carried = {point for records in held.values() for some in records.values() for point in some}
        return cls(
            held=held,
            said=said_of(connection, held.values(), points),
            dealings=dealings_of(connection, customers, now),
            bare_contacts=contacts_at(connection, carried.union(points), now),
        )

    def holding(self, customer: UUID) -> Holding:
        """The holding with what policy asks for; a contact made at one of its points counts whoever it was with."""
        holding = self.said.holding(customer, self.held[customer], self.dealings[customer])
        made = [one for point in holding.points for one in self.bare_contacts.get(point, ())]
        return replace(holding, contacts=[*holding.contacts, *made]) if made else holding

    def bare(self, point: str | None) -> Holding:
        """What is known of the point itself, whoever holds it."""
        if point is None:
            return Holding(records=frozenset(), points=frozenset(), acts=())
        return self.said.bare(point, self.bare_contacts.get(point, ()))

    def said_nothing(self, holders: Sequence[UUID], point: str) -> tuple[str | None, str] | None:
        """What alone the answer hangs on where the one holder said and bought nothing and was never contacted."""
        if len(holders) != 1:
            return None
        [one] = holders
        dealings, held = self.dealings[one], self.held[one]
        if dealings.contacts or dealings.ordered_at is not None or self.said.anything_of(held):
            return None
        if self.bare_contacts and any(p in self.bare_contacts for points in held.values() for p in points):
            return None
        return dealings.country, point.partition(":")[0]


def point_of(text: str) -> str:
    """Return a contact point as the hub writes it.

    Raises:
        RefusedError: it is none.
    """
    point = text if text.startswith("session:") else parse_reference(text).point
    if point is None:
        raise RefusedError("contact point not understood: write phone:+<number>, email:<address> or session:<id>")
    return point


def _with_point(wish: Wish) -> Wish:
    """Return the wish with its point as the hub writes it; a reference that is a point names that one."""
    if wish.point is not None:
        return replace(wish, point=point_of(wish.point))
    return replace(wish, point=parse_reference(wish.reference).point)


def _nobody(_reference: Reference) -> UUID:
    raise RefusedError("contact: nobody is known under this reference; name a contact point")


def _refuse_token(row: Row[Any] | None, point: str | None, purpose: str, content: str, now: datetime) -> None:
    if row is None:
        raise RefusedError("contact: this token was never given; ask for one")
    if row.committed_at is not None or row.refused_at is not None:
        raise RefusedError("contact: this token was used; each is for one contact")
    if now >= row.expires_at:
        raise RefusedError("contact: this token has expired; ask for a new one")
    if (row.point, row.purpose, row.content_hash) != (point, purpose, _hash(content)):
        raise RefusedError("contact: this token was given for another point, purpose or content")


def _check_reserved(connection: Connection, wish: Wish, now: datetime) -> None:
    if (wish.decision is None) != (wish.offer is None):
        raise RefusedError("contact: a decision and its offer are named together")
    if wish.decision is not None and not stands_reserved(connection, wish.decision, wish.offer or "", now):
        raise RefusedError("contact: this decision holds nothing for that offer any more; decide anew")


def _used_up(connection: Connection, row: Row[Any], answer: Answer, now: datetime) -> Answer:
    """Use up what the decision reserved, or refuse: what has expired may be somebody else's by now."""
    if consume(connection, row.decision_id, row.offer, now):
        return answer
    gone = Because(code="reservation", says="what the decision reserved has expired or was used")
    return replace(answer, allowed=False, because=(gone, *answer.because))


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _holders(connection: Connection, point: str | None) -> list[UUID]:
    return customers_of(connection, Reference(point=point)) if point is not None else []


def _customer_of(connection: Connection, record_id: UUID | None) -> UUID | None:
    if record_id is None:
        return None
    found: UUID | None = connection.execute(
        select(source_record.c.customer_id).where(source_record.c.id == record_id)
    ).scalar_one_or_none()
    return found
