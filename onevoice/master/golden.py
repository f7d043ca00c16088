"""The golden record: the claims and pins of a customer's records, reduced to one value an attribute.

Takes claims, pins and the policy, gives values and, where asked, the decision behind each. The one rule: a pure
function of the three: no clock, no order of arrival, no id. Trust decays against the newest claim on the attribute.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from onevoice.master.claims import Claim, Pin
from onevoice.master.survivorship import Rule, Survivorship
from onevoice.messages import RecordRef

Rank: TypeAlias = Callable[[Claim], Any]
Order: TypeAlias = tuple[Rank, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why a value stands.

    Attributes:
        winner: the claim that won; None where a person pinned the value.
        pin: the pin that fixes the value, if any does.
        losers: the other claims on the path, the best first.
        rule: says why in words.
    """

    value: Any
    winner: Claim | None
    pin: Pin | None
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


def golden_values(claims: Sequence[Claim], policy: Survivorship, pins: Iterable[Pin] = ()) -> dict[str, Any]:
    """Return the golden values alone, canonical path -> value in order of path: what `golden` gives, only faster."""
    units: dict[str, list[Claim]] = {}
    for claim in claims:
        units.setdefault(policy.unit(claim.path).path, []).append(claim)
    values: dict[str, Any] = {}
    for found in units.values():
        if _say_the_same(found):
            values[found[0].path] = found[0].value
            continue
        rule = policy.unit(found[0].path).rule
        for claim in _foremost(_by_record(found), rule) if rule.whole else (_first(found, _order(found, rule)),):
            values[claim.path] = claim.value
    for path, pin in standing_pins(pins).items():
        values[path] = pin.value
    return dict(sorted(values.items()))


def _say_the_same(found: Sequence[Claim]) -> bool:
    """Whether whoever wins, the value is this one: as most often, since systems tend to agree."""
    first = found[0]
    if len(found) == 1:
        return True
    return isinstance(first.value, str) and all(c.value == first.value and c.path == first.path for c in found)


def golden(claims: Sequence[Claim], policy: Survivorship, pins: Iterable[Pin] = ()) -> Golden:
    """Return the golden values with the decision behind each."""
    by_unit: dict[str, list[Claim]] = {}
    for claim in claims:
        by_unit.setdefault(policy.unit(claim.path).path, []).append(claim)
    decisions: dict[str, Decision] = {}
    left_out: dict[str, tuple[Claim, ...]] = {}
    for found in by_unit.values():
        rule = policy.unit(found[0].path).rule
        records = _records_in_order(found, rule) if rule.whole else [sorted(found, key=_key(_order(found, rule)))]
        winning = {claim.path for claim in records[0]}
        for path, ranked in _by_path(records).items():
            if path in winning:
                words = _words(records, ranked, rule)
                decisions[path] = Decision(
                    value=ranked[0].value, winner=ranked[0], pin=None, losers=tuple(ranked[1:]), rule=words
                )
            else:
                left_out[path] = tuple(ranked)
    for path, pin in standing_pins(pins).items():
        decisions[path] = _pinned(pin, decisions.get(path), left_out.pop(path, ()))
    return Golden(
        values={path: decisions[path].value for path in sorted(decisions)},
        decisions={path: decisions[path] for path in sorted(decisions)},
        left_out={path: left_out[path] for path in sorted(left_out)},
    )


def standing_pins(pins: Iterable[Pin]) -> dict[str, Pin]:
    """Return the pin that holds at each path: the latest one; of equally late ones the first by record and value."""
    standing: dict[str, Pin] = {}
    for pin in sorted(pins, key=lambda p: (-p.time.timestamp(), p.ref, _text(p.value))):
        standing.setdefault(pin.path, pin)
    return standing


def _pinned(pin: Pin, without: Decision | None, left_out: tuple[Claim, ...]) -> Decision:
    losers = left_out if without is None or without.winner is None else (without.winner, *without.losers)
    return Decision(value=pin.value, winner=None, pin=pin, losers=losers, rule=f"pinned by {pin.actor}: {pin.reason}")


def _order(found: Iterable[Claim], rule: Rule) -> Order:
    """By what claims that compete are ordered, the best first; all ranks are equal only where they say the same."""
    newest = max(claim.time for claim in found)
    strategies: dict[str, Rank] = {
        "trust": lambda claim: -rule.trust_left(claim.ref.system, newest - claim.time),
        "recency": lambda claim: newest - claim.time,
    }
    by_rule = (strategies[name] for name in rule.prefer)
    return (lambda claim: rule.is_implausible(claim.value), *by_rule, *_LAST)


def _key(order: Order) -> Callable[[Claim], tuple[Any, ...]]:
    return lambda claim: tuple([rank(claim) for rank in order])


def _first(found: Sequence[Claim], order: Order) -> Claim:
    """The best claim; what is further down the order is only asked of those that are equal so far."""
    for rank in order:
        if len(found) == 1:
            break
        ranks = [rank(claim) for claim in found]
        best = min(ranks)
        found = [claim for claim, one in zip(found, ranks, strict=True) if one == best]
    return found[0]


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)


_LAST: Order = (lambda claim: claim.ref, lambda claim: claim.path, lambda claim: _text(claim.value))
_BY_AGE: Order = (lambda claim: claim.time, lambda claim: claim.path, lambda claim: _text(claim.value))


def _by_record(found: Iterable[Claim]) -> list[list[Claim]]:
    records: dict[RecordRef, list[Claim]] = {}
    for claim in found:
        records.setdefault(claim.ref, []).append(claim)
    return list(records.values())


def _record_key(said: Sequence[Claim], order: Order, rule: Rule) -> tuple[Any, ...]:
    """A record goes by its oldest claim, and behind all others where any of its values stands for nothing."""
    return any(rule.is_implausible(claim.value) for claim in said), *_key(order)(_oldest(said))


def _foremost(records: Sequence[list[Claim]], rule: Rule) -> Sequence[Claim]:
    """The claims of the record that wins a whole; of two on one path the better one comes last."""
    foremost = records[0]
    if not _agree(records):
        order = _order([_oldest(said) for said in records], rule)
        foremost = min(records, key=lambda said: _record_key(said, order, rule))
    if len({claim.path for claim in foremost}) == len(foremost):
        return foremost
    return sorted(foremost, key=_key(_order(foremost, rule)), reverse=True)


def _agree(records: Sequence[Sequence[Claim]]) -> bool:
    """Whether all say the same, in text: numbers of two kinds may be equal and yet not the same."""
    said = {claim.path: claim.value for claim in records[0]}
    same = all({claim.path: claim.value for claim in other} == said for other in records[1:])
    return len(records) == 1 or (same and all(isinstance(value, str) for value in said.values()))


def _records_in_order(found: Sequence[Claim], rule: Rule) -> list[list[Claim]]:
    """The claims of each record, the records ordered by their oldest claims."""
    records = _by_record(found)
    order = _order([_oldest(said) for said in records], rule)
    ranked = sorted(records, key=lambda said: _record_key(said, order, rule))
    return [sorted(said, key=_key(_order(said, rule))) for said in ranked]


def _oldest(claims: Sequence[Claim]) -> Claim:
    """The claim that dates a record's whole: where the hub filled a part of it, the rest is as old as its own part.

    Otherwise a later change of something else would lift a half-forgotten address over the one that replaced it.
    """
    return _first(claims, _BY_AGE)


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
    claims = [_oldest(said) for said in records] if between_records else ranked
    one, other = claims[0], claims[1]
    beaten = records[1] if between_records else ranked[1:2]
    best = records[0] if between_records else ranked[:1]
    if any(rule.is_implausible(c.value) for c in beaten) and not any(rule.is_implausible(c.value) for c in best):
        return f"{whole}what {other.ref.system} says stands for nothing"
    newest = max(claim.time for claim in claims)
    for strategy in rule.prefer:
        if strategy == "recency":
            if one.time != other.time:
                return f"{whole}{one.ref.system} said it last"
            continue
        left = [rule.trust_left(claim.ref.system, newest - claim.time) for claim in (one, other)]
        if left[0] != left[1]:
            once = rule.trust.get(one.ref.system, 0) > rule.trust.get(other.ref.system, 0)
            why = "is trusted before" if once else "is newer, and age has taken the trust in"
            return f"{whole}{one.ref.system} {why} {other.ref.system}"
    return f"{whole}equal in trust and time, so the first by system, stream and key"
