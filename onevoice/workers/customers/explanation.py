"""Why a customer is who it is: each value with what it won against, each link with its evidence, each judgement.

Takes stored records, gives rows for a table. The one rule: nothing is left out, so a pair that was never compared says
so and says why. Evidence names what was found, never the values.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, func, select

from onevoice.identity import (
    COUNTED,
    EvidenceRow,
    Model,
    block_keys,
    declared_ids,
    explain_pair,
    people_at,
    profile,
)
from onevoice.identity.explain import WORDS
from onevoice.master import Survivorship, ValueRow, explain, golden, in_force
from onevoice.messages import RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import pair, record_key, source_record
from onevoice.workers.customers.judgement import Judgement, standing_at
from onevoice.workers.customers.view import members_of
from onevoice.workers.ingest.as_of import as_of
from onevoice.workers.ingest.merge import customer_claims
from onevoice.workers.ingest.pins import pins_of
from onevoice.workers.ingest.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PairExplanation:
    """Why two records are one customer, or are not.

    Attributes:
        outcome: what the evidence says by itself: "trusted", "link", "review" or "apart"; None where it was never
            looked at.
        together: whether they are one customer now.
        evidence: every comparison in which both sides had a value; empty where they were never compared.
        words: the answer in one sentence.
    """

    a: RecordRef
    b: RecordRef
    together: bool
    outcome: str | None
    score: float | None
    evidence: tuple[EvidenceRow, ...]
    judgements: tuple[Judgement, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerExplanation:
    """Everything that made a customer.

    Attributes:
        values: one row a golden value, the losing claims included.
        links: the pairs of its records that were found alike, strongest first.
        judgements: what people said about any of its records, and what stands.
    """

    id: UUID
    values: tuple[ValueRow, ...]
    links: tuple[PairExplanation, ...]
    judgements: tuple[Judgement, ...]


def explain_customer(connection: Connection, customer: UUID, policy: Survivorship) -> CustomerExplanation:
    """Return why the customer's values and its grouping are what they are."""
    members = members_of(connection, customer)
    judgements = standing_at(connection, {m.ref for m in members})
    by_id = {m.id: m for m in members}
    rows = rows_by_keys(connection, pair, list(pair.c), key=["a"], keys=[(m.id,) for m in members])
    inside = sorted((r for r in rows if r.b in by_id), key=lambda r: (-r.score, by_id[r.a].ref, by_id[r.b].ref))
    links = tuple(
        _explained(
            by_id[row.a],
            by_id[row.b],
            outcome=row.outcome,
            score=row.score,
            evidence=waterfall(row.evidence),
            judgements=judgements,
        )
        for row in inside
    )
    claims, day = customer_claims(members), as_of(connection)
    standing_claims = in_force(claims, day)
    found = golden(standing_claims, policy, pins_of(connection, [customer]).get(customer, ()))
    values = explain(found, [claim for claim in claims if claim not in standing_claims])
    return CustomerExplanation(id=customer, values=values, links=links, judgements=tuple(judgements))


def explain_pairs(
    connection: Connection, ones: Sequence[Record], others: Sequence[Record], model: Model
) -> PairExplanation:
    """Return the explanation of the strongest of all pairs between two sets of records, which are not empty.

    A pair that was never compared is shown only where none of them was.
    """
    judgements = standing_at(connection, {r.ref for r in (*ones, *others)})
    pairs = [(a, b) for a in ones for b in others if a.id != b.id]
    keys = _usable_keys(connection, [*ones, *others], model)
    compared = [(a, b) for a, b in pairs if keys[a.id] & keys[b.id] and a.type == b.type]
    if not compared:
        a, b = pairs[0]
        return _never_compared(a, b, judgements, model)
    holders = _holders(connection, {k for pair_ in compared for r in pair_ for k in keys[r.id]}, model)
    seen = {r.id: profile(r.canonical, r.type, model) for pair_ in compared for r in pair_}
    counted = {key for one in seen.values() for key in block_keys(one) if key.startswith(COUNTED)}
    crowded = dict.fromkeys(counted - holders.keys(), model.cap + 1)
    scored = [(explain_pair(seen[a.id], seen[b.id], model, {**crowded, **holders}), a, b) for a, b in compared]
    evidence, a, b = max(scored, key=lambda s: s[0][-1].total if s[0] else 0.0)
    total = evidence[-1].total if evidence else 0.0
    stored = rows_by_keys(connection, pair, list(pair.c), key=["a", "b"], keys=[(min(a.id, b.id), max(a.id, b.id))])
    outcome = stored[0].outcome if stored else "apart"
    held = ""
    if outcome in ("link", "trusted") and a.customer_id != b.customer_id:
        held = _held(connection, a.customer_id, b.customer_id, model)
    return _explained(a, b, outcome=outcome, score=total, evidence=evidence, judgements=judgements, held=held)


def _explained(
    a: Record,
    b: Record,
    *,
    outcome: str,
    score: float,
    evidence: tuple[EvidenceRow, ...],
    judgements: Collection[Judgement],
    held: str = "",
) -> PairExplanation:
    about = tuple(judged for judged in judgements if {judged.a, judged.b} == {a.ref, b.ref})
    together = a.customer_id == b.customer_id
    return PairExplanation(
        a=a.ref,
        b=b.ref,
        together=together,
        outcome=outcome,
        score=score,
        evidence=evidence,
        judgements=about,
        words=_sentence(together, outcome, score, about, held),
    )


def _held(connection: Connection, one: UUID | None, other: UUID | None, model: Model) -> str:
    """Say what keeps the customers of two records apart that the evidence would link."""
    ones, others = (members_of(connection, customer) if customer else [] for customer in (one, other))
    here, there = ({m.ref for m in members} for members in (ones, others))
    for judged in standing_at(connection, here | there):
        crosses = (judged.a in here and judged.b in there) or (judged.b in here and judged.a in there)
        if judged.verdict == "different" and crosses:
            return "a judgement stands between their customers"
    for name in sorted(model.one_per_customer):
        a, b = (
            {i for m in members for i in declared_ids(profile(m.canonical, m.type, model), [name])}
            for members in (ones, others)
        )
        if a and b and not a <= b and not b <= a:
            return f"their customers have different values of {name}, of which a customer has one"
    if len(ones) + len(others) > model.max_size:
        return f"one customer of more than {model.max_size} records is taken apart by a higher link mark"
    return f"all pairs between their customers have less than {model.marks.bridge:g} bits on average"


def _sentence(together: bool, outcome: str, score: float, about: Collection[Judgement], held: str) -> str:
    if about:
        said = "one" if next(iter(about)).verdict == "same" else "not one"
        return f"a person judged them {said}, which outranks the evidence ({score:g} bits)"
    if outcome in ("link", "trusted"):
        what = "a trusted id links them" if outcome == "trusted" else "the evidence links them"
        return f"{what} ({score:g} bits){f', but {held}' if held else ''}"
    found = f"the evidence is {'for a person to judge' if outcome == 'review' else 'too weak'} ({score:g} bits)"
    return f"{found}; other records tie them together" if together else found


def _never_compared(a: Record, b: Record, judgements: Collection[Judgement], model: Model) -> PairExplanation:
    about = tuple(judged for judged in judgements if {judged.a, judged.b} == {a.ref, b.ref})
    shared = set(_block_keys(a, model)) & set(_block_keys(b, model))
    if a.type != b.type:
        why = "a person and an organisation are never compared"
    elif shared:
        why = f"never compared: all that they have in common is held by more than {model.cap} records"
    else:
        why = "never compared: they share no contact point, full name or home, no name with a birth date or a street"
    together = a.customer_id == b.customer_id
    if about:
        why += "; a person judged them " + ("one" if about[-1].verdict == "same" else "not one")
    elif together:
        why += "; other records tie them together"
    return PairExplanation(
        a=a.ref, b=b.ref, together=together, outcome=None, score=None, evidence=(), judgements=about, words=why
    )


def waterfall(evidence: list[list[object]]) -> tuple[EvidenceRow, ...]:
    """Return stored evidence as rows that sum up to the score."""
    rows = []
    total = 0.0
    for comparison, level, weight in evidence:
        total = round(total + float(str(weight)), 6)
        words = WORDS[str(comparison)][str(level)]
        rows.append(
            EvidenceRow(
                comparison=str(comparison), level=str(level), words=words, weight=float(str(weight)), total=total
            )
        )
    return tuple(rows)


def _usable_keys(connection: Connection, records: Collection[Record], model: Model) -> dict[UUID, set[str]]:
    keys = {r.id: set(_block_keys(r, model)) for r in records}
    asked = sorted({key for found in keys.values() for key in found})
    crowded = set(
        connection.execute(
            select(record_key.c.key)
            .where(record_key.c.key.in_(asked))
            .group_by(record_key.c.key)
            .having(func.count() > model.cap)
        ).scalars()
    )
    return {record_id: found - crowded for record_id, found in keys.items()}


def _holders(connection: Connection, keys: Collection[str], model: Model) -> dict[str, int]:
    points = sorted(key for key in keys if key.startswith(COUNTED))
    held = rows_by_keys(connection, record_key, list(record_key.c), key=["key"], keys=[(p,) for p in points])
    rows = rows_by_keys(
        connection, source_record, list(source_record.c), key=["id"], keys=[(i,) for i in {h.record_id for h in held}]
    )
    seen = {row.id: profile(row.canonical or {}, row.type, model) for row in rows}
    return {p: people_at(p, [seen[h.record_id] for h in held if h.key == p], model) for p in points}


def _block_keys(record: Record, model: Model) -> tuple[str, ...]:
    return block_keys(profile(record.canonical, record.type, model))
