"""Judgements that cannot both be true.

Takes the judgements that stand and a new one, gives the chain that contradicts it. The one rule: what people said must
be free of contradictions by transitivity, so that grouping never has to choose between two of their words.
"""

from collections import deque
from collections.abc import Iterable

from onevoice.identity.cluster import JudgedPair
from onevoice.messages import RecordRef


def contradiction(
    judgements: Iterable[JudgedPair[RecordRef]], new: JudgedPair[RecordRef]
) -> tuple[RecordRef, ...] | None:
    """Return the chain of records that contradicts `new`, or None when it fits.

    A judgement on the very same pair is replaced by the new one and does not contradict it. For a new `different` the
    chain leads from `new.a` to `new.b` over judgements `same`. For a new `same` it leads, over judgements `same` and
    the new one, from one record to another that were judged different.
    """
    pair = {new.a, new.b}
    standing = [judged for judged in judgements if {judged.a, judged.b} != pair]
    same: dict[RecordRef, list[RecordRef]] = {}
    for judged in standing:
        if judged.verdict == "same":
            same.setdefault(judged.a, []).append(judged.b)
            same.setdefault(judged.b, []).append(judged.a)
    from_a = _paths(new.a, same)
    if new.verdict == "different":
        return from_a.get(new.b)
    from_b = _paths(new.b, same)
    chains = [
        tuple(reversed(from_a[one])) + from_b[other]
        for judged in standing
        if judged.verdict == "different"
        for one, other in ((judged.a, judged.b), (judged.b, judged.a))
        if one in from_a and other in from_b
    ]
    return min(chains, key=lambda chain: (len(chain), chain), default=None)


def _paths(start: RecordRef, same: dict[RecordRef, list[RecordRef]]) -> dict[RecordRef, tuple[RecordRef, ...]]:
    """The shortest path from `start` to every record that is one with it."""
    paths: dict[RecordRef, tuple[RecordRef, ...]] = {start: (start,)}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in sorted(same.get(here, ())):
            if there not in paths:
                paths[there] = (*paths[here], there)
                waiting.append(there)
    return paths
