"""The golden record: the claims and pins of a customer's records, reduced to one value an attribute.

Takes claims, pins and the policy, gives values and, where asked, the decision behind each. The one rule: a pure
function of the three: no clock, no order of arrival, no id. Trust decays against the newest claim on the attribute.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from onevoice.master.claims import Claim, Pin
from onevoice.master.survivorship import Rule, Survivorship
from onevoice.messages import RecordRef

Order = Callable[[Claim], tuple[Any, ...]]


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
        if len(found) == 1:
            values[found[0].path] = found[0].value
            continue
        rule = policy.unit(found[0].path).rule
        if rule.whole:
            foremost = _foremost(_by_record(found), rule)
            ranked = sorted(foremost, key=_order(foremost, rule), reverse=True)
            values |= {claim.path: claim.value for claim in ranked}
        else:
            values[found[0].path] = min(found, key=_order(found, rule)).value
    values |= {path: pin.value for path, pin in standing_pins(pins).items()}
    return {path: values[path] for path in sorted(values)}


def golden(claims: Sequence[Claim], policy: Survivorship, pins: Iterable[Pin] = ()) -> Golden:
    """Return the golden values with the decision behind each."""
    by_unit: dict[str, list[Claim]] = {}
    for claim in claims:
        by_unit.setdefault(policy.unit(claim.path).path, []).append(claim)
    decisions: dict[str, Decision] = {}
    left_out: dict[str, tuple[Claim, ...]] = {}
    for found in by_unit.values():
        rule = policy.unit(found[0].path).rule
        records = _records_in_order(found, rule) if rule.whole else [sorted(found, key=_order(found, rule))]
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
    """The key by which claims that compete are sorted, the best first; equal only for claims that say the same."""
    newest = max(claim.time for claim in found)

    def key(claim: Claim) -> tuple[Any, ...]:
        ahead: list[Any] = [rule.is_implausible(claim.value)]
        for strategy in rule.prefer:
            if strategy == "trust":
                ahead.append(-rule.trust_left(claim.ref.system, newest - claim.time))
            else:
                ahead.append(newest - claim.time)
        return (*ahead, claim.ref, claim.path, _text(claim.value))

    return key


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)


def _by_record(found: Iterable[Claim]) -> list[list[Claim]]:
    records: dict[RecordRef, list[Claim]] = {}
    for claim in found:
        records.setdefault(claim.ref, []).append(claim)
    return list(records.values())


def _record_key(said: Sequence[Claim], order: Order, rule: Rule) -> tuple[Any, ...]:
    """A record goes by its oldest claim, and behind all others where any of its values stands for nothing."""
    return any(rule.is_implausible(claim.value) for claim in said), order(_oldest(said))


def _foremost(records: Sequence[list[Claim]], rule: Rule) -> list[Claim]:
    if len(records) == 1:
        return records[0]
    order = _order([_oldest(said) for said in records], rule)
    return min(records, key=lambda said: _record_key(said, order, rule))


def _records_in_order(found: Sequence[Claim], rule: Rule) -> list[list[Claim]]:
    """The claims of each record, the records ordered by their oldest claims."""
    records = _by_record(found)
    order = _order([_oldest(said) for said in records], rule)
    ranked = sorted(records, key=lambda said: _record_key(said, order, rule))
    return [sorted(said, key=_order(said, rule)) for said in ranked]


def _oldest(claims: Sequence[Claim]) -> Claim:
    """The claim that dates a record's whole: where the hub filled a part of it, the rest is as old as its own part.

    Otherwise a later change of something else would lift a half-forgotten address over the one that replaced it.
    """
    return min(claims, key=lambda claim: (claim.time, claim.path, _text(claim.value)))


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
