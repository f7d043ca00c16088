"""Contacts: asked for, promised under a token, and committed at the last moment.

Whoever sends asks for a token when it decides and redeems it when it sends. The one rule: `redeem` is one transaction
that locks the point, the thread and the customer, asks the gate again and writes the contact; opt-outs and answers take
the same locks, so that each of them either stops the contact or comes after it.
"""

import hashlib
import secrets
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, Row, and_, func, select, update

from onevoice.consent import Answer, Because, Contacted, Gate, Holding, Question, strictest
from onevoice.consent.holdings import acts_at, holdings_of
from onevoice.decisions.ledger import consume, stands_reserved
from onevoice.errors import RefusedError
from onevoice.messages import Act
from onevoice.store import Store, among
from onevoice.store.locks import lock_names, lock_names_of
from onevoice.store.tables import contact, customer, source_record
from onevoice.workers.customers.reference import Reference, customers_of, holders_of, parse_reference
from onevoice.workers.links import PAGE, PAGE_VALID, UNSUBSCRIBE, Signing

TOKEN_VALID = timedelta(days=1)
LONGEST_CAP = timedelta(days=366)
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
        own = _holdings(connection, [holder], asked.now)[holder] if holder is not None else None
        if own is not None and (asked.point is None or asked.point in own.points):
            return self.gate.may_contact(own, asked)
        if own is None and asked.point is not None:
            return self._judge_points(connection, [asked.point], asked)[asked.point]
        others = [one for one in _holders(connection, asked.point) if one != holder]
        held = list(_holdings(connection, others, asked.now).values())
        bare = _bare(connection, asked)
        if own is None:
            return self.gate.may_contact_point(held, bare, asked)
        acts = {act.id: act for act in (*own.acts, *bare.acts)}
        own = replace(own, acts=list(acts.values()), contacts=[*own.contacts, *bare.contacts])
        answers = [self.gate.may_contact(own, asked)]
        if held:
            answers.append(self.gate.may_contact_point(held, bare, asked))
        return strictest(answers)

    def _judge_points(self, connection: Connection, points: Sequence[str], asked: Question) -> dict[str, Answer]:
        """Ask the gate for bare contact points, with all that hold each of them, in a fixed number of statements."""
        holders = holders_of(connection, points)
        holdings = _holdings(connection, {one for some in holders.values() for one in some}, asked.now)
        bare = _bare_points(connection, points, asked.now)
        quiet: dict[tuple[str | None, str], Answer] = {}
        answers = {}
        for point in dict.fromkeys(points):
            held = [holdings[one] for one in holders.get(point, ())]
            alike = _said_nothing(held, point)  # of such there are most, and their answers are the same
            answer = quiet.get(alike) if alike else None
            if answer is None:
                answer = self.gate.may_contact_point(held, bare[point], replace(asked, point=point))
                if alike:
                    quiet[alike] = answer
            answers[point] = answer
        return answers


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


def _said_nothing(held: Sequence[Holding], point: str) -> tuple[str | None, str] | None:
    """Return what alone the answer hangs on where the one holder said and bought nothing and was never contacted."""
    if len(held) != 1:
        return None
    [one] = held
    if one.acts or one.contacts or one.ordered_at is not None or one.timezone is not None:
        return None
    return one.country, point.partition(":")[0]


def _bare(connection: Connection, asked: Question) -> Holding:
    """Return what is known of the point itself, whoever holds it."""
    if asked.point is None:
        return Holding(records=frozenset(), points=frozenset(), acts=())
    return _bare_points(connection, [asked.point], asked.now)[asked.point]


def _bare_points(connection: Connection, points: Collection[str], now: datetime) -> dict[str, Holding]:
    """Return what is known of each of the points itself, whoever holds it."""
    made = _contacts(connection, (), points, now)
    said: dict[str, list[Act]] = defaultdict(list)
    for act in acts_at(connection, (), points):
        said[act.anchor_point or ""].append(act)
    return {
        point: Holding(
            records=frozenset(), points=frozenset({point}), acts=said.get(point, ()), contacts=made.get(point, ())
        )
        for point in points
    }


def _customer_of(connection: Connection, record_id: UUID | None) -> UUID | None:
    if record_id is None:
        return None
    found: UUID | None = connection.execute(
        select(source_record.c.customer_id).where(source_record.c.id == record_id)
    ).scalar_one_or_none()
    return found


def _holdings(connection: Connection, customers: Collection[UUID], now: datetime) -> dict[UUID, Holding]:
    """Return the holdings with what policy asks for: contacts made, the last order, the country."""
    found = holdings_of(connection, customers)
    points = frozenset().union(*(holding.points for holding in found.values()))
    made = _contacts(connection, customers, points, now)
    ordered = _ordered(connection, customers)
    where = select(customer.c.id, customer.c.golden["addresses"]).where(among(connection, customer.c.id, customers))
    country = {one: _country(addresses) for one, addresses in connection.execute(where).all()}
    return {
        one: replace(
            holding,
            contacts=[*made.get(one, ()), *(c for p in holding.points for c in made.get(p, ()))],
            ordered_at=ordered.get(one),
            country=country.get(one),
        )
        for one, holding in found.items()
    }


def _contacts(
    connection: Connection, customers: Collection[UUID], points: Collection[str], now: datetime
) -> dict[UUID | str, list[Contacted]]:
    """Return the contacts made, by customer, or by point where they were made with nobody in particular."""
    columns = [contact.c[name] for name in ("channel", "purpose", "committed_at")]
    counts = (contact.c.committed_at > now - LONGEST_CAP, contact.c.inbound.is_(False))
    same = contact.c.record_id == source_record.c.id
    holders = select(source_record.c.customer_id, *columns).join(source_record, same)
    holders = holders.where(among(connection, source_record.c.customer_id, customers), *counts)
    bare = select(contact.c.point, *columns).where(contact.c.record_id.is_(None), *counts)
    bare = bare.where(among(connection, contact.c.point, points))
    found: dict[UUID | str, list[Contacted]] = {}
    for whose, channel, purpose, time in (*connection.execute(holders).all(), *connection.execute(bare).all()):
        found.setdefault(whose, []).append(Contacted(channel=channel, purpose=purpose, time=time))
    return found


def _ordered(connection: Connection, customers: Collection[UUID]) -> dict[UUID, datetime]:
    """Return when each customer ordered last; customers without an order are left out."""
    party, order = source_record.alias("party"), source_record.alias("ordered")
    same = and_(
        order.c.system == party.c.system, order.c.party_stream == party.c.stream, order.c.party_key == party.c.key
    )
    latest = select(party.c.customer_id, func.max(order.c.occurred_at)).join(order, same)
    latest = latest.where(order.c.type == "order", order.c.deleted.is_(False))
    latest = latest.where(among(connection, party.c.customer_id, customers)).group_by(party.c.customer_id)
    return {row[0]: row[1] for row in connection.execute(latest).all()}


def _country(addresses: Sequence[dict[str, Any]] | None) -> str | None:
    named = [address["country"] for address in addresses or () if address.get("country")]
    return str(named[0]) if named else None
