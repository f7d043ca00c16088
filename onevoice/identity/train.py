"""Training without labels: how often one person's records agree and disagree, learned from records nobody has judged.

Takes profiles, gives the chances of each level between two records of one person, by expectation and maximisation
(Dempster, Laird and Rubin 1977; for record linkage Winkler 1988). A pair of records that share a block key is one
person's, two strangers' or two relatives'; how often the latter two agree is given and stays. The rules: a comparison
learns only from pairs that a key found which does not look at it, and about which all other comparisons leave no doubt;
there is no chance in it, so equal records give equal numbers, in whatever order they come.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp2, fsum
from typing import NamedTuple, TypeAlias

from onevoice.identity.batch import Record, candidates
from onevoice.identity.model import Chance, Chances, Model
from onevoice.identity.profile import Profile
from onevoice.identity.score import compared

ROUNDS = 20
_PRIOR = 50.0  # pairs: so much the model that learning starts from counts beside what the records say
_START = 0.3  # share of one person's pairs, and of relatives', before the first round
_SURE = 0.95
_LEAST = 1e-6

# Levels that are kinds of one event share one chance. Levels not named stay: they depend on how a value was written,
# or, as those that tell father from son, cannot be learned from records that nobody has judged.
_EVENTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "given": (("exact",), ("nickname",), ("similar",), ("swapped",), ("middle",), ("alike",), ("different",)),
    "family": (("exact",), ("similar",), ("part",), ("different",)),
    "middle": (("exact", "initial"), ("different",)),
    "birth": (("exact",), ("swapped",), ("typo",), ("part",)),
    "national_id": (("same",), ("typo",), ("different",)),
    "organisation": (("exact",), ("similar",), ("different",)),
    "register": (("same",), ("different",)),
    "vat": (("same",), ("different",)),
    "domain": (("same",), ("different",)),
    "email": (("personal", "household", "role"), ("similar",), ("different",)),
    "phone": (("personal", "household", "role", "suffix"), ("different",)),
    "address": (("same",), ("similar",), ("street",), ("postal",), ("city",), ("different",)),
}
# What block keys look at, by their first letters: of that, pairs which only they found say nothing.
_LOOKS_AT: Mapping[str, frozenset[str]] = {
    "email": frozenset({"email"}),
    "phone": frozenset({"phone"}),
    "id": frozenset({"national_id"}),
    "nb": frozenset({"given", "family", "birth"}),
    "pb": frozenset({"address", "birth"}),
    "ad": frozenset({"address"}),
    "st": frozenset({"given", "family", "address"}),
    "na": frozenset({"given", "family"}),
    "np": frozenset({"given", "family", "address"}),
    "dom": frozenset({"domain", "email"}),
    "reg": frozenset({"register"}),
    "vat": frozenset({"vat"}),
    "oa": frozenset({"organisation", "address"}),
}

Advance: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What was learned.

    Attributes:
        chances: those of the model, with what was learned in place of `same`.
        pairs: pairs of records looked at.
        same: how many of them are one person's, as far as the records tell.
    """

    chances: Chances
    pairs: int
    same: float


class _Kind(NamedTuple):
    """Pairs that look alike: of one file, equal in what they agree on, how rare their names are and what they teach.

    Attributes:
        found: comparison, level, and bits of the name that the level tells of, rounded.
        teaches: comparisons that may learn from such pairs.
    """

    file: int
    found: tuple[tuple[str, str, int], ...]
    teaches: tuple[str, ...]


class _Likely(NamedTuple):
    """How likely pairs of a kind are among those of one person, of strangers and of relatives, each with its share."""

    same: float
    strangers: float
    relatives: float


def train(files: Sequence[Mapping[Record, Profile]], model: Model, advance: Advance = lambda _: None) -> Training:
    """Learn from the records of one or more files, each matched by itself.

    Args:
        files: records by (system, stream, key); no pair crosses two files.
        model: where learning starts.
        advance: told how many rounds were made since it was told last; there are `ROUNDS`.
    """
    counted = Counter(kind for number, profiles in enumerate(files) for kind in _kinds(number, profiles, model))
    kinds = dict(sorted(counted.items()))
    chances: Chances = model.chances
    likely: dict[_Kind, _Likely] = {}
    shares = {number: _Likely(_START, 1 - 2 * _START, _START) for number in range(len(files))}
    for _ in range(ROUNDS):
        likely = {kind: _likelihoods(kind, chances, shares[kind.file]) for kind in kinds}
        shares = {number: _shares(number, kinds, likely) for number in shares}
        chances = _learned(kinds, likely, chances, model.chances)
        advance(1)
    pairs = sum(kinds.values())
    same = fsum(kinds[kind] * one.same / sum(one) for kind, one in likely.items()) if pairs else 0.0
    return Training(chances=chances, pairs=pairs, same=round(same, 1))


def _kinds(number: int, profiles: Mapping[Record, Profile], model: Model) -> Iterator[_Kind]:
    for a, b, keys, holders in candidates(profiles, model):
        found = compared(a, b, model, holders)
        looked_at = [_LOOKS_AT[key.partition(":")[0]] for key in keys]
        teaches = tuple(name for name, _, _ in found if any(name not in names for names in looked_at))
        yield _Kind(number, tuple((name, level, round(bits)) for name, level, bits in found), teaches)


def _likelihoods(kind: _Kind, chances: Chances, share: _Likely) -> _Likely:
    same, strangers, relatives = (max(one, _LEAST) for one in share)
    for comparison, level, bits in kind.found:
        chance = chances[comparison][level]
        same *= chance.same
        strangers *= chance.strangers * exp2(-bits)
        relatives *= chance.relatives
    return _Likely(same, strangers, relatives)


def _shares(file: int, kinds: Mapping[_Kind, int], likely: Mapping[_Kind, _Likely]) -> _Likely:
    mine = [(kinds[kind], one, sum(one)) for kind, one in likely.items() if kind.file == file]
    pairs = sum(number for number, _, _ in mine) or 1
    return _Likely(*(fsum(number * one[i] / total for number, one, total in mine) / pairs for i in range(3)))


def _learned(
    kinds: Mapping[_Kind, int], likely: Mapping[_Kind, _Likely], now: Chances, start: Chances
) -> dict[str, dict[str, Chance]]:
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for kind, pairs in kinds.items():
        for comparison, level, bits in kind.found:
            if comparison in kind.teaches:
                chance, one = now[comparison][level], likely[kind]
                # As likely as all the others make them: what is to be learned has no say in it.
                same = one.same / chance.same
                total = same + one.strangers / (chance.strangers * exp2(-bits)) + one.relatives / chance.relatives
                if same >= _SURE * total:
                    seen[comparison, level].append(pairs * same / total)
    learned = {comparison: dict(levels) for comparison, levels in start.items()}
    for comparison, events in _EVENTS.items():
        learned[comparison] |= _chances_of(comparison, events, seen, start)
    return learned


def _chances_of(
    comparison: str, events: Iterable[Sequence[str]], seen: Mapping[tuple[str, str], list[float]], start: Chances
) -> dict[str, Chance]:
    """Return each event's share of what was seen."""
    before = {event: start[comparison][event[0]].same for event in map(tuple, events)}
    whole = fsum(before.values())
    numbers = {event: fsum(n for level in event for n in seen.get((comparison, level), ())) for event in before}
    pairs = fsum(numbers.values()) + _PRIOR
    if pairs == _PRIOR:
        return {}
    return {
        level: start[comparison][level]._replace(
            same=round((numbers[event] + _PRIOR * before[event] / whole) / pairs, 6)
        )
        for event in before
        for level in event
    }
