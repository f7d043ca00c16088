"""The golden record: the claims of a customer's records, reduced to one value an attribute.

Takes claims and the policy, gives values and, where asked, the decision behind each. The one rule: a pure function of
the two: no clock, no order of arrival, no id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

import orjson

from onevoice.master.claims import Claim
from onevoice.master.survivorship import Rule, Survivorship
from onevoice.messages import RecordRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why a value stands. `losers` are the other claims on the path, the best first; `rule` says why in words."""

    winner: Claim
    losers: tuple[Claim, ...]
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A golden record that explains itself; all three in order of path.

    Attributes:
        values: canonical path -> value.
        decisions: canonical path -> why.
        left_out: canonical path -> claims without effect, because the record that won the attribute as a whole says
            nothing there.
    """

    values: dict[str, Any]
    decisions: dict[str, Decision]
    left_out: dict[str, tuple[Claim, ...]]


def golden_values(claims: Sequence[Claim], policy: Survivorship) -> dict[str, Any]:
    """Return the golden values alone, canonical path -> value in order of path: what `golden` gives, only faster."""
    best: dict[str, Claim] = {}
    wholes: dict[str, list[Claim]] = {}
    unit_of = policy.unit
    for claim in claims:
        unit = unit_of(claim.path)
        if unit.rule.whole:
            wholes.setdefault(unit.path, []).append(claim)
            continue
        standing = best.get(unit.path)
        if standing is None or _order(claim, standing, unit.rule) < 0:
            best[unit.path] = claim
    for found in wholes.values():
        rule = unit_of(found[0].path).rule
        records: dict[RecordRef, list[Claim]] = {}
        for claim in found:
            records.setdefault(claim.ref, []).append(claim)
        for claim in _foremost(records.values(), rule):
            standing = best.get(claim.path)
            if standing is None or _order(claim, standing, rule) < 0:
                best[claim.path] = claim
    return {path: best[path].value for path in sorted(best)}


def golden(claims: Sequence[Claim], policy: Survivorship) -> Golden:
    """Return the golden values with the decision behind each."""
    by_unit: dict[str, list[Claim]] = {}
    for claim in claims:
        by_unit.setdefault(policy.unit(claim.path).path, []).append(claim)
    decisions: dict[str, Decision] = {}
    left_out: dict[str, tuple[Claim, ...]] = {}
    for found in by_unit.values():
        rule = policy.unit(found[0].path).rule
        records = _records_in_order(found, rule) if rule.whole else [_in_order(found, rule)]
        winning = {claim.path for claim in records[0]}
        for path, ranked in _by_path(records).items():
            if path in winning:
                words = _words(records, ranked, rule)
                decisions[path] = Decision(winner=ranked[0], losers=tuple(ranked[1:]), rule=words)
            else:
                left_out[path] = tuple(ranked)
    return Golden(
        values={path: decisions[path].winner.value for path in sorted(decisions)},
        decisions={path: decisions[path] for path in sorted(decisions)},
        left_out={path: left_out[path] for path in sorted(left_out)},
    )


def _order(one: Claim, other: Claim, rule: Rule) -> int:
    """Below 0 where `one` goes before `other`; 0 only for claims that say the same."""
    for strategy in rule.prefer:
        if strategy == "trust":
            ahead = rule.rank(one.ref.system) - rule.rank(other.ref.system)
            if ahead:
                return ahead
        elif one.time != other.time:
            return -1 if one.time > other.time else 1
    if one.ref != other.ref:
        return -1 if one.ref < other.ref else 1
    left, right = _text(one), _text(other)
    return (left > right) - (left < right)


def _text(claim: Claim) -> tuple[str, bytes]:
    return claim.path, orjson.dumps(claim.value, option=orjson.OPT_SORT_KEYS, default=str)


def _in_order(found: Sequence[Claim], rule: Rule) -> list[Claim]:
    def order(one: Claim, other: Claim) -> int:
        return _order(one, other, rule)

    return sorted(found, key=cmp_to_key(order))


def _records_in_order(found: Sequence[Claim], rule: Rule) -> list[list[Claim]]:
    """The claims of each record, the records ordered by their oldest claims."""
    records: dict[RecordRef, list[Claim]] = {}
    for claim in _in_order(found, rule):
        records.setdefault(claim.ref, []).append(claim)
    oldest = {id(_oldest(claims)): claims for claims in records.values()}
    return [oldest[id(claim)] for claim in _in_order([_oldest(claims) for claims in records.values()], rule)]


def _foremost(records: Iterable[list[Claim]], rule: Rule) -> list[Claim]:
    foremost, lead = None, None
    for claims in records:
        oldest = _oldest(claims)
        if lead is None or _order(oldest, lead, rule) < 0:
            foremost, lead = claims, oldest
    return foremost or []


def _oldest(claims: Sequence[Claim]) -> Claim:
    """The claim that dates a record's whole: where the hub filled a part of it, the rest is as old as its own part.

    Otherwise a later change of something else would lift a half-forgotten address over the one that replaced it.
    """
    oldest = claims[0]
    for claim in claims:
        if claim.time < oldest.time:
            oldest = claim
    return oldest


def _by_path(records: Sequence[Sequence[Claim]]) -> dict[str, list[Claim]]:
    ranked: dict[str, list[Claim]] = {}
    for claims in records:
        for claim in claims:
            ranked.setdefault(claim.path, []).append(claim)
    return ranked


def _words(records: Sequence[Sequence[Claim]], ranked: Sequence[Claim], rule: Rule) -> str:
    """Why the first of `ranked` won: for a whole, what told its record from the next one."""
    if len(ranked) == 1:
        return "nobody else says anything"
    whole = f"{rule.attribute} stays whole: " if rule.whole else ""
    between_records = rule.whole and len(records) > 1
    one, other = (_oldest(records[0]), _oldest(records[1])) if between_records else (ranked[0], ranked[1])
    for strategy in rule.prefer:
        if strategy == "trust" and rule.rank(one.ref.system) != rule.rank(other.ref.system):
            return f"{whole}{one.ref.system} is trusted before {other.ref.system}"
        if strategy == "recency" and one.time != other.time:
            return f"{whole}{one.ref.system} said it last"
    return f"{whole}equal in trust and time, so the first by system, stream and key"
