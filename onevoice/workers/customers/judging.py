"""What a person decides about who is who: merge, split, same, different, pinned values, and taking any of it back.

Takes customers and records, gives judgements. The one rule: a change is one transaction, from which ingest is kept out;
what contradicts standing judgements is refused with the chain shown, and changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, select

from onevoice.contracts import Contract
from onevoice.errors import RecordError, RefusedError
from onevoice.identity import JudgedPair, contradiction
from onevoice.mapping.paths import flatten, unflatten
from onevoice.master import Pin
from onevoice.messages import Json, RecordRef
from onevoice.store import INGEST, Store, keep_out, rows_by_keys
from onevoice.store.tables import customer as customer_table
from onevoice.store.tables import pair
from onevoice.workers.customers.judgement import Judgement, record, standing, withdraw
from onevoice.workers.customers.preview import MergePreview, compare_standings, stand
from onevoice.workers.customers.view import members_of, unknown_customer
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.pins import save_pin, withdraw_pin
from onevoice.workers.ingest.record import Record, load_records


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementResult:
    """What a change brought about.

    Attributes:
        judgements: what was written, or the one that was retracted.
        customers: the customers that its records are grouped into now, sorted.
        pin: the pin that was written or retracted, if one was.
    """

    judgements: tuple[Judgement, ...]
    customers: tuple[UUID, ...]
    pin: Pin | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """Changes who is who, as people say."""

    store: Store
    ingest: Ingest

    def merge(self, a: UUID, b: UUID, *, actor: str, reason: str) -> JudgementResult:
        """Say that two customers are one: a judgement `same` between their oldest records.

        Raises:
            RefusedError: they are one already, of different types, or it contradicts what was judged before.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            return self._merge(connection, a, b, actor=actor, reason=reason)

    def preview(self, a: UUID, b: UUID) -> MergePreview:
        """Return what merging two customers would bring about, by doing it and taking it back in one transaction.

        Raises:
            RefusedError: as `merge`.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            one, other = (stand(connection, self.ingest.gate, customer) for customer in (a, b))
            with connection.begin_nested() as attempt:
                merged = self._merge(connection, a, b, actor="preview", reason="preview")
                after = stand(connection, self.ingest.gate, merged.customers[0])
                attempt.rollback()
            return compare_standings(one, other, after)

    def split(self, customer: UUID, refs: Collection[RecordRef], *, actor: str, reason: str) -> JudgementResult:
        """Say that some records of a customer are somebody else's.

        A judgement `different` is written for every cross pair that was found alike or judged one before, at least one.

        Raises:
            RefusedError: a record is not the customer's, none or all of them are named, or it contradicts what was
                judged before.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            members = members_of(connection, customer)
            leaving = [m for m in members if m.ref in refs]
            staying = [m for m in members if m.ref not in refs]
            if not members:
                raise unknown_customer()
            if len(leaving) != len(set(refs)):
                raise RefusedError(f"customer {customer}: a record to be split off is not among its records")
            if not leaving or not staying:
                raise RefusedError(f"customer {customer}: name some of its records, not none and not all")
            words = [JudgedPair(verdict="different", a=a.ref, b=b.ref) for a, b in _tied(connection, leaving, staying)]
            return self._judge(connection, words, {customer}, actor, reason)

    def say(self, verdict: str, a: RecordRef, b: RecordRef, *, actor: str, reason: str) -> JudgementResult:
        """Say that two records are "same" or "different"; valid before either is known.

        Raises:
            RefusedError: both are one record, a person and an organisation are said to be the same, or it contradicts
                what was judged before.
        """
        if a == b:
            raise RefusedError(f"{a}: name two records")
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            known = load_records(connection, {a, b})
            for ref, one in known.items():
                if not one.is_party:
                    raise RefusedError(f"{ref}: it is no person and no organisation, so there is nothing to judge")
            if verdict == "same" and len({one.type for one in known.values()}) > 1:
                raise RefusedError(f"{a}, {b}: a person and an organisation are never merged")
            customers = {r.customer_id for r in known.values() if r.customer_id is not None}
            words = [JudgedPair(verdict=verdict, a=min(a, b), b=max(a, b))]
            return self._judge(connection, words, customers, actor, reason)

    def pin(self, customer: UUID, path: str, value: Any, *, actor: str, reason: str) -> JudgementResult:
        """Fix one golden value of a customer, whatever the systems say.

        It hangs on the customer's oldest record and stays with it when customers merge or split.

        Raises:
            RefusedError: the customer is unknown, or such a value cannot stand at this path.
        """
        if not reason.strip():
            raise RefusedError("pin: say why, for those who come after")
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            oldest = _oldest(connection, customer)
            golden = connection.execute(select(customer_table.c.golden).where(customer_table.c.id == customer))
            _check_value(self.ingest.catalog.canonical(oldest.type), golden.scalar_one(), path, value)
            made = Pin(
                id=uuid_utils.uuid7(),
                ref=oldest.ref,
                path=path,
                value=value,
                actor=actor,
                reason=reason,
                time=datetime.now(UTC),
            )
            save_pin(connection, made)
            return JudgementResult(
                judgements=(), customers=tuple(sorted(self.ingest.reground(connection, {customer}))), pin=made
            )

    def retract(self, judgement: UUID, *, actor: str) -> JudgementResult:
        """Take a judgement or a pin back; all stands as if it had never been said.

        Raises:
            RefusedError: there is none under this id, or it was retracted before.
        """
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            unpinned = withdraw_pin(connection, judgement, actor=actor, now=datetime.now(UTC))
            if unpinned is not None:
                found = load_records(connection, {unpinned.ref}).values()
                customers = {r.customer_id for r in found if r.customer_id is not None}
                self.ingest.reground(connection, customers)
                return JudgementResult(judgements=(), customers=tuple(sorted(customers)), pin=unpinned)
            judged = withdraw(connection, judgement, actor=actor, now=datetime.now(UTC))
            records = load_records(connection, {judged.a, judged.b})
            customers = {r.customer_id for r in records.values() if r.customer_id is not None}
            self.ingest.reground(connection, customers)
            return _result(connection, [judged])

    def _merge(self, connection: Connection, a: UUID, b: UUID, *, actor: str, reason: str) -> JudgementResult:
        one, other = _oldest(connection, a), _oldest(connection, b)
        if one.id == other.id:
            raise RefusedError(f"customer {one.id}: these two are one customer already")
        if one.type != other.type:
            raise RefusedError(f"customers {one.id}, {other.id}: a person and an organisation are never merged")
        words = [JudgedPair(verdict="same", a=one.ref, b=other.ref)]
        _refuse_apart(connection, a, b, words[0])
        return self._judge(connection, words, {a, b}, actor, reason)

    def _judge(
        self,
        connection: Connection,
        words: Sequence[JudgedPair[RecordRef]],
        customers: Collection[UUID],
        actor: str,
        reason: str,
    ) -> JudgementResult:
        if not reason.strip():
            raise RefusedError("judgement: say why, for those who come after")
        before = standing(connection)
        _refuse_contradiction(before, words)
        now = datetime.now(UTC)
        judgements = [
            Judgement(
                id=uuid_utils.uuid7(), verdict=said.verdict, a=said.a, b=said.b, actor=actor, reason=reason, made_at=now
            )
            for said in words
        ]
        record(connection, judgements, replaced=before)
        self.ingest.reground(connection, customers)
        return _result(connection, judgements)


def _check_value(contract: Contract, golden: Json, path: str, value: Any) -> None:
    try:
        contract.check(unflatten({**flatten(golden), path: value}))
    except (RecordError, ValueError):
        raise RefusedError(
            f"pin: {contract.name} has no such value; write a path as 'onevoice customer explain' shows it"
        ) from None


def _refuse_apart(connection: Connection, a: UUID, b: UUID, said: JudgedPair[RecordRef]) -> None:
    """One word `same` would tear two customers rather than join them where people hold other records of them apart."""
    ones = {m.ref for m in members_of(connection, a)}
    others = {m.ref for m in members_of(connection, b)}
    apart = [
        f"{judged.a} - {judged.b} (judgement {judged.id})"
        for judged in standing(connection)
        if judged.verdict == "different"
        and {judged.a, judged.b} != {said.a, said.b}
        and ((judged.a in ones and judged.b in others) or (judged.b in ones and judged.a in others))
    ]
    if apart:
        raise RefusedError(
            f"contradicts what was judged before: people hold records of {a} and {b} apart; retract first: "
            + ", ".join(apart)
        )


def _refuse_contradiction(before: Sequence[Judgement], words: Sequence[JudgedPair[RecordRef]]) -> None:
    replaced = [{said.a, said.b} for said in words]
    remaining = [judged.pair for judged in before if {judged.a, judged.b} not in replaced]
    for said in words:
        chain = contradiction(remaining, said)
        if chain is not None:
            shown = " - ".join(map(str, chain))
            raise RefusedError(f"contradicts what was judged before: {shown}; retract one of those judgements first")


def _oldest(connection: Connection, customer: UUID) -> Record:
    members = members_of(connection, customer)
    if not members:
        raise unknown_customer()
    return min(members, key=lambda m: m.id)


def _tied(connection: Connection, leaving: Sequence[Record], staying: Sequence[Record]) -> list[tuple[Record, Record]]:
    """The cross pairs that something holds together; the oldest of either side where nothing directly does."""
    crossing = {(min(a.id, b.id), max(a.id, b.id)): (a, b) for a in leaving for b in staying}
    scored = rows_by_keys(connection, pair, [pair.c.a, pair.c.b], key=["a", "b"], keys=list(crossing))
    tied = {(row.a, row.b) for row in scored}
    said_same = [{judged.a, judged.b} for judged in standing(connection) if judged.verdict == "same"]
    tied |= {ids for ids, (a, b) in crossing.items() if {a.ref, b.ref} in said_same}
    if not tied:
        return [(min(leaving, key=lambda m: m.id), min(staying, key=lambda m: m.id))]
    return [crossing[ids] for ids in sorted(tied)]


def _result(connection: Connection, judgements: Sequence[Judgement]) -> JudgementResult:
    refs = {ref for judged in judgements for ref in (judged.a, judged.b)}
    customers = {r.customer_id for r in load_records(connection, refs).values() if r.customer_id is not None}
    return JudgementResult(judgements=tuple(judgements), customers=tuple(sorted(customers)))
