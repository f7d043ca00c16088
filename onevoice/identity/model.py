"""The matching model: what each agreement and disagreement weighs, where the marks lie, which values say nothing.

Takes `rules/identity.yaml`, gives an immutable `Model`. The one rule: a model is fully checked when it is loaded; its
version is the hash of its content, so that two machines with equal files speak of the same model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from onevoice.rules_file import Section, content_version, read_yaml

LEVELS: Mapping[str, tuple[str, ...]] = {
    "given": ("exact", "nickname", "similar", "swapped", "middle", "initial", "different"),
    "family": ("exact", "part", "similar", "swapped", "different", "explained"),
    "middle": ("exact", "initial", "different"),
    "suffix": ("same", "different"),
    "birth": ("exact", "swapped", "typo", "different"),
    "national_id": ("same", "different"),
    "organisation": ("exact", "similar", "different"),
    "register": ("same", "different"),
    "vat": ("same", "different"),
    "domain": ("same", "different"),
    "email": ("personal", "household", "role", "different", "explained"),
    "phone": ("personal", "same_door", "household", "role", "different", "explained"),
    "address": ("same", "similar", "postal", "different", "explained"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one comparison found: its level and the weight in bits (log2) that the model gives it."""

    comparison: str
    level: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """Values that stand for "nothing": they are no evidence and make no block key."""

    names: frozenset[str]
    emails: frozenset[str]
    mailboxes: frozenset[str]
    phones: frozenset[str]
    birth_dates: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A loaded model.

    Attributes:
        version: hash of the content.
        link_mark: scores from here on link two records.
        review_mark: scores from here up to the link mark are for a person to decide.
        household_limit: a contact point with more people than one and up to this many is a household's.
        cap: a block key held by more records than this is not used.
        similar_name: Jaro-Winkler similarity from which two names count as one misspelt.
        weights: comparison -> level -> the evidence to record.
        roots: given name -> the formal names it may stand for, itself included.
        forms: given name -> all forms of those formal names, for telling a misspelt or abbreviated one.
        given_names: names known to be names: two of them are different names, however alike they look.
    """

    version: str
    link_mark: float
    review_mark: float
    household_limit: int
    cap: int
    similar_name: float
    weights: Mapping[str, Mapping[str, Evidence]]
    placeholders: Placeholders
    role_mailboxes: frozenset[str]
    public_mail_domains: frozenset[str]
    roots: Mapping[str, frozenset[str]]
    forms: Mapping[str, frozenset[str]]
    given_names: frozenset[str]
    street_words: Mapping[str, str]
    legal_forms: frozenset[str]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check a model file.

        Raises:
            ConfigurationError: the file is missing or not YAML, or a key is wrong; the message names the key.
        """
        content = read_yaml(path)
        top = Section(file=path.name, key="", content=content)
        marks, limits, words = top.section("marks"), top.section("limits"), top.section("words")
        placeholders = top.section("placeholders")
        short_forms = words.text_lists("short_forms")
        roots = _roots(short_forms)
        model = cls(
            version=content_version(content),
            link_mark=marks.number("link"),
            review_mark=marks.number("review"),
            similar_name=marks.number("similar_name"),
            household_limit=limits.count("household"),
            cap=limits.count("cap"),
            weights=_weights(top.section("weights")),
            placeholders=Placeholders(
                names=placeholders.texts("names"),
                emails=placeholders.texts("emails"),
                mailboxes=placeholders.texts("mailboxes"),
                phones=placeholders.texts("phones"),
                birth_dates=placeholders.texts("birth_dates"),
            ),
            role_mailboxes=words.texts("role_mailboxes"),
            public_mail_domains=words.texts("public_mail_domains"),
            roots=roots,
            forms=_forms(roots, short_forms),
            given_names=words.texts("given_names") | _spellings(short_forms),
            street_words=words.text_map("street_words"),
            legal_forms=words.texts("legal_forms"),
        )
        marks.demand(model.review_mark <= model.link_mark, "review", "a number not above marks.link")
        marks.demand(0.5 <= model.similar_name <= 1, "similar_name", "a number from 0.5 to 1")
        for section in (marks, limits, words, placeholders, top):
            section.demand_nothing_else()
        return model


def _weights(section: Section) -> Mapping[str, Mapping[str, Evidence]]:
    weights: dict[str, Mapping[str, Evidence]] = {}
    for comparison, levels in LEVELS.items():
        row = section.section(comparison)
        weights[comparison] = {
            level: Evidence(comparison=comparison, level=level, weight=row.number(level)) for level in levels
        }
        row.demand_nothing_else()
    section.demand_nothing_else()
    return weights


def _roots(short_forms: Mapping[str, tuple[str, ...]]) -> Mapping[str, frozenset[str]]:
    roots: dict[str, set[str]] = {}
    for formal, shorts in short_forms.items():
        for form in (formal, *shorts):
            roots.setdefault(form, {form}).add(formal)
    return {form: frozenset(formals) for form, formals in roots.items()}


def _forms(
    roots: Mapping[str, frozenset[str]], short_forms: Mapping[str, tuple[str, ...]]
) -> Mapping[str, frozenset[str]]:
    return {
        name: formals.union(*(short_forms.get(formal, ()) for formal in formals)) for name, formals in roots.items()
    }


def _spellings(short_forms: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(form for formal, shorts in short_forms.items() for form in (formal, *shorts))
