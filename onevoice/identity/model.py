"""The matching model and its settings: what each agreement weighs, how rare names are, where the marks lie.

Takes `rules/identity.yaml` (the settings), `shipped.json` (tables) and `identity_model.json` (chances), gives an
immutable `Model`. A model holds for
each level of each comparison how often it occurs between two records of one person, of two strangers and of two
relatives (Fellegi and Sunter 1969, with relatives as a third class), and tables of name frequencies. The one rule:
settings are fully checked when they are loaded, and the version is the hash of the content of all, so that machines
with equal files speak of the same model.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from math import log2
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

import orjson

from onevoice.errors import ConfigurationError
from onevoice.rules_file import Section, content_version, read_yaml

METHOD = 2
"""Counts up when the code sees other things in records: profiles, block keys, comparisons, the score."""
SHIPPED = "shipped.json"
TRAINED = "identity_model.json"
"""Chances that were learned: the shipped ones, and beside the settings a company's own in their place."""

LEVELS: Mapping[str, tuple[str, ...]] = {
    "given": ("exact", "nickname", "similar", "swapped", "initial", "middle", "alike", "different"),
    "family": ("exact", "similar", "part", "swapped", "different"),
    "middle": ("exact", "initial", "different"),
    "suffix": ("same", "one", "different"),
    "birth": ("exact", "swapped", "typo", "part", "different", "generation"),
    "national_id": ("same", "typo", "different"),
    "organisation": ("exact", "similar", "different"),
    "register": ("same", "different"),
    "vat": ("same", "different"),
    "domain": ("same", "different"),
    "email": ("personal", "household", "role", "similar", "different"),
    "phone": ("personal", "household", "role", "suffix", "different"),
    "address": ("same", "similar", "street", "postal", "city", "different"),
}
# At these levels "strangers" is a factor on how frequent the shared name is (Winkler 1989, frequency-based matching).
_BY_FREQUENCY = frozenset(
    {("given", "exact"), ("given", "nickname"), ("given", "similar"), ("given", "swapped")}
    | {("family", "exact"), ("family", "similar"), ("family", "part"), ("family", "swapped")}
)
_RAREST_PPM = 2.0  # of a name that is in the tables without a frequency of its own


class Evidence(NamedTuple):
    """What one comparison found: its level and the weight in bits (log2) that the model gives it."""

    comparison: str
    level: str
    weight: float


class Chance(NamedTuple):
    """How often a level occurs between two records of one person, of two strangers, of two relatives."""

    same: float
    strangers: float
    relatives: float


Chances: TypeAlias = Mapping[str, Mapping[str, Chance]]


@dataclass(frozen=True, slots=True)
class Weight:
    """What a level of a comparison says.

    Attributes:
        strangers: bits that it speaks for one person rather than two strangers.
        relatives: bits that it speaks for one person rather than two relatives.
        by_frequency: the bits of the shared name come on top of `strangers`.
        evidence: the line of an explanation; with `by_frequency` the bits of the name are missing in it.
    """

    strangers: float
    relatives: float
    by_frequency: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """Values that stand for "nothing": they are no evidence and make no block key."""

    names: frozenset[str]
    emails: frozenset[str]
    mailboxes: frozenset[str]
    phones: frozenset[str]
    birth_dates: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Where decisions lie, in bits.

    Attributes:
        link: scores from here on link two records.
        review: scores from here up to the link mark are for a person to decide.
        rare_name: two records with nothing in common but the name link from here on, and are apart below.
        relatives: what must speak for one person against two relatives of one home, to reach the link mark.
        alone: what it speaks for one person that nobody else is known at the home that two records share.
        namesakes: what speaks against two relatives of one given name whose births are less than a generation apart.
        bridge: mean over all pairs between two groups of several records each, from which a link joins them.
        veto: where the evidence against a shared trusted id sums up to less, a person decides.
    """

    link: float
    review: float
    rare_name: float
    relatives: float
    alone: float
    namesakes: float
    bridge: float
    veto: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A loaded model with its settings.

    Attributes:
        version: hash of the content of all files, of the declared ids and of the method.
        household_limit: a contact point with more people than one and up to this many is a household's.
        cap: a block key held by more records than this is not used.
        max_size: a customer of more records is taken apart by a higher link mark.
        trusted: ids that link by themselves: national_id, register_number, vat_number.
        one_per_customer: ids of which a customer has one only.
        chances: comparison -> level -> how often it occurs; `weights` has the same in bits.
        given_bits: folded given name -> how rare it is, in bits; `family_bits` likewise.
        roots: given name -> the formal names it may stand for, itself among them where it is one.
        forms: given name -> all forms of those formal names, for telling a misspelt or abbreviated one.
    """

    version: str
    marks: Marks
    household_limit: int
    cap: int
    max_size: int
    trusted: frozenset[str]
    one_per_customer: frozenset[str]
    chances: Chances
    weights: Mapping[str, Mapping[str, Weight]]
    given_bits: Mapping[str, float]
    family_bits: Mapping[str, float]
    unknown_given: float
    unknown_family: float
    roots: Mapping[str, frozenset[str]]
    forms: Mapping[str, frozenset[str]]
    placeholders: Placeholders
    role_mailboxes: frozenset[str]
    public_mail_domains: frozenset[str]
    street_words: Mapping[str, str]
    street_kinds: frozenset[str]
    legal_forms: frozenset[str]

    def with_chances(self, chances: Chances) -> Self:
        """Return the model with other chances."""
        return replace(self, chances=chances, weights=_weights(chances))

    @classmethod
    def load(cls, path: Path, *, trusted: Collection[str] = (), one_per_customer: Collection[str] = ()) -> Self:
        """Read and check the settings, and the model: the shipped one, or the trained one beside the settings.

        Args:
            path: the settings.
            trusted: ids that link by themselves, as `declared_ids` names them.
            one_per_customer: ids of which a customer has one only.

        Raises:
            ConfigurationError: a file is missing or broken, or a key is wrong; the message names the key.
        """
        settings = read_yaml(path)
        content = orjson.loads(resources.files(__package__).joinpath(SHIPPED).read_bytes())
        top = Section(file=path.name, key="", content=settings)
        marks, limits, words = top.section("marks"), top.section("limits"), top.section("words")
        placeholders = top.section("placeholders")
        short_forms = content["short_forms"]
        trained = path.with_name(TRAINED)
        shipped = Path(str(resources.files(__package__).joinpath(TRAINED)))
        chances = _read_chances(trained if trained.exists() else shipped)
        ids = {"trusted": sorted(trusted), "one_per_customer": sorted(one_per_customer)}
        roots, street_words = _roots(short_forms), words.text_map("street_words")
        model = cls(
            version=content_version(
                {"method": METHOD, "settings": settings, "model": content, "chances": as_json(chances), "ids": ids}
            ),
            marks=Marks(**{name: marks.number(name) for name in Marks.__slots__}),
            household_limit=limits.count("household"),
            cap=limits.count("cap"),
            max_size=limits.count("max_size"),
            trusted=frozenset(trusted),
            one_per_customer=frozenset(one_per_customer),
            chances=chances,
            weights=_weights(chances),
            given_bits=_bits(content["given"], content["given_rare"]),
            family_bits=_bits(content["family"], content["family_rare"]),
            unknown_given=float(content["unknown"]["given"]),
            unknown_family=float(content["unknown"]["family"]),
            roots=roots,
            forms=_forms(roots, short_forms),
            placeholders=Placeholders(**{name: placeholders.texts(name) for name in Placeholders.__slots__}),
            role_mailboxes=words.texts("role_mailboxes"),
            public_mail_domains=words.texts("public_mail_domains"),
            street_words=street_words,
            street_kinds=frozenset(street_words.values()),
            legal_forms=words.texts("legal_forms"),
        )
        marks.demand(model.marks.review <= model.marks.link, "review", "a number not above marks.link")
        for section in (marks, limits, words, placeholders, top):
            section.demand_nothing_else()
        return model


def as_json(chances: Chances) -> dict[str, dict[str, dict[str, float]]]:
    """Return chances as a model file has them."""
    return {name: {level: chance._asdict() for level, chance in levels.items()} for name, levels in chances.items()}


def _read_chances(path: Path) -> Chances:
    try:
        chances = chances_of(orjson.loads(path.read_bytes())["chances"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path.name}: no model file; write it again with 'onevoice identity train'"
        ) from error
    if not all(0 < share <= 1 for levels in chances.values() for chance in levels.values() for share in chance):
        raise ConfigurationError(f"{path.name}: a chance is not above 0 and up to 1")
    return chances


def chances_of(content: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Chances:
    """Return chances from what a model file has."""
    return {
        comparison: {level: Chance(**content[comparison][level]) for level in levels}
        for comparison, levels in LEVELS.items()
    }


def _weights(chances: Chances) -> dict[str, dict[str, Weight]]:
    return {
        comparison: {level: _weight(comparison, level, chance) for level, chance in levels.items()}
        for comparison, levels in chances.items()
    }


def _weight(comparison: str, level: str, chance: Chance) -> Weight:
    strangers = round(log2(chance.same / chance.strangers), 3)
    return Weight(
        strangers=strangers,
        relatives=round(log2(chance.same / chance.relatives), 3),
        by_frequency=(comparison, level) in _BY_FREQUENCY,
        evidence=Evidence(comparison=comparison, level=level, weight=strangers),
    )


def _bits(ppm: Mapping[str, float], rare: str) -> dict[str, float]:
    bits = dict.fromkeys(rare.split(), round(-log2(_RAREST_PPM / 1e6), 3))
    bits.update({name: round(-log2(frequency / 1e6), 3) for name, frequency in ppm.items()})
    return bits


def _roots(short_forms: Mapping[str, str]) -> dict[str, frozenset[str]]:
    roots: dict[str, set[str]] = {}
    for formal, shorts in short_forms.items():
        for form in (formal, *shorts.split()):
            roots.setdefault(form, set()).add(formal)
    return {form: frozenset(formals) for form, formals in roots.items()}


def _forms(roots: Mapping[str, frozenset[str]], short_forms: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {
        name: formals.union(*(short_forms.get(formal, "").split() for formal in formals))
        for name, formals in roots.items()
    }
