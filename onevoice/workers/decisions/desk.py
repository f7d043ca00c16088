"""Decisions that are kept: made once for a key, reserved, explained, followed by outcomes.

Joins the rooms: customers and their facts, the gate's refusals, the rules, the ledger. The one rule: a decision, what
it reserves and its trace are one transaction, and what is stored is enough to make it again.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import uuid_utils
from sqlalchemy import Connection, bindparam, select

from onevoice.conversation import Moment
from onevoice.decisions import QUESTION, ROUTE, WORDS, Decision, Question, Ruleset, reasons_by_offer, stored_question
from onevoice.decisions.ledger import record_outcome, save_decision, take_turns
from onevoice.decisions.outcome import OUTCOMES
from onevoice.decisions.place import free_place
from onevoice.decisions.propensity import NO_CHANNEL
from onevoice.errors import ConflictError, RefusedError
from onevoice.messages import ANY, Act, Json, RecordRef
from onevoice.store import INGEST, Store, keep_out
from onevoice.store.tables import decision as decision_table
from onevoice.store.tables import shadow_decision
from onevoice.workers.acts import HUB, Acts
from onevoice.workers.customers import Customers
from onevoice.workers.customers.reading import Here
from onevoice.workers.customers.reference import Reference, parse_reference
from onevoice.workers.decisions.advice import question, told_offer, told_route
from onevoice.workers.decisions.reservation import paid, placed
from onevoice.workers.decisions.rulebook import Decider
from onevoice.workers.decisions.shadow import beside as decided_beside

ANSWERS = frozenset({"accepted", "declined"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a touch point asks to be decided, in a conversation that the customer began.

    Attributes:
        facts: attributes that `rules/decisions.yaml` declares, and `need`, `language` and the like where the touch
            point knows better than the hub.
    """

    ref: str
    kind: str = "offer"
    channel: str | None = None
    department: str | None = None
    limit: int = 3
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What became of one offer of a decision; `event` is the source's own id of it."""

    offer: str
    kind: str
    event: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResult:
    """What an outcome brought about.

    Attributes:
        state: recorded, repeated, or waiting where no such decision is known.
        reservation: consumed, or late where it was given to others meanwhile; None where the decision is not known.
    """

    state: str
    reservation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndResult:
    """Whether a place was given back; none is where it was before, or its time had passed."""

    freed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadowed:
    """What other rules decided on the same question; nobody was given it.

    Attributes:
        chosen: (offer, score).
        to: who would have answered, where that was asked.
    """

    ruleset: str
    differs: bool
    chosen: tuple[tuple[str, float], ...]
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A stored decision, made again.

    Attributes:
        reproduced: making it again gave the stored trace, to the last bit.
        rejected: (offer, reason, the reason in words).
        shadow: what the rules decided that were tried beside the live ones at the time.
    """

    id: UUID
    made_at: datetime
    ruleset: str
    snapshot: int
    reproduced: bool
    question: Json
    trace: Json
    rejected: tuple[tuple[str, str, str], ...]
    shadow: Shadowed | None


@dataclass(frozen=True, slots=True)
class Desk:
    """Decides for one hub; to be used by any number of threads.

    Attributes:
        failed: told each rule that raised in a decision that is kept.
    """

    store: Store
    customers: Customers
    failed: Callable[[str], None] = lambda _: None

    def decide(self, asked: Asked, *, caller: str, key: str, now: datetime | None = None) -> Json:
        """Decide, keep it and reserve what it gives; the same key again returns what was stored.

        Raises:
            ConflictError: the key was used for another question.
            RefusedError: the reference fits several or is no contact point that nobody holds, a fact is of the wrong
                kind, or the kind is unknown.
        """
        moment = now or datetime.now(UTC)
        request = {"caller": caller, "idempotency_key": key, "asked_hash": _hash(asked)}
        at = Moment(now=moment, channel=asked.channel, department=asked.department)
        line: str | None = None
        while True:
            try:
                return self._decided(asked, at, request, line)
            except _MadeBeforeError as before:
                stored, line = self._stored(request), before.line
                if stored is not None:
                    return stored
            except RefusedError:
                stored = self._stored(request)
                if stored is None:
                    raise
                return stored

    def report(self, decision: UUID, said: Reported, *, caller: str, acts: Acts) -> OutcomeResult:
        """Take an outcome; the same one again changes nothing, and one of an unknown decision waits.

        A question that was accepted or declined is asked no more, on any channel, also where it is queued already.

        Raises:
            RefusedError: the decision did not give this offer, or there is no such kind.
        """
        if said.kind not in OUTCOMES:
            raise RefusedError(f"outcome: kind is one of {', '.join(OUTCOMES)}")
        row = {
            "decision_id": decision,
            "offer": said.offer,
            "kind": said.kind,
            "caller": caller,
            "event": said.event,
            "at": said.at,
            "recorded_at": datetime.now(UTC),
        }
        with self.store.transaction() as connection:
            found = connection.execute(select(decision_table).where(decision_table.c.id == decision)).one_or_none()
            if found is not None and said.offer not in {offer["id"] for offer in found.answer["offers"]}:
                raise RefusedError("outcome: the decision did not give this offer")
            is_news, reservation = record_outcome(connection, row)
            if found is not None and is_news and found.question["kind"] == QUESTION and said.kind in ANSWERS:
                keep_out(connection, INGEST)
                acts.state_in(connection, [_answered(parse_reference(found.anchor), said)], by=caller)
        state = "waiting" if found is None else "recorded" if is_news else "repeated"
        return OutcomeResult(state=state, reservation=reservation)

    def explain(self, decision: UUID) -> Explained:
        """Make a stored decision again, by the rules and counts that it was made by.

        Raises:
            RefusedError: there is none under this id.
        """
        with self.store.transaction() as connection:
            row = connection.execute(select(decision_table).where(decision_table.c.id == decision)).one_or_none()
            if row is None:
                raise RefusedError("decision: none is known under this id")
            decider = self.customers.rulebook.decider(connection, row.ruleset, row.snapshot)
            beside = connection.execute(
                select(shadow_decision).where(shadow_decision.c.decision_id == decision)
            ).one_or_none()
        ruleset = decider.rules.ruleset
        trace = decider.engine.decide(stored_question(row.question, ruleset.inputs)).trace()
        reasons = reasons_by_offer(ruleset, row.trace["rejected"])
        return Explained(
            id=row.id,
            made_at=row.made_at,
            ruleset=row.ruleset,
            snapshot=row.snapshot,
            reproduced=orjson.loads(orjson.dumps(trace)) == row.trace,
            question=row.question,
            trace=row.trace,
            rejected=tuple((name, reason.value, WORDS[reason]) for name, reason in reasons.items()),
            shadow=Shadowed(
                ruleset=beside.ruleset,
                differs=beside.differs,
                chosen=tuple((name, score) for name, score, *_ in beside.trace["chosen"]),
                to=beside.trace["route"]["to"] if beside.trace["route"] else None,
            )
            if beside is not None
            else None,
        )

    def end(self, decision: UUID) -> EndResult:
        """Say that a conversation that was routed is over, so that who answered is free again; again changes nothing.

        Raises:
            RefusedError: there is no such decision.
        """
        with self.store.transaction() as connection:
            known = select(decision_table.c.id).where(decision_table.c.id == decision)
            if connection.execute(known).one_or_none() is None:
                raise RefusedError("decision: none is known under this id")
            return EndResult(freed=free_place(connection, decision, datetime.now(UTC)))

    def _decided(self, asked: Asked, at: Moment, request: Mapping[str, str], line: str | None) -> Json:
        """Read who is there, decide and keep it; where others decide for the same customer, one after the other.

        Args:
            line: whom others decide for as well; None where nobody is known to, as nearly always.
        """
        if line is None:
            with self.store.reading() as connection:
                here = self.customers.here(connection, asked.ref, at)
            with self.store.transaction() as connection:
                return self._made(connection, asked, here, at.now, request)
        with self.store.transaction() as connection:
            take_turns(connection, line)
            here = self.customers.here(connection, asked.ref, at)
            return self._made(connection, asked, here, at.now, request)

    def _stored(self, request: Mapping[str, str]) -> Json | None:
        """The answer that was stored under a request's key, None where there is none.

        Raises:
            ConflictError: it was to another question.
        """
        with self.store.reading() as connection:
            stored = connection.execute(_STORED, {"caller": request["caller"], "key": request["idempotency_key"]})
            found = stored.one_or_none()
        if found is None:
            return None
        if found.asked_hash != request["asked_hash"]:
            raise ConflictError("decision: this Idempotency-Key was used for another question; take a new one")
        answer: Json = found.answer
        return answer

    def _made(
        self, connection: Connection, asked: Asked, here: Here, now: datetime, request: Mapping[str, str]
    ) -> Json:
        live, shadow = here.deciders.live, here.deciders.shadow
        situation = here.situation
        asking = question(live, situation, now, kind=asked.kind, limit=asked.limit, more=asked.facts)
        number = UUID(str(uuid_utils.uuid7()))
        costs: dict[str, int] = {}
        until = None
        if asked.kind == ROUTE:
            put, made, until = placed(connection, live, asking, number)
        else:
            put, made, costs = paid(connection, live.engine, asking)
        answer = _answer(number, live, put, made, until)
        row = {
            "id": number,
            **request,
            "anchor": situation.anchor,
            "turn": situation.turn + 1,
            "ruleset": live.rules.version,
            "snapshot": live.engine.propensity.number,
            "question": put.stored(),
            "trace": made.trace(),
            "answer": answer,
            "made_at": now,
        }
        uses = [_use(row, live.rules.ruleset, put, one.offer, costs) for one in made.chosen]
        if not save_decision(connection, row, uses):
            raise _MadeBeforeError(situation.oldest)
        for rule in made.failed:
            self.failed(rule)
        if shadow is not None:
            connection.execute(shadow_decision.insert().values(decided_beside(shadow, number, put, made)))
        return answer


class _MadeBeforeError(Exception):
    """Somebody else decided under the same key, or for the same customer, meanwhile; what this one took goes back."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line


_STORED = select(decision_table.c.asked_hash, decision_table.c.answer).where(
    decision_table.c.caller == bindparam("caller"), decision_table.c.idempotency_key == bindparam("key")
)


def _answer(number: UUID, decider: Decider, question: Question, made: Decision, until: datetime | None) -> Json:
    ruleset, offers = decider.rules.ruleset, []
    for one in made.chosen:
        told = told_offer(ruleset, one)
        ends = min(told["expires_at"], question.now + ruleset.offer(one.offer).holds)
        offers.append(told | {"expires_at": ends, "score": one.score})
    document = {
        "id": str(number),
        "made_at": question.now,
        "ruleset": decider.rules.version,
        "snapshot": decider.engine.propensity.number,
        "arms": {name: {"arm": arm, "probability": share} for name, (arm, share) in made.arms.items()},
        "offers": offers,
        "route": told_route(made) | {"until": until} if made.route is not None else None,
    }
    answer: Json = orjson.loads(orjson.dumps(document, option=orjson.OPT_UTC_Z))
    return answer


def _use(row: Json, ruleset: Ruleset, question: Question, offer: str, costs: Mapping[str, int]) -> Json:
    return {
        "decision_id": row["id"],
        "offer": offer,
        "anchor": row["anchor"],
        "channel": question.facts["channel"] or NO_CHANNEL,
        "tier": question.facts["tier"] or NO_CHANNEL,
        "cost": costs.get(offer, 0),
        "state": "reserved",
        "at": question.now,
        "expires_at": question.now + ruleset.offer(offer).holds,
    }


def _hash(asked: Asked) -> str:
    packed = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def _answered(anchor: Reference, said: Reported) -> Act:
    return Act(
        id=UUID(int=0),
        kind="prohibition",
        channel=ANY,
        purpose=ANY,
        reason="answered",
        time=said.at,
        source=RecordRef(system=HUB, stream="act", key=""),
        anchor_record=anchor.record,
        anchor_point=anchor.point,
        thread=said.offer,
    )
