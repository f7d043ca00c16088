"""Says in plain English why two records are one customer, or are not.

Takes two profiles and the model, gives rows for a table whose weights add up to the score. The one rule: rows tell
what was found, never the values themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from onevoice.identity.model import Model
from onevoice.identity.profile import Profile
from onevoice.identity.score import score

WORDS: Mapping[str, Mapping[str, str]] = {
    "given": {
        "exact": "the given names are equal",
        "nickname": "one given name is a short form of the other",
        "similar": "the given names look like one, misspelt",
        "swapped": "given and family name changed places",
        "initial": "one given name is only an initial, and it fits",
        "middle": "one's given name is the other's middle name",
        "alike": "the given names look alike, but both are names of their own",
        "different": "the given names differ",
    },
    "family": {
        "exact": "the family names are equal",
        "part": "one family name is part of the other",
        "similar": "the family names look like one, misspelt",
        "swapped": "family and given name changed places",
        "different": "the family names differ, as after a marriage",
    },
    "middle": {
        "exact": "the middle names are equal",
        "initial": "one middle name is only an initial, and it fits",
        "different": "the middle names differ",
    },
    "suffix": {
        "same": "the suffixes are equal",
        "one": "only one has a suffix such as Jr",
        "different": "the suffixes differ, as of father and son",
    },
    "birth": {
        "exact": "the dates of birth are equal",
        "swapped": "the dates of birth are equal with day and month swapped",
        "typo": "the dates of birth differ by one slip of a digit",
        "part": "two of day, month and year of birth are equal",
        "different": "the dates of birth differ",
        "generation": "the dates of birth differ by a generation",
    },
    "national_id": {
        "same": "the national ids are equal",
        "typo": "the national ids differ by one slip",
        "different": "the national ids differ",
    },
    "organisation": {
        "exact": "the organisations' names are equal apart from the legal form",
        "similar": "the organisations' names are alike",
        "different": "the organisations' names differ",
    },
    "register": {"same": "the register numbers are equal", "different": "the register numbers differ"},
    "vat": {"same": "the VAT numbers are equal", "different": "the VAT numbers differ"},
    "domain": {"same": "they share an internet domain", "different": "the internet domains differ"},
    "email": {
        "personal": "they share an e-mail address that nobody else uses",
        "household": "they share an e-mail address that a few people use",
        "role": "they share an e-mail address that is a function's or many people's",
        "similar": "the e-mail addresses differ by one slip",
        "different": "the e-mail addresses differ",
    },
    "phone": {
        "personal": "they share a telephone number that nobody else uses",
        "household": "they share a telephone number that a few people use",
        "role": "they share a telephone number that many people use",
        "suffix": "the telephone numbers end alike, as one read under two countries does",
        "different": "the telephone numbers differ",
    },
    "address": {
        "same": "they share an address",
        "similar": "the addresses look like one, misspelt",
        "street": "they share a street, not the house number",
        "postal": "they share a postal code, not the street",
        "city": "they share a town, not the street",
        "different": "the addresses differ",
    },
    "home": {"alone": "nobody else is known at their home"},
    "relatives": {"possible": "relatives of one home would have as much in common"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One line of an explanation: `total` is the sum of the weights down to this line."""

    comparison: str
    level: str
    words: str
    weight: float
    total: float


def explain_pair(a: Profile, b: Profile, model: Model, holders: Mapping[str, int]) -> tuple[EvidenceRow, ...]:
    """Return the evidence on a pair as a waterfall; the last `total` is the pair's score."""
    rows: list[EvidenceRow] = []
    total = 0.0
    for found in score(a, b, model, holders).evidence:
        total = round(total + found.weight, 6)
        words = WORDS[found.comparison][found.level]
        rows.append(
            EvidenceRow(comparison=found.comparison, level=found.level, words=words, weight=found.weight, total=total)
        )
    return tuple(rows)
